"""The client against real gRPC nodes that freeze, die, answer with hints, or lose their replies."""

import asyncio
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quorate_client import (
    AsyncClient,
    InvalidRequest,
    LocalError,
    NotDone,
    NotFound,
    PermissionDenied,
    Profile,
    Unauthenticated,
    Unknown,
    VoterKey,
    aio,
)
from quorate_client.profile import Node
from quorate_proto.v1.auth_pb2 import AuthenticateRequest
from quorate_proto.v1.ballot_pb2 import (
    CastBallotOutcome,
    CastBallotRequest,
    CheckBallotOutcome,
)
from quorate_proto.v1.cluster_pb2 import GetClusterStatusRequest
from quorate_proto.v1.election_pb2 import GetResultsOutcome, ListElectionsRequest
from quorate_proto.v1.roll_pb2 import RegisterVoterOutcome, UnregisterVoterOutcome

from .client_fakes import FakeCluster, Fault

TOKEN = b"a token"
COUNTED = CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED
SOON = datetime.now(UTC) + timedelta(hours=1)


@pytest.fixture
def cluster() -> Iterator[FakeCluster]:
    with FakeCluster() as cluster:
        yield cluster


@pytest.fixture
def alice() -> VoterKey:
    return VoterKey("alice", Ed25519PrivateKey.generate())


def client_of(cluster: FakeCluster, *, timeout_s: float = 30.0) -> AsyncClient:
    return AsyncClient(cluster.profile, timeout_s=timeout_s, attempt_timeout_s=1.0)


@pytest.mark.parametrize(
    "fault", [Fault.FREEZE, Fault.LOSE_REPLY, Fault.NO_LEADER, Fault.MAYBE, Fault.OVERLOADED]
)
async def test_a_ballot_gets_past_faults_of_every_node_under_one_request_id(
    cluster: FakeCluster, fault: Fault
) -> None:
    cluster.everywhere(fault)
    async with client_of(cluster) as client:
        assert (await client.cast_ballot("lunch", "soup", by=TOKEN)).outcome == COUNTED
    requests = cluster.asked(CastBallotRequest)
    assert len(requests) > 1
    assert len({request.request_id for request in requests}) == 1
    assert list(cluster.state.ballots.values()) == ["soup"]


async def test_a_ballot_is_counted_while_any_node_lives(cluster: FakeCluster) -> None:
    async with client_of(cluster) as client:
        for node in cluster.nodes[:2]:
            assert (await client.cast_ballot("lunch", "soup", by=TOKEN)).outcome == COUNTED
            node.die()
        assert (await client.cast_ballot("lunch", "soup", by=TOKEN)).outcome == COUNTED


async def test_concurrent_calls_outlive_the_replacement_of_their_channel(
    cluster: FakeCluster,
) -> None:
    cluster.everywhere(Fault.FREEZE, Fault.FREEZE)
    async with client_of(cluster) as client:
        calls = (client.cast_ballot("lunch", str(n), by=TOKEN) for n in range(20))
        assert [answer.outcome for answer in await asyncio.gather(*calls)] == [COUNTED] * 20
    assert len(cluster.state.ballots) == 20


async def test_a_connection_that_a_call_froze_on_is_replaced(cluster: FakeCluster) -> None:
    node = cluster.nodes[0]
    node.faults.append(Fault.FREEZE)
    profile = Profile((Node("n1", node.endpoint),), lab=True)
    async with AsyncClient(profile, attempt_timeout_s=0.3) as client:
        assert (await client.cast_ballot("lunch", "soup", by=TOKEN)).outcome == COUNTED
    first, second = node.peers[0], node.peers[-1]
    assert first != second


async def test_a_frozen_node_costs_a_moment_not_its_time_out(cluster: FakeCluster) -> None:
    for node in cluster.nodes[:2]:
        node.faults.append(Fault.FREEZE)
    async with AsyncClient(cluster.profile, timeout_s=300.0, attempt_timeout_s=100.0) as client:
        calls = [asyncio.create_task(client.cast_ballot("a", "b", by=TOKEN)) for _ in range(5)]
        async with asyncio.timeout(20.0):  # the first attempts are still under way
            answers = await asyncio.gather(*calls)
    assert [answer.outcome for answer in answers] == [COUNTED] * 5


async def test_an_attempt_that_nobody_waits_for_any_more_is_cancelled(cluster: FakeCluster) -> None:
    cluster.nodes[0].faults.append(Fault.FREEZE)
    cluster.nodes[1].faults.append(Fault.FREEZE)
    async with client_of(cluster) as client:
        await client.cast_ballot("lunch", "soup", by=TOKEN)
        others = asyncio.all_tasks() - {asyncio.current_task()}
        assert not any("_attempt" in repr(task.get_coro()) for task in others)


async def test_a_counted_ballot_has_a_receipt_that_can_be_checked_at_any_node(
    cluster: FakeCluster,
) -> None:
    async with client_of(cluster) as client:
        receipt = (await client.cast_ballot("lunch", "soup", by=TOKEN)).receipt
        [request] = cluster.asked(CastBallotRequest)
        assert (receipt.election_name, receipt.ballot_id) == ("lunch", request.request_id)
        cluster.nodes[0].die()
        answer = await client.check_ballot("lunch", voter="alice", ballot_id=receipt.ballot_id)
        assert answer.outcome == CheckBallotOutcome.CHECK_BALLOT_OUTCOME_COUNTED
        other = await client.check_ballot("lunch", voter="alice", ballot_id=b"i" * 16)
        assert other.outcome == CheckBallotOutcome.CHECK_BALLOT_OUTCOME_NOT_COUNTED_YET


async def test_a_hint_leads_to_the_leader(cluster: FakeCluster) -> None:
    n1, n2, n3 = cluster.nodes
    for node in (n1, n3):
        node.faults.append(Fault.HINT_N2)
    async with client_of(cluster) as client:
        await client.cluster_status()
        await client.cluster_status()
    assert len(n1.seen) + len(n3.seen) <= 1
    assert n2.seen


async def test_a_dead_cluster_is_a_definite_failure(cluster: FakeCluster) -> None:
    for node in cluster.nodes:
        node.die()
    async with client_of(cluster, timeout_s=0.5) as client:
        with pytest.raises(NotDone, match="refused"):
            await client.cast_ballot("lunch", "soup", by=TOKEN)


async def test_a_repeated_ballot_is_never_called_definitely_not_cast(
    cluster: FakeCluster,
) -> None:
    """The first try, in another process perhaps, may have been counted."""
    for node in cluster.nodes:
        node.die()
    async with client_of(cluster, timeout_s=0.5) as client:
        with pytest.raises(Unknown) as caught:
            await client.cast_ballot("lunch", "soup", by=TOKEN, request_id=b"i" * 16)
        assert caught.value.request_id == b"i" * 16
        with pytest.raises(NotDone):
            await client.cast_ballot(
                "lunch", "soup", by=TOKEN, request_id=b"j" * 16, repeated=False
            )


async def test_a_node_that_never_says_a_word_is_a_definite_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"127.0.0.1:{silent.getsockname()[1]}"
        profile = Profile((Node("n1", endpoint),), lab=True)
        async with AsyncClient(profile, timeout_s=0.5) as client:
            with pytest.raises(NotDone, match="no connection in time"):
                await client.cast_ballot("lunch", "soup", by=TOKEN)


async def test_a_cluster_without_a_leader_is_a_definite_failure(cluster: FakeCluster) -> None:
    cluster.everywhere(*[Fault.NO_LEADER] * 100)
    async with client_of(cluster, timeout_s=0.5) as client:
        with pytest.raises(NotDone, match="no leader"):
            await client.cast_ballot("lunch", "soup", by=TOKEN)


async def test_one_indefinite_attempt_makes_the_outcome_unknown_with_its_request_id(
    cluster: FakeCluster,
) -> None:
    cluster.everywhere(Fault.LOSE_REPLY, *[Fault.NO_LEADER] * 100)
    async with client_of(cluster, timeout_s=0.5) as client:
        with pytest.raises(Unknown) as caught:
            await client.cast_ballot("lunch", "soup", by=TOKEN)
    assert set(cluster.state.ballots) == {caught.value.request_id}


async def test_a_refusal_after_an_indefinite_attempt_is_still_unknown(
    cluster: FakeCluster,
) -> None:
    cluster.everywhere(Fault.MAYBE, Fault.DENY)
    async with client_of(cluster) as client:
        with pytest.raises(Unknown):
            await client.cast_ballot("lunch", "soup", by=TOKEN)


async def test_a_read_that_fails_is_never_unknown(cluster: FakeCluster) -> None:
    cluster.everywhere(*[Fault.MAYBE] * 100)
    async with client_of(cluster, timeout_s=0.5) as client:
        with pytest.raises(NotDone):
            await client.get_results("lunch")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DENY, PermissionDenied),
        (Fault.UNAUTHENTICATED, Unauthenticated),
        (Fault.INVALID, InvalidRequest),
    ],
)
async def test_a_refusal_is_raised_at_once(
    cluster: FakeCluster, fault: Fault, error: type[Exception]
) -> None:
    cluster.everywhere(fault)
    async with client_of(cluster) as client:
        with pytest.raises(error):
            await client.cast_ballot("lunch", "soup", by=TOKEN)
    assert len(cluster.asked(CastBallotRequest)) == 1


async def test_a_rejection_is_a_value(cluster: FakeCluster) -> None:
    cluster.state.cast_outcome = CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_CLOSED
    async with client_of(cluster) as client:
        answer = await client.cast_ballot("lunch", "soup", by=TOKEN)
    assert answer.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_CLOSED


async def test_a_rejection_for_now_is_unknown_while_an_earlier_attempt_may_be_carried_out(
    cluster: FakeCluster,
) -> None:
    """A node that was frozen may yet hand on its copy, when the election has been created."""
    cluster.state.cast_outcome = CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_NOT_FOUND
    async with client_of(cluster) as client:
        answer = await client.cast_ballot("lunch", "soup", by=TOKEN)
        assert answer.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_NOT_FOUND
        cluster.everywhere(Fault.MAYBE)
        with pytest.raises(Unknown, match="ELECTION_NOT_FOUND"):
            await client.cast_ballot("lunch", "soup", by=TOKEN)


async def test_an_answer_without_an_outcome_is_unknown(cluster: FakeCluster) -> None:
    cluster.state.cast_outcome = CastBallotOutcome.CAST_BALLOT_OUTCOME_UNSPECIFIED
    async with client_of(cluster) as client:
        with pytest.raises(Unknown):
            await client.cast_ballot("lunch", "soup", by=TOKEN)


async def test_the_signature_is_the_voters_over_the_challenge(
    cluster: FakeCluster, alice: VoterKey
) -> None:
    async with client_of(cluster) as client:
        assert await client.authenticate(alice.name, alice.key) == b"token 1"
    [request] = cluster.asked(AuthenticateRequest)
    assert request.voter_name == "alice"
    alice.key.public_key().verify(request.signature, b"sign me")


async def test_a_token_is_kept_for_its_voter_and_key(cluster: FakeCluster, alice: VoterKey) -> None:
    async with client_of(cluster) as client:
        await client.cast_ballot("lunch", "soup", by=alice)
        await client.cast_ballot("dinner", "soup", by=alice)
        assert cluster.state.tokens == 1
        await client.authenticate("alice", Ed25519PrivateKey.generate())
        assert cluster.state.tokens == 2


async def test_a_token_near_its_end_is_bought_anew(cluster: FakeCluster, alice: VoterKey) -> None:
    cluster.state.token_end_s = time.time() + 299
    async with client_of(cluster) as client:
        await client.authenticate(alice.name, alice.key)
        await client.authenticate(alice.name, alice.key)
    assert cluster.state.tokens == 2


async def test_a_refused_token_is_bought_anew_once_under_the_same_request_id(
    cluster: FakeCluster, alice: VoterKey
) -> None:
    cluster.state.refused_tokens = {b"token 1"}
    async with client_of(cluster) as client:
        assert (await client.cast_ballot("lunch", "soup", by=alice)).outcome == COUNTED
    first, second = cluster.asked(CastBallotRequest)
    assert first.request_id == second.request_id


async def test_a_voter_whose_fresh_token_is_refused_is_rejected(
    cluster: FakeCluster, alice: VoterKey
) -> None:
    cluster.state.refused_tokens = {b"token 1", b"token 2"}
    async with client_of(cluster) as client:
        answer = await client.cast_ballot("lunch", "soup", by=alice)
    assert answer.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_INVALID_TOKEN
    assert cluster.state.tokens == 2


async def test_a_ballot_that_may_be_counted_stays_unknown_when_its_voter_cannot_authenticate_anew(
    cluster: FakeCluster, alice: VoterKey
) -> None:
    node = cluster.nodes[0]
    profile = Profile((Node("n1", node.endpoint),), lab=True)
    async with AsyncClient(profile) as client:
        await client.authenticate(alice.name, alice.key)
        cluster.state.refused_tokens = {b"token 1"}
        cluster.state.tokens_left = 0
        # The ballot perhaps, the ballot refused; the new challenge definitely not, then its proof.
        node.faults.extend([Fault.MAYBE, Fault.PASS, Fault.NO_LEADER])
        with pytest.raises(Unknown):
            await client.cast_ballot("lunch", "soup", by=alice)


async def test_every_page_of_a_list_is_fetched(cluster: FakeCluster) -> None:
    names = ["a", "b", "c", "d", "e"]
    async with client_of(cluster) as client:
        for name in names:
            await client.create_election(name, groups=["g"], choices=["x"], end_time=SOON, by=TOKEN)
        assert [e.name async for e in client.list_elections(page_size=2)] == names
    assert len(cluster.asked(ListElectionsRequest)) == 3


async def test_waiting_for_a_result_outlasts_extensions(
    cluster: FakeCluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aio, "MAX_POLL_S", 0.0)
    monkeypatch.setattr(aio, "FIRST_POLL_S", 0.0)
    cluster.state.looks_until_closed = 3
    cluster.state.tally = [("soup", 2), ("pizza", 0)]
    async with client_of(cluster) as client:
        await client.create_election(
            "lunch", groups=["g"], choices=["soup", "pizza"], end_time=SOON, by=TOKEN
        )
        results = await client.wait_results("lunch")
    assert results.outcome == GetResultsOutcome.GET_RESULTS_OUTCOME_AVAILABLE
    assert [(count.choice, count.count) for count in results.counts] == cluster.state.tally


async def test_an_election_that_is_not_there_is_not_found(cluster: FakeCluster) -> None:
    async with client_of(cluster) as client:
        with pytest.raises(NotFound):
            await client.get_election("nothing")


async def test_the_roll_can_be_kept(cluster: FakeCluster, alice: VoterKey) -> None:
    async with client_of(cluster) as client:
        outcome = await client.register_voter("alice", group="g", key=alice.key.public_key())
        assert outcome == RegisterVoterOutcome.REGISTER_VOTER_OUTCOME_REGISTERED
        [voter] = [voter async for voter in client.list_voters()]
        assert (voter.name, voter.group, voter.public_key) == ("alice", "g", alice.public_bytes)
        stricken = await client.unregister_voter("alice")
        assert stricken == UnregisterVoterOutcome.UNREGISTER_VOTER_OUTCOME_UNREGISTERED


async def test_officers_business_needs_an_officers_certificate(alice: VoterKey) -> None:
    profile = Profile((Node("n1", "127.0.0.1:1"),), ca=b"a certificate")
    async with AsyncClient(profile) as client:
        with pytest.raises(LocalError, match="registrar"):
            await client.register_voter("alice", group="g", key=alice.key.public_key())


async def test_the_status_comes_from_any_node(cluster: FakeCluster) -> None:
    cluster.nodes[0].die()
    async with client_of(cluster) as client:
        status = await client.cluster_status(include_digest=True)
    assert status.answered_by in {"n2", "n3"}
    assert [request.include_digest for request in cluster.asked(GetClusterStatusRequest)] == [True]


async def test_an_end_time_without_a_zone_is_refused(cluster: FakeCluster) -> None:
    async with client_of(cluster) as client:
        with pytest.raises(ValueError, match="time zone"):
            await client.create_election(
                "lunch",
                groups=["g"],
                choices=["x"],
                end_time=datetime(2030, 1, 1),  # noqa: DTZ001 - the mistake under test
                by=TOKEN,
            )
