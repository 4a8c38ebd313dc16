"""Who may stand for leader, and when (hazards 14 and 15)."""

import pytest

from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    PreVote,
    RequestPreVote,
    RequestVote,
    Standing,
    TimeoutNow,
    Vote,
)
from support.lone_member import MakeLone


def test_a_member_that_was_cut_off_asks_before_it_disturbs(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.pass_time(60)
    assert member.member.raft.term == 1
    assert member.sent(RequestPreVote)
    assert not member.sent(RequestVote)


@pytest.mark.parametrize("standing", [Standing.VOTER, Standing.REPLACING])
def test_no_deadline_that_passes_while_it_looks_lets_it_stand_unasked(
    lone: MakeLone, standing: Standing
) -> None:
    """Stock compares the deadline with a clock reading of its own."""
    voter = standing is Standing.VOTER
    member = lone(0, 1, term=1) if voter else lone(standing=standing)
    for reading in range(20):
        member.member.raft.election_due = member.time.now + (reading + 0.5) * 1e-6
        member.step()
        assert not member.sent(RequestVote)


def test_it_stands_once_a_majority_would_vote_for_it(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.pass_time(1.1)
    member.receive("n3", PreVote(2))
    assert member.sent(RequestVote, "n2") == [RequestVote(2, 2, 1)]
    member.receive("n3", Vote(2))
    assert member.member.raft.leads


def test_a_pre_vote_of_another_term_is_none(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.pass_time(1.1)
    member.receive("n3", PreVote(5))
    assert not member.sent(RequestVote)


def test_in_five_one_pre_vote_repeated_is_one(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, names=("n1", "n2", "n3", "n4", "n5"))
    member.pass_time(1.1)
    member.receive("n3", PreVote(2))
    member.receive("n3", PreVote(2))
    assert not member.sent(RequestVote)
    member.receive("n4", PreVote(2))
    assert member.sent(RequestVote)


def test_in_five_one_vote_repeated_is_one(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, names=("n1", "n2", "n3", "n4", "n5"))
    member.pass_time(1.1)
    for peer in ("n3", "n4"):
        member.receive(peer, PreVote(2))
    member.receive("n3", Vote(2))
    member.receive("n3", Vote(2))
    assert not member.member.raft.leads
    member.receive("n4", Vote(2))
    assert member.member.raft.leads


def test_who_hears_its_leader_would_vote_for_nobody_else(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.receive("n3", RequestPreVote(2, 9, 1))
    assert member.sent(PreVote) == []


def test_who_hears_its_leader_adopts_no_newer_term_from_a_candidate(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.receive("n3", RequestVote(7, 9, 1))
    assert member.member.raft.term == 1
    assert member.sent(Vote) == []


def test_a_leader_is_not_disturbed_by_a_candidate(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.receive("n3", RequestVote(7, 9, 2))
    assert member.member.raft.leads


def test_whom_the_leader_asked_to_take_over_is_voted_for_all_the_same(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.receive("n3", RequestVote(2, 2, 1, transfer=True))
    assert member.sent(Vote, "n3") == [Vote(2)]


def test_who_has_not_heard_a_leader_for_long_would_vote_for_a_longer_log(lone: MakeLone) -> None:
    member = lone(0, 1, 1, term=1)
    member.follow("n2", 1)
    member.pass_time(0.52)
    member.receive("n3", RequestPreVote(2, 2, 1))  # lacks an entry
    assert member.sent(PreVote) == []
    member.receive("n3", RequestPreVote(2, 3, 1))
    assert member.sent(PreVote, "n3") == [PreVote(2)]


def test_who_is_behind_in_terms_is_told_so_when_it_asks(lone: MakeLone) -> None:
    member = lone(0, 1, term=9)
    member.receive("n3", RequestPreVote(6, 50, 5))  # may be the only one that can be elected
    assert member.sent(AppendReply, "n3") == [AppendReply(9, 0, success=False, reset=False)]
    member.receive("n3", AppendReply(12, 0, success=False, reset=False))
    assert member.member.raft.term == 12


def test_a_member_votes_once_in_a_term_also_after_a_restart(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.receive("n2", RequestVote(2, 2, 1))
    assert member.sent(Vote) == [Vote(2)]
    member.open()  # without a clean stop
    member.receive("n3", RequestVote(2, 2, 1))
    assert member.sent(Vote) == []


def test_a_leader_without_a_majority_steps_down_and_names_nobody(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.pass_time(1.1)
    assert not member.member.raft.leads
    assert member.member.status.leader == ""


def test_copies_that_do_not_count_do_not_keep_a_leader(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    for _ in range(12):
        member.pass_time(0.1)
        member.receive("n2", AppendReply(2, 3, success=True, reset=False, counts=False))
    assert not member.member.raft.leads


def test_a_member_with_a_new_disk_neither_stands_nor_votes(lone: MakeLone) -> None:
    member = lone(standing=Standing.REPLACING)
    member.pass_time(5)
    member.receive("n2", RequestPreVote(3, 9, 2))
    member.receive("n2", RequestVote(3, 9, 2))
    assert member.network.sent == []


def test_the_leader_may_ask_to_take_over_at_once(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.receive("n2", TimeoutNow(1))
    assert member.sent(RequestVote, "n3") == [RequestVote(2, 2, 1, transfer=True)]


def test_nobody_else_may(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.receive("n3", TimeoutNow(1))
    assert member.sent(RequestVote) == []


def test_a_vote_that_comes_when_its_candidacy_is_long_over_does_not_count(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.pass_time(1.1)
    member.receive("n3", PreVote(2))
    assert member.sent(RequestVote)
    member.time.now += 600  # frozen, with the vote in its socket
    member.receive("n3", Vote(2))
    assert not member.member.raft.leads


def test_a_pre_vote_majority_of_before_it_voted_for_another_is_over(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.pass_time(1.1)
    member.member.received("n3", PreVote(2))
    member.member.received("n2", RequestVote(2, 2, 1))
    member.step()
    member.pass_time(1.2)
    assert member.sent(RequestVote) == []


def test_a_wish_to_hand_over_ends_with_its_term(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.member.received("n2", TimeoutNow(1))
    member.member.received("n3", RequestVote(2, 2, 1, transfer=True))
    member.step()
    member.forget()
    for _ in range(30):
        member.pass_time(0.1)
        member.receive("n3", AppendEntries(2, 0, 2, 1))
    assert member.sent(RequestVote) == []


def test_a_leader_that_is_silent_is_named_no_longer(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.pass_time(1.1)
    assert member.member.status.leader == ""
    assert not member.member.status.caught_up


def test_a_leader_that_leaves_asks_nobody_who_is_gone_and_not_always_the_same(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, term=1, names=("n1", "n2", "n3", "n4", "n5"))
    member.lead()
    last = member.log[-1].index
    for peer in ("n2", "n3", "n5"):
        member.receive(peer, AppendReply(2, last + 1, success=True, reset=False))
    member.member.disconnected("n5")
    for _ in range(12):
        member.member.hand_over()
    asked = {to for to, message in member.network.sent if isinstance(message, TimeoutNow)}
    assert asked == {"n2", "n3"}


def test_a_leader_that_leaves_asks_the_one_that_has_everything(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    last = member.log[-1].index
    member.receive("n3", AppendReply(2, last + 1, success=True, reset=False))
    member.member.hand_over()
    assert member.sent(TimeoutNow) == [TimeoutNow(2)]
    assert member.sent(TimeoutNow, "n3")


def test_when_the_leader_is_lost_others_stand_soon(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.member.disconnected("n2")
    assert member.member.status.leader == ""
    member.pass_time(0.3)  # less than the shortest election timeout
    assert member.sent(RequestPreVote)


def test_a_leader_that_is_there_all_the_same_is_followed_again(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.member.disconnected("n2")
    member.receive("n2", AppendEntries(1, 0, 2, 1))
    assert member.member.status.leader == "n2"
