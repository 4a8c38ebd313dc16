"""One real member whose peers are played by the test: real core, journal, snapshots, membership.

Only the network and the clock are the test's: what the member sends is noted, what it receives
is what the test says, and time passes when the test says so.
"""

import random
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from pysyncobj import syncobj

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.background import Job
from quorate_replication.machine import Machine
from quorate_replication.options import PeerTls, RaftOptions
from quorate_replication.raft.member import Member
from quorate_replication.state import snapshot
from quorate_replication.state.elections import BATCH_VERSION
from quorate_replication.storage.align import align
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.storage.snapshots import SnapshotStore
from quorate_replication.wire.messages import (
    AppendEntries,
    Entry,
    Message,
    PreVote,
    RequestPreVote,
    RequestVote,
    Standing,
    Vote,
)

T = TypeVar("T")
CLUSTER = "c" * 32
NAMES = ("n1", "n2", "n3")


class Time:
    """Monotonic seconds that pass when told to."""

    def __init__(self) -> None:
        self.now = 1000.0

    def read(self) -> float:
        self.now += 1e-6  # PySyncObj has loops that wait for it to pass
        return self.now


@pytest.fixture
def lone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "MakeLone":
    """Return what makes a member whose clock is the test's."""
    time = Time()
    monkeypatch.setattr(syncobj, "monotonicTime", time.read)
    return partial(Lone, tmp_path, time)


class Inbox:
    """A network that notes what is sent. See `wire.network.Network`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.unsent: Callable[[], bool] = lambda: False
        """Called at each sending: whether the journal has unsynced bytes."""
        self.unsynced_when_sent: list[Message] = []
        self.full: set[str] = set()

    async def start(self, events: object) -> None:
        """Nothing to start."""

    def send(self, peer: str, message: Message) -> bool:
        if peer in self.full:
            return False
        self.sent.append((peer, message))
        if self.unsent():
            self.unsynced_when_sent.append(message)
        return True

    def room(self, peer: str) -> int:
        return 0 if peer in self.full else 1 << 20

    async def stop(self) -> None:
        """Nothing to stop."""


class Later:
    """Jobs wait until the test lets them run. See `background.Background`."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def run(self, job: Job[T], done: Callable[[T], None]) -> None:
        def through() -> None:
            while True:
                try:
                    next(job)
                except StopIteration as end:
                    done(end.value)
                    return

        self.jobs.append(through)

    def finish(self) -> None:
        """Run all that waits."""
        while self.jobs:
            self.jobs.pop(0)()


class Lone:
    """A member n1 of three, with a log of one entry for each given term (index 1 first)."""

    def __init__(  # noqa: PLR0913 - each is a fact of the test
        self,
        folder: Path,
        time: Time,
        *terms: int,
        term: int = 0,
        committed: int = 1,
        names: Iterable[str] = NAMES,
        snapshot_entries: int = 10_000,
        standing: Standing = Standing.VOTER,
    ) -> None:
        self.time = time
        self.folder = folder
        self.names = tuple(names)
        self.snapshot_entries = snapshot_entries
        self.disk: Disk = OsDisk(folder)
        if standing is Standing.VOTER and not (folder / "member.json").exists():
            (folder / "newborn.json").write_text(f'{{"cluster_id": "{CLUSTER}", "name": "n1"}}')
        self._replace = standing is Standing.REPLACING
        self.open()
        if terms or term:
            self.journal.save_vote(term, None)
            for index, of in enumerate(terms, start=1):
                if index > self.journal.last_index:
                    self.journal.append(entry(index, of))
            self.journal.note_commit(committed)
            self.reopen()
            self.step()

    def open(self) -> None:
        """Start the member from its disk."""
        self.network, self.later = Inbox(), Later()
        self.membership = Membership.open(
            self.disk,
            cluster_id=CLUSTER,
            name="n1",
            others=[name for name in self.names if name != "n1"],
            fresh_incarnation=b"i" * 16,
            replace=self._replace,
        )
        self.store = SnapshotStore(self.disk)
        self.store.clean()
        header = self.store.header()
        self.journal = Journal.open(self.disk, key=self.membership.incarnation)
        align(self.journal, header, self.disk.path)
        self.machine = Machine() if header is None else Machine(snapshot.load(self.store.stream()))
        self.network.unsent = lambda: self.journal.dirty
        self.options = RaftOptions(
            CLUSTER,
            "n1",
            dict.fromkeys(self.names, "localhost:1"),
            "localhost:1",
            self.folder,
            PeerTls(self.folder, self.folder, self.folder),
            snapshot_entries=self.snapshot_entries,
        )
        self.member = Member(
            self.options,
            journal=self.journal,
            store=self.store,
            machine=self.machine,
            network=self.network,
            background=self.later,
            membership=self.membership,
            dice=random.Random(1),  # noqa: S311 - not for secrets
            on_applied=lambda: None,
        )
        for name in self.names[1:]:
            self.member.connected(name)

    def reopen(self) -> None:
        """Restart it from its disk."""
        self.journal.close()
        self.open()

    # ------------------------------------------------------------------ what it does

    @property
    def log(self) -> list[Entry]:
        return list(self.journal.log)

    def receive(self, peer: str, message: Message) -> None:
        """Let it act on a message, then on all that is due."""
        self.member.received(peer, message)
        self.step()

    def step(self) -> None:
        """Let it do all that is due now."""
        while self.member.step():
            pass

    def pass_time(self, seconds: float) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / 0.02)):
            self.time.now += 0.02
            self.step()

    def lead(self) -> None:
        """Let it be elected by as many as it needs, and forget how."""
        while not self.sent(RequestPreVote):
            self.pass_time(0.02)
        voters = self.names[1 : len(self.names) // 2 + 1]
        for peer in voters:
            self.receive(peer, PreVote(self.sent(RequestPreVote)[-1].term))
        for peer in voters:
            self.receive(peer, Vote(self.sent(RequestVote)[-1].term))
        assert self.member.raft.leads
        self.forget()

    def follow(self, leader: str, term: int) -> None:
        """Let it hear a leader that has what it has, and forget that."""
        last = self.log[-1]
        self.receive(leader, AppendEntries(term, 0, last.index, last.term))
        self.forget()

    def sent(self, kind: type[T], peer: str | None = None) -> list[T]:
        """Return the messages of a kind that it sent."""
        return [m for to, m in self.network.sent if isinstance(m, kind) and peer in (None, to)]

    def forget(self) -> None:
        """Forget what it has sent."""
        self.network.sent.clear()


MakeLone = Callable[..., Lone]


def entry(index: int, term: int) -> Entry:
    """Return an entry that changes nothing."""
    return Entry(b"\0" + batch(), index, term)


def batch(*commands: pb.Command) -> bytes:
    """Return a batch as it lies in the log."""
    return pb.Batch(version=BATCH_VERSION, commands=commands).SerializeToString()


def registration(name: str) -> pb.Command:
    """Return a command that puts a voter on the roll."""
    return pb.Command(
        register_voter=pb.RegisterVoter(
            request_id=name.encode(), name=name, group="staff", public_key=bytes(32)
        )
    )


def applied(member: Lone, count: int) -> None:
    """Let a leader send so many registrations, all committed."""
    last = member.log[-1]
    entries = [
        Entry(b"\0" + batch(registration(f"{index}")), index, 1)
        for index in range(last.index + 1, last.index + 1 + count)
    ]
    for each in entries:
        message = AppendEntries(1, each.index, each.index - 1, member.log[-1].term, (each,))
        member.member.received("n2", message)
    member.step()
