"""Snapshots on their way to followers: in chunks, within bounds, and begun again when lost.

Hazards 1 and 21.
"""

import pytest

from quorate_replication.raft import snapshots, streams
from quorate_replication.raft.snapshots import Snapshots
from quorate_replication.state.snapshot import load
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    SnapshotChunk,
    SnapshotReply,
)
from support.lone_member import Lone, MakeLone, applied, batch, registration

PIECE = 100


def leader_with_snapshot(lone: MakeLone) -> Lone:
    member = lone(0, 1, term=1, snapshot_entries=4)
    applied(member, 300)
    member.later.finish()
    member.reopen()
    applied(member, 0)
    member.lead()
    assert member.log[0].index > 2
    return member


def test_who_lacks_what_was_cut_gets_the_snapshot_chunk_by_chunk(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    data = (leader.folder / "snapshot").read_bytes()
    got = b""
    while len(got) < len(data):
        chunk = leader.sent(SnapshotChunk, "n3")[-1]
        assert chunk.offset == len(got)
        got += chunk.data
        leader.receive("n3", SnapshotReply(2, chunk.index, len(got)))
    assert got == data


def test_who_is_down_is_sent_nothing_and_does_not_keep_the_log_from_being_cut(
    lone: MakeLone,
) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    leader.member.disconnected("n3")
    leader.network.full.add("n3")
    leader.forget()
    before = leader.log[0].index
    for index in range(30):
        leader.member.proposals.propose(batch(registration(f"late {index}")), lambda _: None)
        leader.step()
        reply = AppendReply(2, leader.log[-1].index + 1, success=True, reset=False)
        leader.receive("n2", reply)
        leader.later.finish()
    assert leader.sent(SnapshotChunk) == []
    assert leader.log[0].index > before + 20


def test_a_full_log_that_cannot_be_cut_makes_no_snapshot_after_another(
    lone: MakeLone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_LOG_BYTES", 100)
    member = lone(0, 1, term=1, snapshot_entries=1000)
    applied(member, 60)
    member.later.finish()
    member.member.raft.journal.cut_to(member.member.raft.applied_index)
    written = member.store.header()
    monkeypatch.setattr(Snapshots, "_cut_end", pinned)
    applied(member, 60)
    member.later.finish()
    assert member.store.header() == written


def test_what_arrived_and_was_never_answered_is_asked_after(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    chunk = leader.sent(SnapshotChunk, "n3")[-1]
    leader.receive("n3", SnapshotReply(2, chunk.index, chunk.size))
    leader.forget()
    follow_for(leader, 4)
    assert leader.sent(SnapshotChunk, "n3")
    leader.receive("n3", SnapshotReply(2, chunk.index, 0))  # it knows of nothing
    assert leader.sent(SnapshotChunk, "n3")[-1].offset == 0


def test_a_follower_without_progress_does_not_hold_the_log_for_ever(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    assert holds_the_log(leader)
    held: list[bool] = []
    for _ in range(130):
        follow_for(leader, 1)
        held.append(holds_the_log(leader))
    assert not all(held)


def holds_the_log(leader: Lone) -> bool:
    return leader.member._streams.oldest_index is not None  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - nothing else tells


def pinned(_snapshots: Snapshots, _index: int) -> int:
    """Stand in for a stream that keeps the log from being cut."""
    return 0


def test_a_leader_whose_snapshot_was_found_damaged_writes_another(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    index = leader.sent(SnapshotChunk, "n3")[-1].index
    path = leader.folder / "snapshot"
    damaged = bytearray(path.read_bytes())
    damaged[-5] ^= 1
    path.write_bytes(damaged)
    leader.receive("n3", SnapshotReply(2, index, 0, refused=True))
    leader.later.finish()
    assert path.read_bytes() != bytes(damaged)
    load(leader.store.stream())


def follow_for(leader: Lone, seconds: float) -> None:
    """Let time pass in which n2 follows the leader and n3 is there."""
    for _ in range(round(seconds / 0.2)):
        leader.pass_time(0.2)
        leader.receive("n2", AppendReply(2, 0, success=False, reset=False))


def test_a_follower_that_gets_a_snapshot_hears_heartbeats_too(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    leader.forget()
    leader.pass_time(0.5)
    assert len(leader.sent(AppendEntries, "n3")) >= 4


def test_after_the_snapshot_come_the_entries_behind_it(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    index = leader.sent(SnapshotChunk, "n3")[-1].index
    leader.receive("n3", AppendReply(2, index + 1, success=True, reset=False))
    sent = [e.index for m in leader.sent(AppendEntries, "n3") for e in m.entries]
    assert sent == list(range(index + 1, leader.log[-1].index + 1))


def test_no_more_chunks_are_under_way_than_are_acknowledged_in_time(
    lone: MakeLone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHUNK_BYTES", PIECE)
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    leader.pass_time(0.5)
    assert len(leader.sent(SnapshotChunk, "n3")) == streams.CHUNKS_UNDER_WAY
    first = leader.sent(SnapshotChunk, "n3")[0]
    leader.receive("n3", SnapshotReply(2, first.index, PIECE))
    assert len(leader.sent(SnapshotChunk, "n3")) == streams.CHUNKS_UNDER_WAY + 1


def test_a_snapshot_that_was_refused_is_not_sent_again_at_once(lone: MakeLone) -> None:
    leader = leader_with_snapshot(lone)
    leader.receive("n3", AppendReply(2, 2, success=False, reset=True))
    index = leader.sent(SnapshotChunk, "n3")[-1].index
    leader.forget()
    leader.receive("n3", SnapshotReply(2, index, 0, refused=True))
    assert leader.sent(SnapshotChunk) == []
    for _ in range(40):
        leader.pass_time(0.1)
        leader.receive("n2", AppendReply(2, 0, success=False, reset=False))  # still follows
    assert leader.sent(SnapshotChunk, "n3")[0].offset == 0
