"""Guards of durability: what is promised is on disk, and what is on disk is whole."""

from collections.abc import Generator
from dataclasses import replace
from itertools import count
from typing import Any
from unittest.mock import patch

from quorate_replication.raft import opening
from quorate_replication.raft.log import StockLog
from quorate_replication.raft.member import Member
from quorate_replication.raft.promises import Promises
from quorate_replication.storage import journal, recovery
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.segments import Scan, Verdict, scan
from quorate_replication.storage.snapshot_format import SnapshotHeader
from quorate_replication.wire.messages import AppendReply, Message
from simulation.disk import SimDisk
from simulation.disk_files import SimAppendFile
from simulation.mutation import always, mutation


@mutation("an acknowledgement waits for the sync")
def ack_before_sync() -> Generator[None]:
    def send(self: Any, peer: str, reply: AppendReply) -> Any:
        return self._network.send(peer, reply)

    with patch.object(Promises, "_send_reply", send):
        yield


@mutation("a vote waits for the sync")
def vote_before_sync() -> Generator[None]:
    def send(self: Any, peer: str, message: Message) -> Any:
        if isinstance(message, AppendReply):
            return self._send_reply(peer, replace(message, counts=self._counts()))
        return self._network.send(peer, message)

    with patch.object(Promises, "send", send):
        yield


@mutation("a leader counts its own copy once it is synced")
def leader_counts_itself_before_sync() -> Generator[None]:
    step, steps = Member.step, count()

    def seldom_sync(self: Any) -> bool:
        if not self.raft.leads or next(steps) % 8 == 0:
            return step(self)
        with patch.object(Promises, "keep", always(None)):
            step(self)
        return False  # else it goes on at once, and syncs

    with patch.object(Member, "step", seldom_sync):
        yield


@mutation("term and vote are in the journal")
def vote_not_persisted() -> Generator[None]:
    with patch.object(StockLog, "setCurrentTerm", always(None)):
        yield


@mutation("what was read at start is synced before anything is built on it")
def no_sync_at_start() -> Generator[None]:
    append_to = SimDisk.append_to

    def without(self: SimDisk, name: str) -> SimAppendFile:
        file = append_to(self, name)
        really_sync, calls = file.sync, list[int]()

        def sync() -> None:
            calls.append(1)
            if len(calls) > 1:
                really_sync()

        file.sync = sync  # type: ignore[method-assign]  # the first time does nothing
        return file

    with patch.object(SimDisk, "append_to", without):
        yield


@mutation("a folder is synced after a name has changed")
def no_folder_sync() -> Generator[None]:
    with patch.object(SimDisk, "sync_folder", always(None)):
        yield


@mutation("a snapshot is synced before it takes its name")
def snapshot_not_synced() -> Generator[None]:
    sync = SimAppendFile.sync

    def not_snapshots(self: Any) -> None:
        names = self._disk.platter.names
        if not any(names.get(f"snapshot.{n}") is self._inode for n in ("partial", "incoming")):
            sync(self)

    with patch.object(SimAppendFile, "sync", not_snapshots):
        yield


@mutation("a torn tail is cut off")
def torn_tail_kept() -> Generator[None]:
    recover = recovery.recover

    def keep(disk: Disk, seed: int) -> recovery.Recovered:
        found = recover(disk, seed)
        found.torn = None
        return found

    with patch.object(journal, "recover", keep):
        yield


@mutation("damage in the journal is refused")
def damage_ignored() -> Generator[None]:
    def blind(disk: Disk, name: str, first: int, seed: int) -> Scan:
        found = scan(disk, name, first, seed)
        damage = found.verdict is Verdict.DAMAGE
        return replace(found, verdict=Verdict.TORN) if damage else found

    with patch.object(recovery, "scan", blind):
        yield


@mutation("at start, what the journal holds behind the snapshot is kept")
def journal_reset_at_start() -> Generator[None]:
    def align(journal: Journal, header: SnapshotHeader | None, _path: str) -> None:
        if header is not None:
            journal.reset(header.index, header.term)
            journal.sync()

    with patch.object(opening, "align", align):
        yield
