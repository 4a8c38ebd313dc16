"""PySyncObj's `SyncObj` as a Raft core without threads, sockets, pickle or files of its own.

This is the only module that knows PySyncObj. It keeps its leader election, commit rule and
AppendEntries handler; the log, the transport, applying, sending and compaction are ours.

Version 0.3.17 is pinned exactly, because private methods of `SyncObj` are overridden here (by
subclassing: nothing is patched). docs/REPLICATION.md says what is wrong with each of them.
"""

import random
from collections.abc import Callable, Iterable
from typing import cast
from zlib import crc32

from pysyncobj import SyncObj, SyncObjConf
from pysyncobj import syncobj as stock
from pysyncobj.node import Node
from pysyncobj.version import VERSION

from quorate_replication.engine import Role
from quorate_replication.errors import EngineStartError
from quorate_replication.raft import dialect
from quorate_replication.raft.log import StockLog
from quorate_replication.raft.outlet import Outlet
from quorate_replication.storage.journal import Journal
from quorate_replication.wire.messages import Entry, Message

TESTED_VERSION = "0.3.17"
REGULAR, NO_OP = b"\x00", b"\x01"
"""PySyncObj's command types; no other may be in our log."""
NEVER = 1 << 60
_ROLES = (Role.FOLLOWER, Role.CANDIDATE, Role.LEADER)


class _Peer(Node):
    """A member to PySyncObj. Its hash does not follow PYTHONHASHSEED: sets keep their order."""

    def __hash__(self) -> int:
        return crc32(self.id.encode())


class _NoPoller:
    """`SyncObj` has no sockets to wait for."""

    def poll(self, _seconds: float) -> None:
        """Return at once."""


class RaftCore(SyncObj):
    """One member's Raft state; see `view.RaftView`.

    Args:
        name: this member.
        peers: every other member.
        journal: the log, already aligned to the snapshot.
        timing: election timeout from and to, and heartbeat, seconds.
        dice: for election timeouts.
        send_out: where messages go.
        apply: applies entries that are committed.
        replicate: sends to the followers what they lack; called while this member leads.
    """

    def __init__(  # noqa: PLR0913 - each is a different seam
        self,
        name: str,
        peers: Iterable[str],
        journal: Journal,
        *,
        timing: tuple[float, float, float],
        dice: random.Random,
        send_out: Callable[[str, Message], bool],
        apply: Callable[[], None],
        replicate: Callable[[], None],
    ) -> None:
        if VERSION != TESTED_VERSION:
            raise EngineStartError(
                f"PySyncObj {VERSION} is installed, but only {TESTED_VERSION} is known to be safe"
            )
        low, high, heartbeat = timing
        self.journal = journal
        self.peers = tuple(sorted(peers))
        self.send_out = send_out
        self._apply, self._replicate, self._dice = apply, replicate, dice
        self.election_due = 0.0
        """When this member has waited long enough for a leader."""
        self.may_stand = False
        """Whether it may stand for leader in this tick."""
        self._stock_log = StockLog(journal)
        self._nodes = {peer: _Peer(peer) for peer in self.peers}
        conf = SyncObjConf(
            autoTick=False,  # our driver ticks
            raftMinTimeout=low,
            raftMaxTimeout=high,
            leaderFallbackTimeout=high,  # check-quorum: an isolated leader steps down
            appendEntriesPeriod=heartbeat,
            appendEntriesUseBatch=True,  # no thread of its own that wakes it
            connectionTimeout=max(2.0, high),  # unused, but asserted
            commandsWaitLeader=False,
            dynamicMembershipChange=False,  # its commands are pickles
            fullDumpFile=None,  # snapshots are ours
            useFork=False,
            logCompactionMinEntries=NEVER,
            logCompactionMinTime=NEVER,
        )
        try:
            super().__init__(
                _Peer(name),
                list(self._nodes.values()),
                conf=conf,
                nodeClass=_Peer,
                transportClass=Outlet,
            )
        except AssertionError:
            raise EngineStartError(
                f"the election timeout must be longer than three heartbeats and end later than it "
                f"begins: {low} to {high} s, heartbeat {heartbeat} s"
            ) from None
        self._poller = _NoPoller()
        last = journal.log[-1].index
        self._SyncObj__raftCommitIndex = min(self.raftCommitIndex, last)

    # ------------------------------------------------------------------ the view

    @property
    def role(self) -> Role:
        """What this member is in the current term."""
        return _ROLES[self._SyncObj__raftState]

    @property
    def leads(self) -> bool:
        """Whether this member leads in the current term."""
        return self._isLeader()

    @property
    def term(self) -> int:
        """The current term."""
        return self.raftCurrentTerm

    @property
    def leader(self) -> str:
        """The current term's leader; empty while it knows none."""
        leader = self._getLeader()
        return "" if leader is None else leader.id

    def forget_leader(self) -> None:
        """Believe in no leader until one is heard."""
        self._SyncObj__raftLeader = None

    @property
    def log(self) -> list[Entry]:
        """The log; never empty."""
        return self.journal.log

    @property
    def commit_index(self) -> int:
        """The last entry that is known to be committed."""
        return max(self.raftCommitIndex, self.raftLastApplied)

    @property
    def applied_index(self) -> int:
        """The last entry in the state."""
        return self.raftLastApplied

    @applied_index.setter
    def applied_index(self, index: int) -> None:
        self._SyncObj__raftLastApplied = index
        self._SyncObj__raftCommitIndex = max(self.raftCommitIndex, index)

    @property
    def term_is_proven(self) -> bool:
        """Whether an entry of this member's own term as leader is committed (dissertation, 6.4)."""
        first = self._SyncObj__noopIDx
        return self.leads and first is not None and self.raftCommitIndex >= first

    @property
    def transfer_asked(self) -> bool:
        """Whether the leader asked this member to take over, and it has not tried yet."""
        return self._SyncObj__transferInProgress

    def forget_transfer(self) -> None:
        """Whoever asked for it leads no more; stock remembers it beyond the term."""
        self._SyncObj__transferInProgress = False

    def next_index(self, peer: str) -> int:
        """Return the next entry that a leader sends there."""
        return cast(int, self._SyncObj__raftNextIndex.get(self._nodes[peer], 0))

    def set_next_index(self, peer: str, index: int) -> None:
        """Send from there on next."""
        self._SyncObj__raftNextIndex[self._nodes[peer]] = index

    def match_index(self, peer: str) -> int:
        """Return up to where that peer's copy is known to match, and to be durable."""
        return cast(int, self._SyncObj__raftMatchIndex.get(self._nodes[peer], 0))

    def is_connected(self, peer: str) -> bool:
        """Tell whether messages to that peer can be sent."""
        return self.isNodeConnected(self._nodes[peer])

    def forget_match(self, peer: str) -> None:
        """Count nothing of that peer's copy until it is heard of again: its disk may be new."""
        if self._nodes[peer] in self._SyncObj__raftMatchIndex:
            self._SyncObj__raftMatchIndex[self._nodes[peer]] = 0

    def now(self) -> float:
        """Monotonic seconds."""
        return stock.monotonicTime()  # looked up anew: a simulator has a clock of its own

    def send(self, peer: str, message: Message) -> bool:
        """Send a message; False if there is no connection, or no room."""
        return self.send_out(peer, message)

    # ------------------------------------------------------------------ driving

    @property
    def outlet(self) -> Outlet:
        """Where `SyncObj` hears of messages and connections."""
        return cast(Outlet, self._SyncObj__transport)

    def handle(self, peer: str, message: Message) -> None:
        """Let PySyncObj act on a message that was checked."""
        self.outlet.on_message(self._nodes[peer], dialect.to_stock(message))

    def follow(self, peer: str, term: int) -> None:
        """Take a peer for the leader of `term`, without any claim about the log."""
        stock = {"term": term, "commit_index": 0, "serialized": None}
        self.outlet.on_message(self._nodes[peer], {"type": "append_entries", **stock})

    def step_down(self, term: int) -> None:
        """Adopt a newer term that a peer told of, as a vote request of it would."""
        hopeless = {"type": "request_vote", "term": term, "last_log_index": 0, "last_log_term": -1}
        self.outlet.on_message(self._nodes[self.peers[0]], hopeless)

    def connected(self, peer: str) -> None:
        """A connection to that peer stands."""
        self.outlet.on_connected(self._nodes[peer])

    def disconnected(self, peer: str) -> None:
        """It stands no more."""
        self.outlet.on_disconnected(self._nodes[peer])

    def tick(self) -> None:
        """Do what is due: elections, commits, applying, heartbeats."""
        self.doTick(0.0)

    def next_timeout(self) -> float:
        """Return a random election timeout, seconds."""
        return self._SyncObj__generateRaftTimeout()

    def append(self, command: bytes) -> Entry:
        """Append to the leader's log; the caller has checked that it leads."""
        entry = Entry(command, self.log[-1].index + 1, self.term)
        self.journal.append(entry)
        return entry

    def hand_over_to(self, peer: str) -> None:
        """Ask that peer to take over; PySyncObj checks that it has the whole log."""
        self.transferLeadership(self._nodes[peer])

    # ------------------------------------------------------------------ what stock does not do

    @property
    def _SyncObj__raftElectionDeadline(self) -> float:  # noqa: N802 - PySyncObj's name
        """When stock stands for leader: never, or now, as `Leadership` has decided.

        Stock compares it with a clock reading of its own: a deadline that passed between that
        one and ours would let it stand without a pre-vote, or though this member does not count.
        """
        return float("-inf") if self.may_stand else float("inf")

    @_SyncObj__raftElectionDeadline.setter
    def _SyncObj__raftElectionDeadline(self, moment: float) -> None:  # noqa: N802 - PySyncObj's name
        self.election_due = moment

    @property
    def _SyncObj__raftLog(self) -> StockLog:  # noqa: N802 - PySyncObj's name
        return self._stock_log

    @_SyncObj__raftLog.setter
    def _SyncObj__raftLog(self, journal: object) -> None:  # noqa: N802 - PySyncObj's name
        """Ours is open already; SyncObj would make one of its own."""

    def _SyncObj__generateRaftTimeout(self) -> float:  # noqa: N802 - PySyncObj's name
        """Roll the dice that we were given; stock uses the process's own."""
        return self._dice.uniform(self.conf.raftMinTimeout, self.conf.raftMaxTimeout)

    def _SyncObj__applyLogEntries(self) -> bool:  # noqa: N802 - PySyncObj's name
        """Apply what is committed. Stock retries what raises, and applies it twice."""
        self._apply()
        return False

    def _SyncObj__sendAppendEntries(self) -> None:  # noqa: N802 - PySyncObj's name
        """Send what followers lack. Stock knows no back-pressure and floods laggards."""
        self._SyncObj__newAppendEntriesTime = self.now() + self.conf.appendEntriesPeriod
        self._replicate()

    def _SyncObj__tryLogCompaction(self) -> None:  # noqa: N802 - PySyncObj's name
        """Snapshots are `snapshots.Snapshots`' business."""

    def _checkCommandsToApply(self) -> None:  # noqa: N802 - PySyncObj's name
        """Proposals are `proposals.Proposals`' business."""
