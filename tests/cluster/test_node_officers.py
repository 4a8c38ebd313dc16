"""TLS, and who may change the roll: registration is the registrar's alone."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import grpc
import pytest

from conformance.course_client import CourseClient, Student
from quorate_client.provision.certificates import Authority, Identity
from quorate_proto.v1 import roll_pb2, roll_pb2_grpc
from support.cluster import LocalCluster

pytestmark = pytest.mark.cluster

DENIED = grpc.StatusCode.PERMISSION_DENIED
UNREACHED = grpc.StatusCode.UNAVAILABLE  # what a failed handshake is to gRPC
ANN = Student("ann")


@dataclass(frozen=True)
class Caller:
    """Whose certificate she has, and on which port she calls."""

    address: str
    credentials: grpc.ChannelCredentials | None


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("tls") / "cluster") as running:
        yield running


def credentials(ca: bytes, own: Identity | None = None) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(
        ca, own.key if own else None, own.certificate if own else None
    )


def identity(cluster: LocalCluster, stem: str) -> Identity:
    path = cluster.folder / stem
    return Identity(
        certificate=path.with_suffix(".pem").read_bytes(), key=path.with_suffix(".key").read_bytes()
    )


def voters_port(cluster: LocalCluster, stem: str | None) -> Caller:
    ca = (cluster.folder / "ca.pem").read_bytes()
    own = identity(cluster, stem) if stem else None
    return Caller(cluster.endpoints["n1"], credentials(ca, own))


def officers_port(cluster: LocalCluster, own: Identity | None) -> Caller:
    ca = (cluster.folder / "ca.pem").read_bytes()
    officer = cluster.plan.nodes[0].officer
    assert officer is not None
    return Caller(officer, credentials(ca, own))


def _course_register(channel: grpc.Channel, caller: Caller) -> object:
    del channel
    with CourseClient(caller.address, credentials=caller.credentials, timeout_s=10) as client:
        return client.register(ANN)


def _course_unregister(channel: grpc.Channel, caller: Caller) -> object:
    del channel
    with CourseClient(caller.address, credentials=caller.credentials, timeout_s=10) as client:
        return client.unregister(ANN.name)


def _native_register(channel: grpc.Channel, caller: Caller) -> object:
    del caller
    request = roll_pb2.RegisterVoterRequest(
        request_id=b"register".ljust(16), name=ANN.name, group=ANN.group, public_key=ANN.public_key
    )
    return roll_pb2_grpc.RollServiceStub(channel).RegisterVoter(request, timeout=10)


def _native_unregister(channel: grpc.Channel, caller: Caller) -> object:
    del caller
    request = roll_pb2.UnregisterVoterRequest(request_id=b"unregister".ljust(16), name=ANN.name)
    return roll_pb2_grpc.RollServiceStub(channel).UnregisterVoter(request, timeout=10)


def _list(channel: grpc.Channel, caller: Caller) -> object:
    del caller
    return roll_pb2_grpc.RollServiceStub(channel).ListVoters(
        roll_pb2.ListVotersRequest(), timeout=10
    )


CHANGES = [_course_register, _native_register, _course_unregister, _native_unregister]
Call = Callable[[grpc.Channel, Caller], object]


def refusal(call: Call, caller: Caller) -> grpc.StatusCode | None:
    """Return the status that refused a call, or None if it was answered."""
    channel = (
        grpc.insecure_channel(caller.address)
        if caller.credentials is None
        else grpc.secure_channel(caller.address, caller.credentials)
    )
    with channel:
        try:
            call(channel, caller)
        except grpc.RpcError as error:
            return error.code()
    return None


def refusals(caller: Caller) -> list[grpc.StatusCode | None]:
    return [refusal(call, caller) for call in (*CHANGES, _list)]


def test_plaintext_to_a_tls_port_fails(cluster: LocalCluster) -> None:
    assert refusals(Caller(cluster.endpoints["n1"], None)) == [UNREACHED] * 5


def test_voters_who_do_not_know_the_clusters_ca_refuse_to_talk(cluster: LocalCluster) -> None:
    ca = Authority("0" * 32, dt.datetime.now(dt.UTC)).identity.certificate
    assert refusals(Caller(cluster.endpoints["n1"], credentials(ca))) == [UNREACHED] * 5


@pytest.mark.parametrize("stem", [None, "officers/registrar", "nodes/n1/node"])
def test_nobody_changes_the_roll_on_the_voters_port(
    cluster: LocalCluster, stem: str | None
) -> None:
    assert refusals(voters_port(cluster, stem)) == [DENIED] * 5


def test_without_a_certificate_the_officers_port_does_not_talk(cluster: LocalCluster) -> None:
    assert refusals(officers_port(cluster, None)) == [UNREACHED] * 5


def test_the_operator_may_look_at_the_roll_but_not_change_it(cluster: LocalCluster) -> None:
    caller = officers_port(cluster, identity(cluster, "officers/operator"))
    assert refusals(caller) == [DENIED] * 4 + [None]


def test_a_node_is_no_officer(cluster: LocalCluster) -> None:
    caller = officers_port(cluster, identity(cluster, "nodes/n2/node"))
    assert refusals(caller) == [DENIED] * 5


def test_a_registrar_of_a_foreign_authority_is_nobody(cluster: LocalCluster) -> None:
    foreign = Authority(cluster.folder.name, dt.datetime.now(dt.UTC)).officer("registrar")
    assert refusals(officers_port(cluster, foreign)) == [UNREACHED] * 5


def test_a_registrar_whose_certificate_has_expired_is_nobody(cluster: LocalCluster) -> None:
    long_ago = dt.datetime.now(dt.UTC) - dt.timedelta(days=3000)
    expired = Authority("0" * 32, long_ago).officer("registrar")
    assert refusals(officers_port(cluster, expired)) == [UNREACHED] * 5


def test_the_registrar_changes_the_roll_and_voters_then_vote_over_tls(
    cluster: LocalCluster,
) -> None:
    registrar = officers_port(cluster, identity(cluster, "officers/registrar"))
    assert refusals(registrar) == [None] * 5
    voter = voters_port(cluster, None)
    with (
        CourseClient(registrar.address, credentials=registrar.credentials) as officer,
        CourseClient(voter.address, credentials=voter.credentials) as client,
    ):
        assert officer.register(ANN) == 0
        token = client.login(ANN)
        assert client.create(token, "e", [ANN.group], ["yes"], 2e9) == 0
        assert client.vote(token, "e", "yes") == 0
        assert officer.vote(token, "e", "yes") == 4  # the same services on the officers' port


def test_the_harness_reaches_the_officers_port_too(cluster: LocalCluster) -> None:
    with cluster.officer_channel("n3", "operator") as channel:
        reply = roll_pb2_grpc.RollServiceStub(channel).ListVoters(
            roll_pb2.ListVotersRequest(page_size=1000), timeout=10
        )
    assert {voter.name for voter in reply.voters} <= {ANN.name}
