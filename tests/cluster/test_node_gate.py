"""What every call passes on its way in and out of a node."""

import signal
from collections.abc import Iterator

import grpc
import pytest

from quorate_proto.v1 import auth_pb2, auth_pb2_grpc
from support.cluster import LocalCluster, eventually, outcome_of, unary

pytestmark = pytest.mark.cluster

REQUEST = auth_pb2.GetChallengeRequest(voter_name="ann")


@pytest.fixture
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("gate") / "cluster", nodes=1) as running:
        yield running


def test_every_answer_says_who_leads(cluster: LocalCluster) -> None:
    with cluster.channel("n1") as channel:
        _, call = auth_pb2_grpc.AuthServiceStub(channel).GetChallenge.with_call(REQUEST, timeout=5)
    assert ("quorate-leader", "n1") in [tuple(item) for item in call.trailing_metadata()]


def test_bytes_that_are_no_message_are_an_invalid_argument_and_no_noise(
    cluster: LocalCluster,
) -> None:
    with cluster.channel("n1") as channel:
        for method in ("/voting.eVoting/CastVote", "/quorate.v1.BallotService/CastBallot"):
            with pytest.raises(grpc.RpcError) as caught:
                unary(channel, method)(b"\xff\xff", timeout=5)
            assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
            assert outcome_of(caught.value) == "definite"
    assert "Traceback" not in cluster.log("n1").read_text()


def test_a_stopping_node_sends_new_calls_elsewhere_and_says_that_nothing_was_done(
    cluster: LocalCluster,
) -> None:
    with cluster.channel("n1") as channel:
        stub = auth_pb2_grpc.AuthServiceStub(channel)
        stub.GetChallenge(REQUEST, timeout=5)
        cluster.signal("n1", signal.SIGTERM)

        def refused() -> grpc.RpcError | None:
            try:
                stub.GetChallenge(REQUEST, timeout=5)
            except grpc.RpcError as error:
                return error
            return None

        error = eventually(refused, "a call is refused")
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert outcome_of(error) == "definite"


def test_those_who_watch_its_health_cannot_take_every_place(cluster: LocalCluster) -> None:
    with cluster.channel("n1") as channel:
        watch: grpc.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(
            "/grpc.health.v1.Health/Watch"
        )
        watches = [watch(b"") for _ in range(250)]
        ends = [_first(stream) for stream in watches]
        assert ends.count(None) == 50, "the 200 first watch, the others are refused"
        auth_pb2_grpc.AuthServiceStub(channel).GetChallenge(REQUEST, timeout=5)
        for stream in watches:
            stream.cancel()


def _first(stream: Iterator[bytes]) -> bytes | None:
    """Return a stream's first message, or None if it was refused."""
    try:
        return next(stream)
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            return None
        raise
