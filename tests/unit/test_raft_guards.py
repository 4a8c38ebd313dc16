"""A test per guard of the log, on a real member: real PySyncObj errs, the guard mends it.

Hazard numbers are those of docs/REPLICATION.md.
"""

import pytest

from quorate_replication.errors import FailStop
from quorate_replication.wire.messages import AppendEntries, AppendReply, Entry
from support.lone_member import MakeLone, entry


def append(
    previous: tuple[int, int], *entries: Entry, term: int, committed: int = 1
) -> AppendEntries:
    return AppendEntries(term, committed, *previous, entries)


def terms(log: list[Entry]) -> list[tuple[int, int]]:
    return [(each.index, each.term) for each in log]


# -------------------------------------------------- appending (hazard 2)


def test_a_late_duplicate_deletes_no_acknowledged_entry(lone: MakeLone) -> None:
    member = lone(0, 1, 1, 1, term=1)
    member.receive("n2", append((1, 0), entry(2, 1), term=1))
    assert terms(member.log) == [(1, 0), (2, 1), (3, 1), (4, 1)]


def test_a_heartbeat_from_before_deletes_no_acknowledged_entry(lone: MakeLone) -> None:
    member = lone(0, 1, 1, term=1)
    member.receive("n2", append((2, 1), term=1))
    assert terms(member.log)[-1] == (3, 1)


def test_an_acknowledgement_claims_only_what_its_message_proved(lone: MakeLone) -> None:
    member = lone(0, 1, 1, 1, term=2)  # entries 3 and 4 may be the old leader's alone
    member.receive("n2", append((1, 0), entry(2, 1), term=2))
    assert member.sent(AppendReply)[-1] == AppendReply(2, 3, success=True, reset=False)


def test_a_message_commits_only_what_it_proved(lone: MakeLone) -> None:
    member = lone(0, 1, 1, 1, term=2)
    member.receive("n2", append((1, 0), entry(2, 1), term=2, committed=4))
    assert member.member.raft.commit_index == 2


def test_an_entry_that_the_leader_contradicts_is_replaced_with_all_behind_it(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, 1, 1, term=2, committed=2)
    member.receive("n2", append((1, 0), entry(2, 1), entry(3, 2), term=2))
    assert terms(member.log) == [(1, 0), (2, 1), (3, 2)]
    assert member.sent(AppendReply)[-1].next_index == 4


def test_new_entries_behind_known_ones_are_added_and_the_known_ones_not_written_again(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, 1, term=1)
    kept = member.log[1]
    member.receive("n2", append((1, 0), *(entry(i, 1) for i in (2, 3, 4, 5)), term=1))
    assert terms(member.log) == [(1, 0), *((i, 1) for i in (2, 3, 4, 5))]
    assert member.log[1] is kept


@pytest.mark.parametrize("previous", [(2, 1), (3, 2)])
def test_a_leader_that_contradicts_a_committed_entry_stops_the_node(
    lone: MakeLone, previous: tuple[int, int]
) -> None:
    member = lone(0, 1, 1, term=2, committed=3)
    with pytest.raises(FailStop, match=r"contradicts entry 3"):
        member.receive("n2", append(previous, entry(previous[0] + 1, 2), term=2))
    assert terms(member.log)[-1] == (3, 1)


def test_a_leader_of_an_older_term_is_told_so_and_changes_nothing(lone: MakeLone) -> None:
    member = lone(0, 2, term=2)
    member.receive("n2", append((1, 0), entry(2, 1), term=1))
    assert terms(member.log) == [(1, 0), (2, 2)]
    assert member.sent(AppendReply) == [AppendReply(2, 0, success=False, reset=False)]


def test_two_leaders_of_one_term_stop_the_node(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    with pytest.raises(FailStop, match="so do we"):
        member.receive("n3", append((1, 0), term=member.member.raft.term))


# -------------------------------------------------- acknowledging (hazards 2, 12, 13)


def test_an_acknowledgement_of_an_older_term_does_not_count(lone: MakeLone) -> None:
    member = lone(0, 1, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(1, 4, success=True, reset=False))
    assert member.member.raft.match_index("n2") == 0


def test_an_acknowledgement_of_a_newer_term_ends_an_outdated_leadership(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(9, 3, success=True, reset=False))
    assert not member.member.raft.leads
    assert member.member.raft.term == 9


def test_an_acknowledgement_counts_nothing_that_the_leader_does_not_have(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(2, 90, success=True, reset=False))
    assert member.member.raft.match_index("n2") == member.log[-1].index


def test_an_acknowledgement_never_makes_the_leader_send_again_what_is_on_its_way(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, 1, 1, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(2, 3, success=True, reset=False))
    assert member.member.raft.match_index("n2") == 2
    assert [m.entries for m in member.sent(AppendEntries, "n2") if m.entries] == []


def test_an_acknowledgement_of_a_copy_that_does_not_count_commits_nothing(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    last = member.log[-1].index
    member.receive("n2", AppendReply(2, last + 1, success=True, reset=False, counts=False))
    assert member.member.raft.commit_index < last
    member.receive("n2", AppendReply(2, last + 1, success=True, reset=False))
    assert member.member.raft.commit_index == last


def test_what_a_peer_had_before_its_connection_broke_is_not_counted_on(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(2, 3, success=True, reset=False))
    member.member.disconnected("n2")
    member.member.connected("n2")  # perhaps with an empty disk
    assert member.member.raft.match_index("n2") == 0


def test_a_follower_with_a_gap_asks_for_what_follows_its_committed_entries(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, 1, 1, term=2, committed=2)  # entries 3 and 4 may be contradicted
    member.receive("n2", append((9, 2), entry(10, 2), term=2))
    assert member.sent(AppendReply)[-1] == AppendReply(2, 3, success=False, reset=True)


def test_a_gap_is_filled_once_however_many_messages_reveal_it(lone: MakeLone) -> None:
    member = lone(0, 1, 1, 1, term=1)
    member.lead()
    gap = AppendReply(2, 2, success=False, reset=True)
    member.receive("n2", gap)
    member.receive("n2", gap)
    filling = [m for m in member.sent(AppendEntries, "n2") if m.entries]
    assert [m.entries[0].index for m in filling] == [2]


def test_a_gap_is_filled_again_when_that_seems_to_be_lost(lone: MakeLone) -> None:
    member = lone(0, 1, 1, 1, term=1)
    member.lead()
    gap = AppendReply(2, 2, success=False, reset=True)
    member.receive("n2", gap)
    member.pass_time(0.3)
    member.receive("n2", gap)
    filling = [m for m in member.sent(AppendEntries, "n2") if m.entries]
    assert [m.entries[0].index for m in filling] == [2, 2]


def test_what_was_on_its_way_over_a_broken_connection_is_sent_again(lone: MakeLone) -> None:
    member = lone(0, 1, 1, 1, term=1)
    member.lead()
    member.receive("n2", AppendReply(2, 2, success=False, reset=True))
    member.member.disconnected("n2")
    member.member.connected("n2")
    member.forget()
    member.receive("n2", AppendReply(2, 2, success=False, reset=True))
    assert [m.entries[0].index for m in member.sent(AppendEntries, "n2") if m.entries] == [2]


def test_what_the_leader_committed_is_known_even_where_it_is_not_proven(lone: MakeLone) -> None:
    member = lone(0, 1, term=2)
    member.receive("n2", append((9, 2), term=2, committed=12))
    assert member.member.raft.commit_index == 1
    assert not member.member.has_caught_up
