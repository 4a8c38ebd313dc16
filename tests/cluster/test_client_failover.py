"""The client on real nodes: one is frozen, one comes back, and all of them know a receipt."""

import asyncio
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from conformance.course_client import CourseClient
from quorate_client import AsyncClient, Profile, VoterKey, channels, new_request_id
from quorate_client.profile import Node
from quorate_node import server
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome, CheckBallotOutcome
from quorate_proto.v1.election_pb2 import GetResultsOutcome
from support.cluster import LocalCluster

pytestmark = pytest.mark.cluster

COUNTED = CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED
CALLERS, CALLS = 5, 8
MAX_CLOCK_OFFSET_S = 2.0
NO_LIMIT_S = 100.0  # of an attempt: who waits for it fails by the test's own time-out


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("failover") / "cluster") as cluster:
        yield cluster


async def voters(profile: Profile, count: int) -> list[VoterKey]:
    made = [
        VoterKey(f"voter {new_request_id().hex()}", Ed25519PrivateKey.generate())
        for _ in range(count)
    ]
    async with AsyncClient(profile) as client:
        for voter in made:
            await client.register_voter(voter.name, group="all", key=voter.key.public_key())
    return made


async def election(profile: Profile, by: VoterKey, seconds: float = 3600.0) -> str:
    name = f"election {new_request_id().hex()}"
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    async with AsyncClient(profile) as client:
        await client.create_election(
            name, groups=["all"], choices=["yes", "no"], end_time=end, by=by
        )
    return name


@pytest.mark.parametrize("who", ["the leader", "a follower"])
async def test_no_call_fails_or_waits_for_a_frozen_node(cluster: LocalCluster, who: str) -> None:
    profile = Profile.load(cluster.folder)
    cluster.wait_ready()
    leader = cluster.leader()
    frozen = leader if who == "the leader" else next(n for n in cluster.names if n != leader)
    cast = await voters(profile, CALLERS * CALLS)
    name = await election(profile, cast[0])
    half_way = asyncio.Event()

    async def caller(number: int) -> list[int]:
        outcomes: list[int] = []
        async with AsyncClient(
            profile, timeout_s=3 * NO_LIMIT_S, attempt_timeout_s=NO_LIMIT_S
        ) as client:
            for by in cast[number::CALLERS]:
                if len(outcomes) == CALLS // 2:
                    await half_way.wait()
                outcomes.append((await client.cast_ballot(name, "yes", by=by)).outcome)
                if len(outcomes) == CALLS // 2 and not half_way.is_set():
                    cluster.signal(frozen, signal.SIGSTOP)
                    half_way.set()
        return outcomes

    try:
        async with asyncio.timeout(0.9 * NO_LIMIT_S):
            told = await asyncio.gather(*map(caller, range(CALLERS)))
    finally:
        cluster.signal(frozen, signal.SIGCONT)
    assert [outcome for each in told for outcome in each] == [COUNTED] * CALLERS * CALLS


async def test_a_client_finds_a_node_again_that_was_restarted(cluster: LocalCluster) -> None:
    name = cluster.names[0]
    profile = Profile.load(cluster.folder)
    [node] = [node for node in profile.nodes if node.name == name]
    alone = Profile((node,), ca=profile.ca, ca_file=profile.ca_file)
    cluster.wait_ready()
    async with AsyncClient(alone, timeout_s=NO_LIMIT_S) as client:
        await client.cluster_status()
        cluster.kill(name)
        cluster.start(name)
        await client.cluster_status()  # one call: it is repeated until the node is there


def test_keepalive_stays_within_what_the_nodes_allow() -> None:
    """Else they end the connection, for "too many pings"."""
    ours, theirs = dict(channels.OPTIONS), dict(server.OPTIONS)
    least_ms = theirs["grpc.http2.min_ping_interval_without_data_ms"]
    assert ours["grpc.keepalive_time_ms"] > least_ms
    assert theirs["grpc.keepalive_permit_without_calls"] == 1


async def test_every_node_knows_a_counted_ballot_by_its_receipt_also_after_the_close(
    cluster: LocalCluster,
) -> None:
    profile = Profile.load(cluster.folder)
    cluster.wait_ready()
    alice, bob = await voters(profile, 2)
    name = await election(profile, alice, seconds=4)
    async with AsyncClient(profile) as client:
        receipt = (await client.cast_ballot(name, "yes", by=alice)).receipt
        assert receipt.election_name == name
        age = datetime.now(UTC) - receipt.cluster_time.ToDatetime(UTC)
        assert timedelta(0) <= age < timedelta(minutes=1, seconds=MAX_CLOCK_OFFSET_S)
        assert receipt.cluster_time.seconds % 60 == receipt.cluster_time.nanos == 0
        outcomes = await checks(profile, name, alice, receipt.ballot_id)
        assert outcomes == [CheckBallotOutcome.CHECK_BALLOT_OUTCOME_COUNTED] * 3
        for voter, ballot_id in ((alice, new_request_id()), (bob, receipt.ballot_id)):
            outcomes = await checks(profile, name, voter, ballot_id)
            assert outcomes == [CheckBallotOutcome.CHECK_BALLOT_OUTCOME_NOT_COUNTED_YET] * 3
        await client.unregister_voter(alice.name)
        results = await client.wait_results(name)
        assert results.outcome == GetResultsOutcome.GET_RESULTS_OUTCOME_AVAILABLE
        outcomes = await checks(profile, name, alice, receipt.ballot_id)
        assert outcomes == [CheckBallotOutcome.CHECK_BALLOT_OUTCOME_COUNTED] * 3
        outcomes = await checks(profile, name, bob, new_request_id())
        assert outcomes == [CheckBallotOutcome.CHECK_BALLOT_OUTCOME_NOT_COUNTED] * 3
        outcomes = await checks(profile, "no such election", bob, new_request_id())
        assert outcomes == [CheckBallotOutcome.CHECK_BALLOT_OUTCOME_ELECTION_NOT_FOUND] * 3


async def checks(profile: Profile, name: str, voter: VoterKey, ballot_id: bytes) -> list[int]:
    """Ask every node for itself."""
    outcomes: list[int] = []
    for node in profile.nodes:
        alone = Profile((Node(node.name, node.client),), ca=profile.ca, ca_file=profile.ca_file)
        async with AsyncClient(alone) as client:
            answer = await client.check_ballot(name, voter=voter.name, ballot_id=ballot_id)
        outcomes.append(answer.outcome)
    return outcomes


async def test_a_course_client_that_repeats_itself_at_every_node_gets_one_ballot_counted(
    cluster: LocalCluster,
) -> None:
    """It has no request ids: what it is told the second time is 4, and nothing is counted twice."""
    profile = Profile.load(cluster.folder)
    cluster.wait_ready()
    [alice] = await voters(profile, 1)
    name = await election(profile, alice, seconds=3)
    credentials = grpc.ssl_channel_credentials((cluster.folder / "ca.pem").read_bytes())
    async with AsyncClient(profile) as client:
        token = await client.authenticate(alice.name, alice.key)

    def cast(endpoint: str) -> int:
        with CourseClient(endpoint, credentials=credentials) as course:
            return course.vote(token, name, "yes")

    endpoints = [cluster.endpoints[node] for node in cluster.names for _ in range(4)]
    told = await asyncio.gather(*(asyncio.to_thread(cast, endpoint) for endpoint in endpoints))
    assert sorted(told) == [0] + [4] * (len(endpoints) - 1)
    async with AsyncClient(profile) as client:
        results = await client.wait_results(name)
    assert [count.count for count in results.counts] == [1, 0]
