"""SIGTERM: a node goes without anybody losing anything."""

import itertools
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from conformance.course_client import CourseClient, Student, message, parse
from quorate_proto.v1 import ballot_pb2, ballot_pb2_grpc
from support.cluster import LocalCluster, eventually, unary

pytestmark = pytest.mark.cluster

FAR_S = 4e9  # the year 2096
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("stopping") / "cluster", lab=True) as running:
        yield running


@pytest.fixture
def cluster(running: LocalCluster) -> LocalCluster:
    """All nodes run, whatever the test before has stopped."""
    for name in running.names:
        if name not in running.processes:
            running.start(name)
    running.wait_ready()
    return running


def client_of(cluster: LocalCluster, *names: str) -> CourseClient:
    return CourseClient(*(cluster.endpoints[name] for name in names))


def enrolled(client: CourseClient) -> bytes:
    student = Student(f"student {next(_numbers)}")
    assert client.register(student) == 0
    return client.login(student)


def created(client: CourseClient, token: bytes) -> str:
    name = f"election {next(_numbers)}"
    assert client.create(token, name, ["students"], ["yes", "no"], FAR_S) == 0
    return name


def others(cluster: LocalCluster, name: str) -> list[str]:
    return [other for other in cluster.names if other != name]


def test_a_leader_that_is_told_to_stop_hands_over_first(cluster: LocalCluster) -> None:
    leader = cluster.leader()
    assert cluster.stop(leader) == 0
    log = cluster.log(leader).read_text().rsplit("stopping: no new calls", 1)[1]
    assert "follower in term" in log
    assert log.rstrip().endswith("stopped")
    assert cluster.leader() in others(cluster, leader)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_node_stops_under_load_with_status_0_and_no_acknowledged_ballot_is_lost(
    cluster: LocalCluster, number: signal.Signals
) -> None:
    leader = cluster.leader()
    with client_of(cluster, *cluster.names) as client:
        tokens = [enrolled(client) for _ in range(120)]
        election = created(client, tokens[0])
    started = threading.Semaphore(0)

    def cast(token: bytes) -> int:
        started.release()
        with client_of(cluster, leader, *others(cluster, leader)) as client:
            return client.vote(token, election, "yes")

    with ThreadPoolExecutor(7) as pool:
        casts = [pool.submit(cast, token) for token in tokens]
        for _ in range(20):
            assert started.acquire(timeout=30)
        status = cluster.stop(leader, number)
        codes = [each.result() for each in casts]
    assert status == 0
    # A course client that goes on elsewhere can't tell its own lost answer from a second vote.
    assert set(codes) <= {0, 4}
    with client_of(cluster, *others(cluster, leader)) as client:
        assert [client.vote(token, election, "no") for token in tokens] == [4] * len(tokens)
    cluster.same_digest()


def test_a_call_under_way_is_finished_before_the_node_goes(cluster: LocalCluster) -> None:
    """The call is held up by freezing the other two, and freed after the node was told to stop."""
    node = cluster.leader()
    with client_of(cluster, node) as client:
        token = enrolled(client)
        election = created(client, token)
    with cluster.channel(node) as channel, ThreadPoolExecutor(1) as pool:
        vote = message("Vote", election_name=election, choice_name="yes", token={"value": token})
        challenge = message("VoterName", name="anyone").SerializeToString()
        for other in others(cluster, node):
            cluster.signal(other, signal.SIGSTOP)
        try:
            cast = unary(channel, "/voting.eVoting/CastVote").future(
                vote.SerializeToString(), timeout=30
            )
            # Calls of one connection arrive in order: once this is answered, the cast is there.
            unary(channel, "/voting.eVoting/PreAuth")(challenge, timeout=30)
            seen = cluster.log(node).read_text().count("stopping: no new calls")
            stopped = pool.submit(cluster.stop, node)
            eventually(
                lambda: cluster.log(node).read_text().count("stopping: no new calls") > seen,
                "it is stopping",
            )
        finally:
            for other in others(cluster, node):
                cluster.signal(other, signal.SIGCONT)
        assert parse("Status", cast.result()).code == 0
        assert stopped.result() == 0
    with client_of(cluster, *others(cluster, node)) as client:
        assert client.vote(token, election, "no") == 4


def test_a_client_that_watches_its_health_does_not_keep_a_node_from_stopping(
    cluster: LocalCluster,
) -> None:
    with cluster.channel("n2") as channel:
        watching: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            "/grpc.health.v1.Health/Watch"
        )
        watch = watching(b"", timeout=60)
        assert next(watch) == b"\x08\x01"  # SERVING
        assert cluster.stop("n2") == 0
        with pytest.raises(grpc.RpcError):
            list(watch)


def test_the_last_node_of_a_majority_stops_with_status_0_too(cluster: LocalCluster) -> None:
    assert [cluster.stop(name) for name in cluster.names] == [0, 0, 0]


def test_a_repeated_request_is_told_counted_by_any_node_after_any_death(
    cluster: LocalCluster,
) -> None:
    """Native clients give their own ids: the answer that was lost is given again."""
    with client_of(cluster, *cluster.names) as client:
        token = enrolled(client)
        election = created(client, token)
    request = ballot_pb2.CastBallotRequest(
        request_id=b"an id of the client's", election_name=election, choice="no", token=token
    )

    def cast(name: str) -> int:
        with cluster.channel(name) as channel:
            stub = ballot_pb2_grpc.BallotServiceStub(channel)
            return stub.CastBallot(request, timeout=20).outcome

    counted = ballot_pb2.CAST_BALLOT_OUTCOME_COUNTED
    leader = cluster.leader()
    assert cast(leader) == counted
    cluster.kill(leader)
    assert [cast(name) for name in others(cluster, leader) * 2] == [counted] * 4
    request.request_id = b"another of the client's"
    assert cast(others(cluster, leader)[0]) == ballot_pb2.CAST_BALLOT_OUTCOME_ALREADY_CAST
