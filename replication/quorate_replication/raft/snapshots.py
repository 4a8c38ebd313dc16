"""This member's own snapshots: writing them, cutting the log, taking a leader's.

Rule 1: the log is cut only behind a snapshot that is durable, and not behind what a connected
follower is about to need, unless that is too much to keep.
Rule 2: the raft thread only freezes the state; encoding, checking, writing and reading happen off
it. An idle member writes none.
Rule 3: a snapshot that comes from the leader is checked from its first to its last byte before it
takes the place of ours, and never installed over a state that has passed it.
"""

import logging
from collections.abc import Callable, Generator

from quorate_replication.background import Background, Job
from quorate_replication.machine import Machine
from quorate_replication.raft.core import RaftCore
from quorate_replication.raft.streams import Streams
from quorate_replication.raft.view import has_entry
from quorate_replication.state.elections import Elections, FrozenElections
from quorate_replication.state.snapshot import SnapshotError, load_steps
from quorate_replication.storage.snapshots import (
    INCOMING,
    Receiver,
    SnapshotDamaged,
    SnapshotHeader,
    SnapshotStore,
)
from quorate_replication.wire.messages import AppendReply, SnapshotChunk, SnapshotReply

log = logging.getLogger(__name__)

MAX_LOG_BYTES = 64 << 20
"""Commands in the log: then a snapshot is due, however few entries they are."""
MAX_KEPT_BYTES = 256 << 20
"""Commands that the log may hold because a follower is about to need them."""
KEPT_ENTRIES = 1000
"""Entries kept behind a snapshot, for followers that are only a little late."""


class Snapshots:
    """Writes, cuts and installs; everything is called in the raft thread.

    Args:
        raft: the member's Raft core.
        machine: the state.
        store: where the snapshot lies.
        streams: what is on its way to followers.
        background: does what takes long.
        entries: log entries after which a snapshot is due.
        installed: called with an index whose state was installed at once.
    """

    def __init__(  # noqa: PLR0913 - each is a different seam
        self,
        raft: RaftCore,
        machine: Machine,
        store: SnapshotStore,
        streams: Streams,
        background: Background,
        *,
        entries: int,
        installed: Callable[[int], None],
    ) -> None:
        self._raft = raft
        self._machine = machine
        self._store = store
        self._streams = streams
        self._background = background
        self._entries = entries
        self._installed = installed
        self._busy = False
        self._renew = False
        self._receiver: tuple[str, Receiver] | None = None
        header = store.header()
        self._index = 0 if header is None else header.index

    # ------------------------------------------------------------------ ours

    def turn(self) -> None:
        """At each step: begin a snapshot if one is due."""
        self._drop_abandoned()
        if self._busy or self._receiver is not None or not self._is_due():
            return  # one that comes takes ours' place: ours must not be renamed over it
        raft = self._raft
        index = raft.applied_index
        term = raft.log[index - raft.log[0].index].term
        self._busy, self._renew = True, False
        self._background.run(self._store.write(index, term, self._machine.dump()), self._written)

    def _is_due(self) -> bool:
        raft = self._raft
        since = raft.applied_index - self._index
        if since >= self._entries or self._renew:
            return True
        full = raft.journal.content_bytes > MAX_LOG_BYTES
        # Only if much of the log could then go: else one snapshot would follow another.
        return full and 2 * (self._cut_end(raft.applied_index) - raft.log[0].index) > len(raft.log)

    def renew(self) -> None:
        """Write a new one: a follower found ours damaged."""
        self._renew = True

    def _written(self, header: SnapshotHeader) -> None:
        self._busy = False
        self._index = max(self._index, header.index)
        log.info("snapshot at index %d: %d bytes", header.index, header.size)
        self._cut()

    def _cut(self) -> None:
        raft = self._raft
        end = self._cut_end(self._index)
        if end > raft.log[0].index:
            raft.journal.cut_to(end)

    def _cut_end(self, index: int) -> int:
        """Return where the log would be cut behind a snapshot at an index."""
        raft, size = self._raft, self._raft.journal.content_bytes
        if size > MAX_KEPT_BYTES:
            return index
        needed = [self._streams.oldest_index or index]
        if raft.leads:  # who is about to go on with entries must not need a snapshot again
            following = (raft.next_index(p) for p in raft.peers if raft.is_connected(p))
            needed += [following - 1 for following in following if following > raft.log[0].index]
        if size <= MAX_LOG_BYTES // 2:
            needed.append(index - min(KEPT_ENTRIES, self._entries // 2))
        return min(index, *needed)

    # ------------------------------------------------------------------ the leader's

    def chunk(self, peer: str, message: SnapshotChunk) -> None:
        """Take a chunk from the leader of the current term."""
        raft = self._raft
        if self._is_past(message):
            self._drop_receiver()
            raft.send(peer, self._where_we_are(message))
            return
        receiver = self._receiver_for(peer, message)
        if receiver is None:
            return  # still busy with the one before: the leader will repeat it
        receiver.add(message.offset, message.data)  # what does not follow is not taken
        raft.send(peer, SnapshotReply(raft.term, message.index, receiver.offset))
        if receiver.offset == receiver.size:
            self._drop_receiver()
            self._busy = True
            job = self._check(message.index, message.last_term)
            self._background.run(job, lambda state: self._install(peer, message, state))

    def disconnected(self, peer: str) -> None:
        """Chunks may be lost with the connection: what came so far is of no use."""
        if self._receiver is not None and self._receiver[0] == peer:
            self._drop_receiver()

    def _receiver_for(self, peer: str, message: SnapshotChunk) -> Receiver | None:
        if self._receiver is not None:
            known, receiver = self._receiver
            same = (known, receiver.index, receiver.term, receiver.size) == (
                peer,
                message.index,
                message.last_term,
                message.size,
            )
            if same:
                return receiver
            self._drop_receiver()
        if self._busy:
            return None
        receiver = self._store.receiver(message.index, message.last_term, message.size)
        self._receiver = (peer, receiver)
        return receiver

    def _drop_abandoned(self) -> None:
        """Expect no more of a snapshot whose sender leads no longer, or that we have passed."""
        if self._receiver is not None:
            peer, receiver = self._receiver
            if peer != self._raft.leader or receiver.index <= self._raft.applied_index:
                self._drop_receiver()

    def _drop_receiver(self) -> None:
        if self._receiver is not None:
            self._receiver[1].close()
            self._receiver = None

    def _is_past(self, message: SnapshotChunk) -> bool:
        raft = self._raft
        return message.index <= raft.applied_index or has_entry(
            raft.log, message.index, message.last_term
        )

    def _where_we_are(self, message: SnapshotChunk) -> AppendReply:
        """Say where the leader should go on instead."""
        raft = self._raft
        if has_entry(raft.log, message.index, message.last_term):
            return AppendReply(raft.term, message.index + 1, success=True, reset=False)
        return AppendReply(raft.term, raft.commit_index + 1, success=False, reset=True)

    def _check(self, index: int, term: int) -> Generator[None, None, Elections | None]:
        """Return the state in the file that has come, or None if it is damaged."""
        intact = yield from self._store.verify_incoming(index, term)
        if not intact:
            return None
        try:
            return (yield from load_steps(self._store.stream(INCOMING)))
        except (SnapshotDamaged, SnapshotError) as flaw:
            log.error("the leader's snapshot is damaged: %s", flaw)  # noqa: TRY400 - it is told
            return None

    def _install(self, peer: str, message: SnapshotChunk, state: Elections | None) -> None:
        self._busy = False
        raft = self._raft
        if state is None:
            raft.send(peer, SnapshotReply(raft.term, message.index, 0, refused=True))
            return
        if message.index <= raft.applied_index:
            return
        self._store.install_incoming()
        if has_entry(raft.log, message.index, message.last_term):
            raft.journal.cut_to(message.index)
        else:
            raft.journal.reset(message.index, message.last_term)
        raft.journal.sync()
        old = self._machine.state.freeze()
        self._machine.state = state
        self._background.run(_let_go(old), lambda _: None)
        self._index = message.index
        raft.applied_index = message.index
        log.info("snapshot of %s installed at index %d", peer, message.index)
        self._installed(message.index)
        reply = AppendReply(raft.term, message.index + 1, success=True, reset=False)
        if raft.leader == peer:
            raft.send(peer, reply)


def _let_go(state: FrozenElections) -> Job[None]:
    """Free a large state step by step: in one go it would hold up every thread."""
    yield from state.dismantle()
