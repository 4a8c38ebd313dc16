"""Sending to followers what they lack, while this member leads.

Rule 1: no more is under way to a follower than it acknowledges in time: a window of bytes, and
what its connection has room for.
Rule 2: who lacks what was cut from the log gets the snapshot, by `streams.Streams`.
Rule 3: every follower hears a heartbeat in each period, whatever else it gets.
Rule 4: nothing is prepared for whom it can't be sent to: no connection, or no room in it.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from quorate_replication.raft.core import RaftCore
from quorate_replication.raft.streams import Streams
from quorate_replication.wire.messages import AppendEntries, Entry

MESSAGE_BYTES = 512 * 1024
"""Entries in one message: stops when it is passed, so at most one batch (256 KiB) more."""
MESSAGE_ENTRIES = 4096
WINDOW_BYTES = 4 << 20
ENTRY_OVERHEAD_BYTES = 64


@dataclass(slots=True)
class _Window:
    """What is under way to one follower: the last index of each message, and its size."""

    sent: deque[tuple[int, int]] = field(default_factory=deque[tuple[int, int]])
    size: int = 0

    def add(self, last_index: int, size: int) -> None:
        self.sent.append((last_index, size))
        self.size += size

    def arrived(self, next_index: int) -> None:
        while self.sent and self.sent[0][0] < next_index:
            self.size -= self.sent.popleft()[1]

    def clear(self) -> None:
        self.sent.clear()
        self.size = 0


class Replicator:
    """The leader's sending side.

    Args:
        raft: the member's Raft core.
        streams: snapshots under way.
        heartbeat_s: the longest silence towards a follower.
        room: how many bytes more its connection takes now.
    """

    def __init__(
        self,
        raft: RaftCore,
        streams: Streams,
        heartbeat_s: float,
        room: Callable[[str], int],
    ) -> None:
        self._raft = raft
        self._streams = streams
        self._heartbeat_s = heartbeat_s
        self._room = room
        self._windows = {peer: _Window() for peer in raft.peers}
        self._told: dict[str, tuple[float, int]] = {}  # when each was told which commit index

    def send(self) -> None:
        """Send each follower what it lacks, or that we are here."""
        for peer in self._raft.peers:
            if self._room(peer) > 0:
                self._send_to(peer)

    def arrived(self, peer: str, next_index: int) -> None:
        """A follower has acknowledged everything before that index."""
        self._windows[peer].arrived(next_index)

    def rewound(self, peer: str) -> None:
        """What was under way to that follower is lost, or was refused."""
        self._windows[peer].clear()
        self._told.pop(peer, None)

    def _send_to(self, peer: str) -> None:
        raft, window = self._raft, self._windows[peer]
        if raft.next_index(peer) <= raft.log[0].index:
            self._streams.send(peer)
            self._heartbeat(peer, raft.log[0])
            return
        self._streams.end(peer)
        while raft.next_index(peer) <= raft.log[-1].index and window.size < WINDOW_BYTES:
            if not self._send_entries(peer, window):
                return
        self._heartbeat(peer, raft.log[raft.next_index(peer) - 1 - raft.log[0].index])

    def _send_entries(self, peer: str, window: _Window) -> bool:
        raft, log = self._raft, self._raft.log
        start = raft.next_index(peer) - log[0].index
        entries, size = _take(log, start)
        if not self._tell(peer, log[start - 1], entries):
            return False
        raft.set_next_index(peer, entries[-1].index + 1)
        window.add(entries[-1].index, size)
        return True

    def _heartbeat(self, peer: str, previous: Entry) -> None:
        """Say that we are here, if nothing was said for a while or more is committed."""
        when, commit = self._told.get(peer, (float("-inf"), 0))
        due = self._raft.now() - when >= self._heartbeat_s * 0.9
        if due or commit != self._raft.commit_index:
            self._tell(peer, previous, ())

    def _tell(self, peer: str, previous: Entry, entries: tuple[Entry, ...]) -> bool:
        raft = self._raft
        commit = raft.commit_index
        message = AppendEntries(raft.term, commit, previous.index, previous.term, entries)
        if not raft.send(peer, message):
            return False
        self._told[peer] = (raft.now(), commit)
        return True


def _take(log: list[Entry], start: int) -> tuple[tuple[Entry, ...], int]:
    """Return the entries from a position on that fit into one message, and their size."""
    size, end = 0, start
    while end < len(log) and size < MESSAGE_BYTES and end - start < MESSAGE_ENTRIES:
        size += len(log[end].command) + ENTRY_OVERHEAD_BYTES
        end += 1
    return tuple(log[start:end]), size
