"""Proposals: into the log once, and back with a true outcome (hazard 17)."""

import pytest

from quorate_replication.engine import Committed, Refused, Settled, Unknown
from quorate_replication.raft import proposals
from quorate_replication.state.outcome import Outcome
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    Entry,
    NotProposed,
    Propose,
    Proposed,
)
from support.lone_member import Lone, MakeLone, batch, entry, registration

ANN = batch(registration("ann"))


def propose(member: Lone, command: bytes = ANN) -> list[Settled]:
    """Propose, and return the list that its result will be in."""
    results: list[Settled] = []
    member.member.proposals.propose(command, results.append)
    member.step()
    return results


def test_an_entry_that_a_majority_has_is_committed_with_its_outcomes(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    results = propose(member)
    assert results == []
    member.receive("n3", AppendReply(2, member.log[-1].index + 1, success=True, reset=False))
    assert results == [Committed([Outcome.ACCEPTED])]
    assert "ann" in {voter.name for voter in member.machine.state.roll}


def test_without_a_leader_it_is_refused_for_certain(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    assert isinstance(propose(member)[0], Refused)
    assert len(member.log) == 2


def test_a_follower_forwards_it_and_answers_when_it_is_applied_here(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    results = propose(member)
    (sent,) = member.sent(Propose, "n2")
    assert (sent.term, sent.entry) == (1, ANN)
    member.receive("n2", Proposed(sent.id, 3, 1))
    member.receive("n2", AppendEntries(1, 2, 2, 1, (Entry(b"\0" + ANN, 3, 1),)))
    assert results == []
    member.receive("n2", AppendEntries(1, 3, 3, 1))
    assert results == [Committed([Outcome.ACCEPTED])]


def test_another_entry_in_its_place_is_a_definite_answer(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    results = propose(member)
    member.receive("n2", Proposed(member.sent(Propose)[0].id, 3, 1))
    member.member.proposals.applied(3, 2, [])
    assert [type(result) for result in results] == [Refused]


def test_what_the_leader_does_not_take_is_refused_for_certain(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    results = propose(member)
    member.receive("n2", NotProposed(member.sent(Propose)[0].id))
    assert [type(result) for result in results] == [Refused]


def test_when_the_way_to_the_leader_breaks_it_is_unknown_at_once(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    results = propose(member)
    member.member.disconnected("n2")
    assert [type(result) for result in results] == [Unknown]


def test_when_leadership_is_lost_it_is_unknown_at_once(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    results = propose(member)
    member.receive("n2", AppendReply(9, 0, success=False, reset=False))
    assert [type(result) for result in results] == [Unknown]


def test_an_answer_that_a_snapshot_has_overtaken_is_unknown(lone: MakeLone) -> None:
    member = lone(0, 1, 1, term=1, committed=3)
    member.follow("n2", 1)
    results = propose(member)
    member.receive("n2", Proposed(member.sent(Propose)[0].id, 3, 1))
    assert [type(result) for result in results] == [Unknown]


def test_an_answer_to_a_process_that_ran_here_before_is_nobodys(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.follow("n2", 1)
    results = propose(member)
    member.receive("n2", NotProposed(1))
    assert results == []


def test_a_forwarded_proposal_of_another_term_is_refused(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    before = len(member.log)
    member.receive("n3", Propose(1, 7, ANN))
    assert len(member.log) == before
    assert member.sent(NotProposed, "n3") == [NotProposed(7)]


def test_a_forwarded_proposal_of_this_term_is_taken(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.receive("n3", Propose(2, 7, ANN))
    assert member.log[-1].command == b"\0" + ANN
    assert member.sent(Proposed, "n3") == [Proposed(7, member.log[-1].index, 2)]


def test_a_leader_that_leaves_takes_no_more(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.member.hand_over()
    assert isinstance(propose(member)[0], Refused)
    member.receive("n3", Propose(2, 7, ANN))
    assert member.sent(NotProposed, "n3") == [NotProposed(7)]


def test_a_leader_that_nobody_acknowledges_does_not_grow_without_end(
    lone: MakeLone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proposals, "MAX_UNCOMMITTED", 10)
    member = lone(0, 1, term=1)
    member.lead()
    results = [result for _ in range(20) for result in propose(member)]
    assert len(member.log) < 15
    assert {type(result) for result in results} == {Refused}


def test_a_callback_that_raises_applies_nothing_twice(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()

    def broken(_result: Settled) -> None:
        raise RuntimeError("the loop is closed")

    member.member.proposals.propose(batch(registration("ann"), registration("ann")), broken)
    after = propose(member, batch(registration("bob")))
    member.receive("n3", AppendReply(2, member.log[-1].index + 1, success=True, reset=False))
    assert after == [Committed([Outcome.ACCEPTED])]
    assert member.member.raft.applied_index == member.log[-1].index


def test_the_leader_sends_at_once_what_it_has_appended(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    propose(member)  # and no time passes
    assert [m.entries for m in member.sent(AppendEntries, "n3") if m.entries][-1] == (
        member.log[-1],
    )


def test_a_message_holds_no_more_than_a_frame_takes(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    large = [Entry(b"\0" + bytes(200_000), index, 1) for index in range(3, 23)]
    for each in large:
        member.journal.append(each)
    member.reopen()
    member.step()
    member.lead()
    member.receive("n2", AppendReply(2, 2, success=False, reset=True))
    sizes = [sum(len(each.command) for each in m.entries) for m in member.sent(AppendEntries, "n2")]
    assert max(sizes) < 1 << 20


def test_a_follower_that_does_not_acknowledge_is_not_sent_everything(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    for index in range(3, 103):
        member.journal.append(Entry(b"\0" + bytes(200_000), index, 1))
    member.reopen()
    member.step()
    member.lead()
    member.receive("n2", AppendReply(2, 2, success=False, reset=True))
    member.pass_time(1)
    under_way = sum(len(e.command) for m in member.sent(AppendEntries, "n2") for e in m.entries)
    assert 0 < under_way < 6 << 20


def test_a_connection_without_room_is_tried_again_from_where_it_was(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.network.full.add("n3")
    propose(member)
    member.network.full.clear()
    member.pass_time(0.02)
    assert [m.entries for m in member.sent(AppendEntries, "n3") if m.entries] == [(member.log[-1],)]


def test_an_entry_of_a_kind_that_we_never_write_stops_the_node(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    pickled = Entry(b"\x02\x80\x04N.", 3, 1)  # PySyncObj's membership change
    member.journal.append(pickled)
    member.reopen()
    with pytest.raises(Exception, match="no kind that we write"):
        member.receive("n2", AppendEntries(1, 3, 3, 1))


def test_entries_apply_once_across_a_restart(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.receive("n2", AppendEntries(1, 3, 2, 1, (Entry(b"\0" + ANN, 3, 1), entry(4, 1))))
    member.reopen()
    member.receive("n2", AppendEntries(1, 4, 4, 1))
    assert [voter.name for voter in member.machine.state.roll] == ["ann"]
    assert member.member.raft.applied_index == 4
