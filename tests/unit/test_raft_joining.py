"""A member whose disk was lost comes back (hazard 23)."""

from quorate_replication.wire.messages import (
    AppendEntries,
    AskReadIndex,
    ReadIndex,
    RequestVote,
    Standing,
    Vote,
)
from support.lone_member import Lone, MakeLone, entry


def hear(member: Lone, *indexes: int, committed: int) -> None:
    last = member.log[-1]
    entries = tuple(entry(index, 1) for index in indexes)
    member.receive("n2", AppendEntries(1, committed, last.index, last.term, entries))


def joining(lone: MakeLone) -> Lone:
    """Return a member with a new disk that has heard the leader for long enough."""
    member = lone(standing=Standing.REPLACING)
    for _ in range(60):
        member.pass_time(0.1)
        hear(member, committed=1)
    return member


def test_it_votes_again_once_it_has_all_that_was_committed_when_it_asked(lone: MakeLone) -> None:
    member = joining(lone)
    question = member.sent(AskReadIndex, "n2")[-1]
    member.receive("n2", ReadIndex(question.id, 4))
    hear(member, 2, 3, committed=3)
    assert not member.member.status.votes
    hear(member, 4, committed=4)
    assert member.member.status.votes
    member.receive("n3", RequestVote(2, 9, 1, transfer=True))
    assert member.sent(Vote) == [Vote(2)]


def test_it_stays_so_after_a_restart(lone: MakeLone) -> None:
    member = joining(lone)
    member.receive("n2", ReadIndex(member.sent(AskReadIndex)[-1].id, 1))
    assert member.member.status.votes
    member.reopen()
    assert member.member.status.votes


def test_it_does_not_ask_before_old_candidates_have_given_up(lone: MakeLone) -> None:
    member = lone(standing=Standing.REPLACING)
    for _ in range(20):
        member.pass_time(0.1)
        hear(member, committed=1)
    assert member.sent(AskReadIndex) == []


def test_it_asks_again_when_nobody_could_tell(lone: MakeLone) -> None:
    member = joining(lone)
    member.member.disconnected("n2")
    member.member.connected("n2")
    ask_again(member)


def test_it_asks_again_when_the_answer_is_lost(lone: MakeLone) -> None:
    member = joining(lone)
    ask_again(member)


def ask_again(member: Lone) -> None:
    member.forget()
    for _ in range(40):
        member.pass_time(0.1)
        hear(member, committed=1)
    assert member.sent(AskReadIndex, "n2")
    assert not member.member.status.votes
