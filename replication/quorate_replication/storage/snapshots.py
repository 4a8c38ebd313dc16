"""Snapshots: one in force, `snapshot`; others become it by renaming, or never.

Rule 1: a snapshot is written, or received, under another name, checked and synced before it is
renamed into place. So a crash leaves the old one or the new one, whole.
Rule 2: a newer snapshot is never replaced by an older one: the log in front of it is gone.
Rule 3: the log is cut, or reset, only after the snapshot is in place.

`write` and `verify_incoming` run off the raft thread. Apart from the names, this holds no state.
"""

from collections.abc import Iterable, Iterator
from threading import Lock

from quorate_replication.background import Job
from quorate_replication.storage.disk import AppendFile, Disk, ReadFile
from quorate_replication.storage.files import SNAPSHOT
from quorate_replication.storage.snapshot_format import (
    SnapshotDamaged,
    SnapshotHeader,
    encode,
    read_blocks,
    read_header,
)
from quorate_replication.wire.limits import MAX_SNAPSHOT_BYTES

__all__ = ["MAX_SNAPSHOT_BYTES", "Receiver", "SnapshotDamaged", "SnapshotHeader", "SnapshotStore"]

PARTIAL = "snapshot.partial"
INCOMING = "snapshot.incoming"


class Receiver:
    """A snapshot on its way in; its bytes are those of the sender's file."""

    def __init__(self, file: AppendFile, index: int, term: int, size: int) -> None:
        """Use `SnapshotStore.receiver`."""
        self._file = file
        self.index = index
        self.term = term
        self.size = size

    @property
    def offset(self) -> int:
        """Bytes that have come."""
        return self._file.size

    @property
    def complete(self) -> bool:
        """Whether all has come; nothing is checked yet."""
        return self.offset == self.size

    def add(self, offset: int, data: bytes) -> bool:
        """Take the next piece; False if it is another, or too long. Raises OSError."""
        if offset != self.offset or offset + len(data) > self.size:
            return False
        self._file.append(data)
        return True

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class SnapshotStore:
    """A member's snapshot files. OSErrors come as they are."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._receiver: Receiver | None = None
        self._placing = Lock()  # of one written here and one received, the newer must win

    def header(self) -> SnapshotHeader | None:
        """Return what the snapshot in force covers; None without one. Raises SnapshotDamaged."""
        return self._header(SNAPSHOT)

    def open(self) -> tuple[SnapshotHeader, ReadFile]:
        """Open the snapshot in force, to send it; it stays whole when it is replaced.

        Raises SnapshotDamaged, FileNotFoundError.
        """
        file = self._disk.open(SNAPSHOT)
        try:
            return read_header(file, f"{self._disk.path}/{SNAPSHOT}"), file
        except BaseException:
            file.close()
            raise

    def stream(self, name: str = SNAPSHOT) -> Iterator[bytes]:
        """Return the state's stream, each block checked.

        Only at its end is it known to be whole. Raises SnapshotDamaged, FileNotFoundError.
        """
        file = self._disk.open(name)
        try:
            yield from read_blocks(file, f"{self._disk.path}/{name}")
        finally:
            file.close()

    def write(self, index: int, term: int, stream: Iterable[bytes]) -> Job[SnapshotHeader]:
        """Write the state's stream as the snapshot in force.

        Returns what is in force then: this one, or a newer one that came in meanwhile.
        """
        file = self._disk.create(PARTIAL)
        try:
            for piece in encode(index, term, stream):
                file.append(piece)
                yield
            file.sync()
        finally:
            file.close()
        yield
        return self._put_in_place(PARTIAL)

    def receiver(self, index: int, term: int, size: int) -> Receiver:
        """Begin to receive a snapshot of `size` bytes; what came of another one is dropped.

        Raises ValueError if it is too large.
        """
        if not 0 < size <= MAX_SNAPSHOT_BYTES:
            raise ValueError(f"a snapshot of {size} bytes, {MAX_SNAPSHOT_BYTES} are the limit")
        if self._receiver is not None:
            self._receiver.close()  # else it could still write into the file
        self._receiver = Receiver(self._disk.create(INCOMING), index, term, size)
        return self._receiver

    def verify_incoming(self, index: int, term: int) -> Job[bool]:
        """Check what was received, and sync it; False if it is not that snapshot, whole."""
        try:
            header = self._header(INCOMING)
            if header is None or (header.index, header.term) != (index, term):
                return False
            for _ in self.stream(INCOMING):
                yield
        except SnapshotDamaged:
            return False
        file = self._disk.append_to(INCOMING)
        try:
            file.sync()
        finally:
            file.close()
        return True

    def install_incoming(self) -> SnapshotHeader:
        """Put the snapshot that was verified in force; return what is in force then."""
        return self._put_in_place(INCOMING)

    def clean(self) -> None:
        """Remove what a crash has left."""
        for name in {PARTIAL, INCOMING}.intersection(self._disk.names()):
            self._disk.remove(name)

    def _header(self, name: str) -> SnapshotHeader | None:
        try:
            file = self._disk.open(name)
        except FileNotFoundError:
            return None
        try:
            return read_header(file, f"{self._disk.path}/{name}")
        finally:
            file.close()

    def _put_in_place(self, name: str) -> SnapshotHeader:
        with self._placing:
            new, old = self._header(name), self.header()
            if new is None:
                raise FileNotFoundError(f"{self._disk.path}/{name} is gone")
            if old is not None and old.index > new.index:
                self._disk.remove(name)
                return old
            self._disk.rename(name, SNAPSHOT)
            self._disk.sync_folder()
            return new
