"""Snapshots on their way to followers that lack what was cut from the log.

Rule 1: a stream keeps its own open file: a newer snapshot may take the name meanwhile.
Rule 2: at most a few chunks are under way; each acknowledgement asks for more.
Rule 3: what is not acknowledged for a while is sent again; of a snapshot that has arrived, the last
chunk: who has installed it answers where to go on, who has forgotten it answers where it is.
Rule 4: a stream that its follower refuses, or that makes no progress for long, ends, and begins
anew after a pause. What it was for may have been damaged here: a new snapshot is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from quorate_replication.raft.core import RaftCore
from quorate_replication.storage.disk import ReadFile
from quorate_replication.storage.snapshots import SnapshotHeader, SnapshotStore
from quorate_replication.wire.messages import SnapshotChunk, SnapshotReply

CHUNK_BYTES = 128 * 1024
CHUNKS_UNDER_WAY = 4
SILENCE_S = 3.0
NO_PROGRESS_S = 120.0  # also how long a follower may take to check and load what has arrived


@dataclass(slots=True)
class _Stream:
    file: ReadFile
    header: SnapshotHeader
    sent: int = 0
    arrived: int = 0
    heard: float = 0.0
    progressed: float = 0.0


class Streams:
    """The leader's side: one stream a follower.

    Args:
        raft: the member's Raft core.
        store: where the snapshot lies.
        refused: called when a follower refuses what it got.
    """

    def __init__(self, raft: RaftCore, store: SnapshotStore, refused: Callable[[], None]) -> None:
        self._raft = raft
        self._store = store
        self._refused = refused
        self._streams: dict[str, _Stream] = {}
        self._refused_until: dict[str, float] = {}

    @property
    def oldest_index(self) -> int | None:
        """The index of the oldest snapshot under way; the log behind it is still needed."""
        return min((stream.header.index for stream in self._streams.values()), default=None)

    def send(self, peer: str) -> None:
        """Begin, or go on with, that follower's stream."""
        stream = self._streams.get(peer) or self._begin(peer)
        if stream is None:
            return
        now = self._raft.now()
        if now - stream.progressed > NO_PROGRESS_S:
            self._pause(peer)
            return
        if now - stream.heard > SILENCE_S:
            stream.heard = now
            stream.sent = min(stream.arrived, max(0, stream.header.size - CHUNK_BYTES))
        while stream.sent < stream.header.size and _has_room(stream):
            chunk = SnapshotChunk(
                self._raft.term,
                stream.header.index,
                stream.header.term,
                stream.sent,
                stream.header.size,
                stream.file.read(stream.sent, CHUNK_BYTES),
            )
            if not self._raft.send(peer, chunk):
                return
            stream.sent += len(chunk.data)

    def replied(self, peer: str, message: SnapshotReply) -> None:
        """A follower says how far its stream has come."""
        stream = self._streams.get(peer)
        if stream is None or message.index != stream.header.index:
            return
        if message.refused:
            self._pause(peer)
            self._refused()
            return
        stream.heard = self._raft.now()
        if message.offset > stream.arrived:
            stream.progressed = stream.heard
        elif message.offset < stream.arrived:  # it began anew
            stream.sent = message.offset
        stream.arrived = message.offset
        stream.sent = max(stream.sent, stream.arrived)
        self.send(peer)

    def _pause(self, peer: str) -> None:
        self.end(peer)
        self._refused_until[peer] = self._raft.now() + SILENCE_S

    def end(self, peer: str) -> None:
        """Close that follower's stream, if there is one."""
        stream = self._streams.pop(peer, None)
        if stream is not None:
            stream.file.close()

    def end_all(self) -> None:
        """Close every stream: this member leads no more."""
        for peer in list(self._streams):
            self.end(peer)

    def _begin(self, peer: str) -> _Stream | None:
        if self._raft.now() < self._refused_until.get(peer, 0.0):
            return None
        try:
            header, file = self._store.open()
        except FileNotFoundError:  # a follower asks for more than was ever cut
            return None
        now = self._raft.now()
        stream = _Stream(file, header, heard=now, progressed=now)
        self._streams[peer] = stream
        return stream


def _has_room(stream: _Stream) -> bool:
    return stream.sent - stream.arrived < CHUNKS_UNDER_WAY * CHUNK_BYTES
