"""PySyncObj's Raft as a `SyncObj` that `raft.RaftEngine` drives.

This module and `journal.py` are the only ones that know PySyncObj.

PySyncObj 0.3.17 is pinned exactly, because privates of its `SyncObj` are overridden here (by
subclassing, nothing is patched). What it still gets wrong, and what stands in for now, is in
docs/DESIGN.md, "Replication".
"""

import logging
import secrets
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from struct import error as StructError  # noqa: N812 - it is a class
from typing import cast

from pysyncobj import FAIL_REASON, SyncObj, SyncObjConf, SyncObjException
from pysyncobj.node import Node, TCPNode
from pysyncobj.poller import POLL_EVENT_TYPE
from pysyncobj.syncobj import monotonicTime
from pysyncobj.transport import TCPTransport
from pysyncobj.version import VERSION

from quorate_replication import snapshot_file
from quorate_replication.engine import (
    Committed,
    EngineStartError,
    Refused,
    Role,
    Settled,
    Unknown,
)
from quorate_replication.guards import Guards, Message, not_here
from quorate_replication.journal import Journal, open_journal
from quorate_replication.machine import Machine, fail_stop
from quorate_replication.options import RaftOptions
from quorate_replication.snapshot_file import Entry
from quorate_replication.state.outcome import Outcome

log = logging.getLogger(__name__)

TESTED_VERSION = "0.3.17"
PING, PING_S = "ping", 0.5
MAX_JOURNAL_BYTES = 64 << 20  # then it is cut, however few entries; at 4 GiB stock breaks
_REGULAR, _NO_OP = 0, 1  # PySyncObj's command types; no other may be in our log

# What PySyncObj reports when a command is certainly in no log.
_DEFINITE = frozenset(
    {
        FAIL_REASON.QUEUE_FULL,
        FAIL_REASON.MISSING_LEADER,
        FAIL_REASON.DISCARDED,
        FAIL_REASON.NOT_LEADER,
        FAIL_REASON.REQUEST_DENIED,
    }
)


class _Transport(TCPTransport):
    """PySyncObj's TCP transport with the guards between it and SyncObj."""

    received = 0  # messages ever; tells the core that there may be work

    def __init__(self, core: "RaftCore", own: Node, others: Sequence[Node]) -> None:
        super().__init__(core, own, others)
        self._core = core
        self.guards = Guards(core)

    def send(self, node: Node, message: Message) -> bool:
        return super().send(node, self.guards.sending(message))

    def _onMessageReceived(self, node: Node, message: Message) -> None:  # noqa: N802 - PySyncObj's name
        self.received += 1
        if message["type"] == PING:
            return
        if self._core.leaving and message["type"] == "apply_command":
            self.send(node, not_here(message))
        else:
            self.guards.receive(node, message)

    def _onNodeConnected(self, node: Node) -> None:  # noqa: N802 - PySyncObj's name
        self.guards.connected(node)
        super()._onNodeConnected(node)

    def _onNodeDisconnected(self, node: Node) -> None:  # noqa: N802 - PySyncObj's name
        super()._onNodeDisconnected(node)
        self._core.lost(node)

    def hand_on(self, node: Node, message: Message) -> None:
        """Give SyncObj a message that the guards have passed."""
        super()._onMessageReceived(node, message)


class RaftCore(SyncObj):
    """SyncObj with raw byte commands, our snapshots, and a prompt send after each change."""

    def __init__(self, options: RaftOptions, machine: Machine) -> None:
        """Bind to the peer address and open the log. Raises EngineStartError."""
        _check_version()
        self.leaving = False
        """Set it to take no more proposals, so that a follower can catch up and take over."""
        self._machine = machine
        self._names = {address: name for name, address in options.peers.items()}
        low, high = options.election_timeout_s
        others = [TCPNode(a) for n, a in options.peers.items() if n != options.name]
        conf = SyncObjConf(
            autoTick=False,  # our thread ticks
            bindAddress=options.bind,
            password=options.secret,  # Fernet: a stranger's frame never reaches the unpickler
            maxBindRetries=1,  # an address that is taken is an error, not a wait
            fullDumpFile=str(options.data / "raft.snapshot"),
            serializer=self._write_snapshot,
            deserializer=self._load_snapshot,
            useFork=False,  # a fork in a process with gRPC threads is asking for trouble
            logCompactionMinEntries=options.snapshot_entries,
            logCompactionMinTime=1 << 30,  # by size only: an idle node writes nothing
            logCompactionBatchSize=snapshot_file.CHUNK_BYTES,  # the header fits in the first
            raftMinTimeout=low,
            raftMaxTimeout=high,
            leaderFallbackTimeout=high,  # an isolated leader stops believing in itself
            appendEntriesPeriod=options.heartbeat_s,
            appendEntriesUseBatch=True,  # with the explicit send in step()
            appendEntriesBatchSizeBytes=1 << 20,  # no command is ever cut into pieces
            connectionTimeout=max(2.0, high),  # stock asserts that it is no less than `high`
            connectionRetryTime=0.25,
            commandsWaitLeader=False,  # no leader is an answer: definitely not done
            dynamicMembershipChange=False,
        )
        own = TCPNode(options.peers[options.name])
        self._ping_due = 0.0
        self._snapshot_written = False
        try:
            self._journal = open_journal(options.data)
            super().__init__(own, others, conf=conf, transportClass=_Transport)
        except SyncObjException:
            self.destroy()
            raise EngineStartError(
                f"cannot listen for peers on {options.bind}: is the port in use?"
            ) from None
        except (OSError, ValueError, StructError) as flaw:
            raise EngineStartError(f"cannot read the log in {options.data}: {flaw}") from flaw
        # Stock looks at this only when there is a snapshot.
        self._SyncObj__raftCommitIndex = min(self.raftCommitIndex, self._journal[-1][1])
        # An answer to the process that ran here before us must not settle a proposal of ours.
        self._SyncObj__commandsLocalCounter = secrets.randbits(48)

    # ------------------------------------------------------------------ what the guards need

    @property
    def transport(self) -> _Transport:
        """The guarded transport."""
        return cast(_Transport, self._SyncObj__transport)

    @property
    def term(self) -> int:
        """The current term."""
        return self.raftCurrentTerm

    @property
    def commit_index(self) -> int:
        """The last entry known to be committed; SyncObj forgets it when it loads a snapshot."""
        return max(self.raftCommitIndex, self.raftLastApplied)

    @property
    def applied_index(self) -> int:
        """The last entry in the state."""
        return self.raftLastApplied

    @property
    def entries(self) -> Sequence[Entry]:
        """The log; never empty."""
        return cast(Sequence[Entry], self._journal)

    @property
    def next_index(self) -> dict[Hashable, int]:
        """For each peer, the next entry to send there."""
        indexes: dict[Hashable, int] = self._SyncObj__raftNextIndex
        return indexes

    @property
    def resend_after_s(self) -> float:
        """How long a gap that is being filled is given."""
        return 2 * self.conf.appendEntriesPeriod

    def now(self) -> float:
        """Monotonic seconds."""
        return monotonicTime()

    def handle(self, node: Hashable, message: Message) -> None:
        """Let SyncObj act on a message."""
        self.transport.hand_on(cast(Node, node), message)

    def reply(self, node: Hashable, message: Message) -> None:
        """Send a message to a peer."""
        self.transport.send(cast(Node, node), message)

    # ------------------------------------------------------------------ driving

    @property
    def role(self) -> Role:
        """What this member is in the current term."""
        return (Role.FOLLOWER, Role.CANDIDATE, Role.LEADER)[self._SyncObj__raftState]

    @property
    def leader_name(self) -> str:
        """The leader's name, or nothing while it knows none."""
        leader = self._getLeader()
        return "" if leader is None else self._names[leader.id]

    @property
    def caught_up(self) -> bool:
        """Whether all is applied that the leader had committed when it was last heard."""
        if self._isLeader():
            return self.applied_index >= self.commit_index
        heard = self.transport.guards.leader_commit
        return self._getLeader() is not None and heard is not None and self.applied_index >= heard

    def lost(self, node: Node) -> None:
        """Believe in the leader no longer when the link to it is gone, until it is heard again.

        Stock believes in it until the next leader election, and starts none while it is
        connected to nobody: proposals would go to the dead.
        """
        if self._getLeader() == node:
            self._SyncObj__raftLeader = None

    def propose(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        """Append on the leader, wherever it is."""

        def settle(outcomes: object, reason: int) -> None:
            if reason == FAIL_REASON.SUCCESS:
                done(Committed(cast(list[Outcome], outcomes)))
            elif reason in _DEFINITE:
                done(Refused(_reason_name(reason)))
            else:
                done(Unknown(_reason_name(reason)))

        self._applyCommand(entry, settle, _REGULAR)

    def watch(self, descriptor: int, ready: Callable[[], None]) -> None:
        """Have `wait` end and `ready` called when a descriptor can be read."""
        self._poller.subscribe(descriptor, lambda _fd, _event: ready(), POLL_EVENT_TYPE.READ)

    def step(self) -> bool:
        """Do all that is due; return whether more may be due at once."""
        before = (self.entries[-1][1], self.raftCommitIndex, self.transport.received)
        if self._journal.content_bytes > MAX_JOURNAL_BYTES:
            self._SyncObj__forceLogCompaction = True  # stock counts entries, not bytes
        self.doTick(0.0)
        if self._snapshot_written:  # until it cuts the log, stock floods laggards with nothing
            self._snapshot_written = False
            self._SyncObj__tryLogCompaction()
        self._ping()
        after = (self.entries[-1][1], self.raftCommitIndex, self.transport.received)
        if self._isLeader() and after[:2] != before[:2]:
            self._SyncObj__sendAppendEntries()  # stock waits for the next heartbeat
        return after != before

    def _ping(self) -> None:
        """Keep the links between followers alive.

        Stock closes a link that was silent for its timeout when it is next used: the first
        vote requests after a leader's death would be lost.
        """
        if self.now() >= self._ping_due:
            self._ping_due = self.now() + PING_S
            for node in self.otherNodes:
                self.transport.send(node, {"type": PING})

    def wait(self, seconds: float) -> None:
        """Sleep until a message or a watched descriptor, `seconds` at most."""
        self._poller.poll(seconds)

    # ------------------------------------------------------------------ applying and snapshots

    @property
    def _SyncObj__raftLog(self) -> Journal:  # noqa: N802 - PySyncObj's name
        return self._journal

    @_SyncObj__raftLog.setter
    def _SyncObj__raftLog(self, journal: object) -> None:  # noqa: N802 - PySyncObj's name
        """Ours is open already; SyncObj would make one of its own."""

    def _SyncObj__doApplyCommand(self, command: bytes) -> object:  # noqa: N802 - PySyncObj's name
        """Apply one entry. Stock unpickles a method name here, and retries what raises."""
        kind = command[0] if command else None
        if kind == _REGULAR:
            return self._machine.apply(command[1:])
        if kind != _NO_OP:
            fail_stop(f"the log holds a command of type {kind}, which this program never writes")
        return None

    def _write_snapshot(self, path: str, entries: tuple[Entry, Entry, object]) -> None:
        last, previous, _ = entries
        snapshot_file.write(Path(path), previous, last, self._machine.dump())
        self._snapshot_written = True
        log.info("snapshot written at index %d", last[1])

    def _load_snapshot(self, path: str) -> tuple[Entry, Entry, set[Node]]:
        """Load the state. Stock logs a failure here and goes on with an empty state."""
        try:
            header = snapshot_file.read_header(Path(path))
            self._machine.load(snapshot_file.read_stream(Path(path)))
        except (OSError, ValueError) as flaw:
            fail_stop(f"cannot load the snapshot {path}: {flaw}")
        log.info("snapshot loaded at index %d", header.last[1])
        return header.last, header.previous, set()


def _check_version() -> None:
    if VERSION != TESTED_VERSION:
        raise EngineStartError(
            f"PySyncObj {VERSION} is installed, but only {TESTED_VERSION} is known to be safe"
        )


def _reason_name(reason: int) -> str:
    names: Iterator[str] = (
        name.lower().replace("_", " ")
        for name, value in vars(FAIL_REASON).items()
        if value == reason
    )
    return next(names, f"reason {reason}")
