"""Nothing that counts leaves before its bytes are synced (hazards 5 and 6)."""

import errno
import os

import pytest

from quorate_replication.errors import DiskFailure
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    PreVote,
    RequestVote,
    Standing,
    Vote,
)
from support.lone_member import MakeLone, entry


def test_entries_are_acknowledged_after_they_are_synced(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.member.received("n2", AppendEntries(1, 1, 2, 1, (entry(3, 1),)))
    assert member.journal.dirty
    assert member.sent(AppendReply) == []
    member.step()
    assert member.sent(AppendReply) == [AppendReply(1, 4, success=True, reset=False)]
    assert member.network.unsynced_when_sent == []


def test_one_sync_serves_all_entries_of_a_turn_and_one_acknowledgement_tells_of_them(
    lone: MakeLone, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = lone(0, 1, term=1)
    syncs: list[bool] = []
    sync = member.journal.sync

    def counted() -> None:
        syncs.append(member.journal.dirty)
        sync()

    monkeypatch.setattr(member.journal, "sync", counted)
    for index in range(3, 13):
        member.member.received("n2", AppendEntries(1, 1, index - 1, 1, (entry(index, 1),)))
    member.step()
    assert syncs.count(True) == 1
    assert [m.next_index for m in member.sent(AppendReply)] == [13]


def test_a_vote_is_granted_after_it_is_synced(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.member.received("n2", RequestVote(2, 2, 1))
    assert member.sent(Vote) == [Vote(2)]
    assert member.network.unsynced_when_sent == []


def test_a_member_asks_for_votes_after_its_own_is_synced(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.pass_time(1.1)
    member.receive("n2", PreVote(2))
    assert member.sent(RequestVote)
    assert not [m for m in member.network.unsynced_when_sent if isinstance(m, RequestVote)]


def test_the_leaders_own_copy_counts_after_it_is_synced(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.lead()
    member.member.proposals.propose(b"x", lambda _: None)
    last = member.log[-1].index
    member.member.received("n2", AppendReply(2, last + 1, success=True, reset=False))
    assert member.journal.dirty
    assert member.member.raft.commit_index < last
    member.step()
    assert member.member.raft.commit_index == last
    assert not member.journal.dirty


def test_an_acknowledgement_that_a_new_term_has_overtaken_does_not_leave(lone: MakeLone) -> None:
    member = lone(0, 1, term=1)
    member.member.received("n2", AppendEntries(1, 1, 2, 1, (entry(3, 1),)))
    member.member.received("n3", RequestVote(5, 0, 0, transfer=True))
    member.step()
    assert member.sent(AppendReply) == []


def test_a_member_with_a_new_disk_says_that_its_copy_does_not_count(lone: MakeLone) -> None:
    member = lone(standing=Standing.REPLACING)
    member.receive("n2", AppendEntries(1, 1, 1, 0, (entry(2, 1),)))
    assert member.sent(AppendReply)[-1] == AppendReply(
        1, 3, success=True, reset=False, counts=False
    )


def test_after_a_failed_sync_nothing_leaves(
    lone: MakeLone, monkeypatch: pytest.MonkeyPatch
) -> None:
    member = lone(0, 1, term=1)
    member.member.received("n2", AppendEntries(1, 1, 2, 1, (entry(3, 1),)))
    monkeypatch.setattr(os, "fdatasync", broken)
    with pytest.raises(DiskFailure):
        member.member.step()
    with pytest.raises(DiskFailure):
        member.member.received("n3", RequestVote(5, 9, 9, transfer=True))
    assert member.sent(AppendReply) == []
    assert member.sent(Vote) == []


def broken(_descriptor: int) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))
