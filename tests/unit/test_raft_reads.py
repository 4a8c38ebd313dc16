"""ReadIndex: a stale or isolated member never says that it is current (hazard 16)."""

import pytest

from quorate_replication.raft import reads
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    AskReadIndex,
    ConfirmLeader,
    LeaderConfirmed,
    NoReadIndex,
    ReadIndex,
    Standing,
)
from support.lone_member import Lone, MakeLone, entry


def leading(lone: MakeLone) -> Lone:
    """Return a leader that has committed an entry of its own term."""
    member = lone(0, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(2, member.log[-1].index + 1, success=True, reset=False))
    member.forget()
    return member


def ask(member: Lone) -> list[bool]:
    told: list[bool] = []
    member.member.reads.read_index(told.append)
    member.step()
    return told


def test_a_leader_answers_once_a_majority_still_follows_it(lone: MakeLone) -> None:
    member = leading(lone)
    told = ask(member)
    assert told == []
    (round_,) = {m.round for m in member.sent(ConfirmLeader)}
    member.receive("n3", LeaderConfirmed(2, round_))
    assert told == [True]


def test_a_confirmation_from_before_the_question_does_not_count(lone: MakeLone) -> None:
    member = leading(lone)
    first = ask(member)
    round_ = member.sent(ConfirmLeader)[-1].round
    second = ask(member)
    member.receive("n3", LeaderConfirmed(2, round_))
    assert (first, second) == ([True], [])


def test_a_confirmation_of_another_term_does_not_count(lone: MakeLone) -> None:
    member = leading(lone)
    told = ask(member)
    member.receive("n3", LeaderConfirmed(1, 99))
    assert told == []


def test_in_five_one_confirmation_is_no_majority(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, names=("n1", "n2", "n3", "n4", "n5"))
    member.lead()
    for peer in ("n2", "n3"):
        member.receive(peer, AppendReply(2, member.log[-1].index + 1, success=True, reset=False))
    told = ask(member)
    round_ = member.sent(ConfirmLeader)[-1].round
    member.receive("n3", LeaderConfirmed(2, round_))
    member.receive("n3", LeaderConfirmed(2, round_))
    assert told == []
    member.receive("n5", LeaderConfirmed(2, round_))
    assert told == [True]


def test_a_new_leader_answers_only_after_an_entry_of_its_own_term_is_committed(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    told = ask(member)
    assert member.sent(ConfirmLeader) == []
    member.receive("n2", AppendReply(2, member.log[-1].index + 1, success=True, reset=False))
    member.receive("n2", LeaderConfirmed(2, member.sent(ConfirmLeader)[-1].round))
    assert told == [True]


def test_a_leader_that_steps_down_answers_that_it_cannot_tell(lone: MakeLone) -> None:
    member = leading(lone)
    told = ask(member)
    member.receive("n3", AppendReply(9, 0, success=False, reset=False))
    assert told == [False]


def test_a_leader_that_is_cut_off_answers_no_read(lone: MakeLone) -> None:
    member = leading(lone)
    told = ask(member)
    member.pass_time(1.2)
    assert told == [False]


def test_a_question_that_was_lost_on_its_way_is_asked_again(lone: MakeLone) -> None:
    member = leading(lone)
    told = ask(member)
    member.forget()
    member.pass_time(0.2)
    member.receive("n3", LeaderConfirmed(2, member.sent(ConfirmLeader, "n3")[-1].round))
    assert told == [True]


def test_a_follower_whose_answer_is_lost_says_after_a_while_that_nobody_can_tell(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    told = ask(member)
    hear_for(member, 12)
    assert told == [False]


def test_a_read_that_waits_to_catch_up_does_not_wait_for_ever(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    told = ask(member)
    member.receive("n2", ReadIndex(member.sent(AskReadIndex)[0].id, 900))
    hear_for(member, 12)
    assert told == [False]


def test_too_many_reads_are_turned_away_and_others_answered(
    lone: MakeLone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "MAX_WAITING", 5)
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    told = [ask(member) for _ in range(7)]
    assert told == [[], [], [], [], [], [False], [False]]
    for question in member.sent(AskReadIndex):
        member.receive("n2", ReadIndex(question.id, 900 if question.id % 2 else 1))
    assert ask(member) == []


def hear_for(member: Lone, seconds: float) -> None:
    for _ in range(round(seconds / 0.1)):
        member.pass_time(0.1)
        last = member.log[-1]
        member.receive("n2", AppendEntries(1, 1, last.index, last.term))


def test_a_follower_asks_the_leader_and_waits_until_it_has_applied_that_much(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    told = ask(member)
    (question,) = member.sent(AskReadIndex, "n2")
    member.receive("n2", ReadIndex(question.id, 3))
    assert told == []
    member.receive("n2", AppendEntries(1, 3, 2, 1, (entry(3, 1),)))
    assert told == [True]


def test_a_follower_whose_leader_cannot_tell_says_so(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    told = ask(member)
    member.receive("n2", NoReadIndex(member.sent(AskReadIndex)[0].id))
    assert told == [False]


def test_a_follower_that_loses_its_leader_says_that_nobody_can_tell(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    told = ask(member)
    member.member.disconnected("n2")
    assert told == [False]


def test_without_a_leader_nobody_can_tell(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    assert ask(member) == [False]


def test_a_followers_question_is_answered_with_what_was_committed_when_it_came(
    lone: MakeLone,
) -> None:
    member = leading(lone)
    committed = member.member.raft.commit_index
    member.receive("n3", AskReadIndex(2, 5))
    member.receive("n2", LeaderConfirmed(2, member.sent(ConfirmLeader)[-1].round))
    assert member.sent(ReadIndex, "n3") == [ReadIndex(5, committed)]


def test_a_question_of_another_term_is_not_answered(lone: MakeLone) -> None:
    member = leading(lone)
    member.receive("n3", AskReadIndex(1, 5))
    assert member.sent(NoReadIndex, "n3") == [NoReadIndex(5)]


def test_a_follower_confirms_only_the_leader_that_it_follows(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    member.receive("n3", ConfirmLeader(1, 4))
    member.receive("n2", ConfirmLeader(0, 4))
    assert member.sent(LeaderConfirmed) == []
    member.receive("n2", ConfirmLeader(1, 4))
    assert member.sent(LeaderConfirmed, "n2") == [LeaderConfirmed(1, 4)]


def test_a_member_with_a_new_disk_confirms_nobody(lone: MakeLone) -> None:
    member = lone(standing=Standing.REPLACING)
    member.receive("n2", AppendEntries(1, 1, 1, 0))
    member.receive("n2", ConfirmLeader(1, 4))
    assert member.sent(LeaderConfirmed) == []


def test_a_read_writes_nothing(lone: MakeLone) -> None:
    member = leading(lone)
    before = (len(member.log), member.journal.dirty)
    ask(member)
    member.receive("n3", LeaderConfirmed(2, member.sent(ConfirmLeader)[-1].round))
    assert (len(member.log), member.journal.dirty) == before
