"""Snapshots: written off the thread, streamed in checked chunks, installed never over newer state.

Hazards 1, 3, 4, 8 and 21.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from quorate_replication.errors import EngineStartError
from quorate_replication.machine import Machine
from quorate_replication.state.snapshot import digest, load
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.storage.snapshots import SnapshotDamaged, SnapshotStore
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    Entry,
    SnapshotChunk,
    SnapshotReply,
)
from support.lone_member import Lone, MakeLone, applied, batch, entry, registration

PIECE = 100


@pytest.fixture
def make_snapshot(tmp_path: Path) -> Callable[[int, int], tuple[bytes, bytes]]:
    """Return what makes a snapshot of some voters; its bytes, and the digest of its state."""

    def make(index: int, term: int) -> tuple[bytes, bytes]:
        folder = tmp_path / f"other{index}"
        folder.mkdir()
        machine = Machine()
        for number in range(index):
            machine.apply(batch(registration(f"voter {number}")))
        for _ in SnapshotStore(OsDisk(folder)).write(index, term, machine.dump()):
            pass
        return (folder / "snapshot").read_bytes(), digest(machine.state)

    return make


MakeSnapshot = Callable[[int, int], tuple[bytes, bytes]]


def chunks(data: bytes, index: int, last_term: int, *, term: int) -> list[SnapshotChunk]:
    return [
        SnapshotChunk(term, index, last_term, at, len(data), data[at : at + PIECE])
        for at in range(0, len(data), PIECE)
    ]


def send(member: Lone, *those: SnapshotChunk, peer: str = "n2") -> None:
    for chunk in those:
        member.receive(peer, chunk)
    member.later.finish()
    member.step()


# ------------------------------------------------------------------ installing


def test_a_member_that_lacks_a_snapshot_installs_it(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=2)
    data, there = make_snapshot(9, 2)
    send(member, *chunks(data, 9, 2, term=2))
    assert digest(member.machine.state) == there
    assert member.member.raft.applied_index == 9
    assert [(e.index, e.term) for e in member.log] == [(9, 2)]
    assert member.sent(AppendReply)[-1] == AppendReply(2, 10, success=True, reset=False)
    member.reopen()
    assert digest(member.machine.state) == there
    assert member.member.raft.applied_index == 9


def test_each_chunk_is_acknowledged_with_how_far_it_has_come(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=2)
    first, second, *_ = chunks(make_snapshot(9, 2)[0], 9, 2, term=2)
    member.receive("n2", first)
    member.receive("n2", second)
    member.receive("n2", first)  # again: not taken twice
    assert [m.offset for m in member.sent(SnapshotReply)] == [PIECE, 2 * PIECE, 2 * PIECE]


def test_a_chunk_commits_nothing_of_a_log_that_it_does_not_prove(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, 1, term=2, committed=2)  # entry 3 was never committed
    for chunk in chunks(make_snapshot(9, 2)[0], 9, 2, term=2)[:3]:
        member.receive("n2", chunk)
    assert member.member.raft.commit_index == 2


def test_a_snapshot_is_not_installed_over_a_state_that_is_past_it(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, *[1] * 11, term=1, committed=12)
    send(member, *chunks(make_snapshot(9, 1)[0], 9, 1, term=1))
    assert member.member.raft.applied_index == 12
    assert member.sent(AppendReply)[-1].next_index == 10  # what the snapshot proves


def test_a_snapshot_that_was_overtaken_while_it_was_checked_is_not_installed(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=1)
    for chunk in chunks(make_snapshot(5, 1)[0], 5, 1, term=1):
        member.receive("n2", chunk)
    rest = tuple(entry(index, 1) for index in range(3, 9))
    member.receive("n2", AppendEntries(1, 8, 2, 1, rest))
    assert member.member.raft.applied_index == 8
    member.later.finish()
    assert member.member.raft.applied_index == 8
    assert member.log[-1].index == 8


def test_entries_behind_a_snapshot_that_came_while_it_was_checked_are_kept(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, 1, term=1)
    for chunk in chunks(make_snapshot(6, 1)[0], 6, 1, term=1):
        member.receive("n2", chunk)
    member.receive("n2", AppendEntries(1, 1, 3, 1, tuple(entry(i, 1) for i in range(4, 9))))
    member.later.finish()
    assert member.member.raft.applied_index == 6
    assert member.log[-1].index == 8


def test_a_snapshot_that_is_not_the_one_it_was_said_to_be_is_not_installed(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=2)
    send(member, *chunks(make_snapshot(5, 2)[0], 9, 2, term=2))
    assert member.member.raft.applied_index == 1
    assert member.sent(SnapshotReply)[-1].refused


def make_snapshot_again(member: Lone, index: int) -> bytes:
    return (member.folder / f"other{index}" / "snapshot").read_bytes()


def test_a_damaged_snapshot_is_not_installed_and_asked_for_again(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=2)
    data = bytearray(make_snapshot(9, 2)[0])
    data[len(data) // 2] ^= 1
    send(member, *chunks(bytes(data), 9, 2, term=2))
    assert member.member.raft.applied_index == 1
    assert member.sent(SnapshotReply)[-1] == SnapshotReply(2, 9, 0, refused=True)
    send(member, *chunks(make_snapshot_again(member, 9), 9, 2, term=2))
    assert member.member.raft.applied_index == 9


def test_chunks_that_a_broken_connection_lost_are_not_skipped(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=2)
    first, _lost, *rest = chunks(make_snapshot(9, 2)[0], 9, 2, term=2)
    member.receive("n2", first)
    send(member, *rest)
    assert member.member.raft.applied_index == 1
    assert {m.offset for m in member.sent(SnapshotReply)} == {PIECE}


def test_two_leaders_snapshots_are_not_mixed(lone: MakeLone, make_snapshot: MakeSnapshot) -> None:
    member = lone(0, 1, term=2)
    old = chunks(make_snapshot(9, 2)[0], 9, 2, term=2)
    new = chunks(make_snapshot(12, 3)[0], 12, 3, term=3)
    member.receive("n2", old[0])
    member.receive("n3", new[0])
    send(member, *old[1:])  # of an older term by now
    send(member, *new[1:], peer="n3")
    assert member.member.raft.applied_index == 12


def test_a_chunk_of_an_older_term_is_not_taken(lone: MakeLone, make_snapshot: MakeSnapshot) -> None:
    member = lone(0, 1, term=5)
    send(member, *chunks(make_snapshot(9, 2)[0], 9, 2, term=4))
    assert member.member.raft.applied_index == 1
    assert member.sent(AppendReply)[-1] == AppendReply(5, 0, success=False, reset=False)


# ------------------------------------------------------------------ writing and cutting


def test_a_snapshot_is_written_when_it_is_due_and_the_log_cut_once_it_is_durable(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    applied(member, 60)
    assert member.store.header() is None
    assert member.log[0].index == 1
    applied(member, 10)  # meanwhile
    member.later.finish()
    header = member.store.header()
    assert header is not None
    assert header.index == 62
    assert 1 < member.log[0].index <= 62


def test_a_snapshot_that_a_former_leader_never_finished_sending_holds_up_none_of_ours(
    lone: MakeLone, make_snapshot: MakeSnapshot
) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    member.receive("n3", chunks(make_snapshot(500, 1)[0], 500, 1, term=1)[0])
    member.receive("n2", AppendEntries(2, 2, 2, 1))  # it leads now; n3 stays connected
    for index in range(3, 63):
        entries = (Entry(b"\0" + batch(registration(f"{index}")), index, 2),)
        previous = member.log[-1]
        member.receive("n2", AppendEntries(2, index, previous.index, previous.term, entries))
    member.later.finish()
    assert member.store.header() is not None


def test_a_snapshot_holds_the_state_of_its_index_whatever_is_applied_meanwhile(
    lone: MakeLone,
) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    applied(member, 60)
    at_that_time = digest(member.machine.state)
    applied(member, 30)
    member.later.finish()
    frozen = Machine(load(member.store.stream()))
    assert digest(frozen.state) == at_that_time != digest(member.machine.state)


def test_a_restart_from_a_snapshot_and_the_log_behind_it_has_everything(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    applied(member, 60)
    member.later.finish()
    applied(member, 30)
    before = digest(member.machine.state)
    member.reopen()
    applied(member, 1)
    assert len(member.machine.state.roll) == 91
    assert before != digest(member.machine.state)


def test_a_kill_between_the_snapshot_and_the_cut_of_the_log_loses_nothing(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    applied(member, 60)
    job = member.store.write(62, 1, member.machine.dump())
    for _ in job:
        pass  # it is in place, and the log is not cut
    member.reopen()
    applied(member, 1)
    assert len(member.machine.state.roll) == 61


def test_an_idle_member_writes_no_snapshot(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    applied(member, 60)
    member.later.finish()
    member.pass_time(60)
    assert member.later.jobs == []


def test_a_damaged_snapshot_on_disk_is_refused_rather_than_an_empty_state(lone: MakeLone) -> None:
    member = lone(0, 1, term=1, snapshot_entries=50)
    applied(member, 60)
    member.later.finish()
    path = member.folder / "snapshot"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises((SnapshotDamaged, EngineStartError), match="snapshot"):
        member.reopen()
