"""Writing records: numbering them, gathering them, and knowing which are synced.

After an error of the disk nothing more is known of it: every further use is refused.
"""

from collections.abc import Generator
from contextlib import contextmanager

from quorate_replication.errors import DiskFailure
from quorate_replication.storage.disk import AppendFile, Disk
from quorate_replication.storage.files import failure
from quorate_replication.storage.records import Begin, Body, Commit, Mark, encode
from quorate_replication.storage.recovery import Recovered
from quorate_replication.storage.segments import encode_header, segment_name


class Writer:
    """Appends to the newest segment, and begins the next one."""

    def __init__(self, disk: Disk, found: Recovered, seed: int) -> None:
        self._disk = disk
        self._seed = seed
        self._sequence = found.next_sequence
        self._synced = found.next_sequence - 1
        self._durable = found.durable  # as the last record says
        self._content = found.last_content  # the last record whose loss would matter
        self._buffer = bytearray()
        self._name = ""
        self._file: AppendFile | None = None
        self._failure: str | None = None

    @property
    def dirty(self) -> bool:
        """Whether records wait for a flush."""
        return bool(self._buffer)

    @property
    def size(self) -> int:
        """Bytes in the newest segment's file."""
        return 0 if self._file is None else self._file.size

    @property
    def needs_mark(self) -> bool:
        """Whether something was synced of which no record says so."""
        return not self._buffer and self._durable < self._content

    @property
    def usable(self) -> bool:
        """Whether it is open, and the disk has not failed."""
        return self._file is not None and self._failure is None

    def check_usable(self) -> None:
        """Raise DiskFailure after an error, ValueError after `close`."""
        if self._failure is not None:
            raise DiskFailure(self._failure)
        if self._file is None:
            raise ValueError("the journal is closed")

    def encode(self, body: Body) -> bytes:
        """Return the next record. Raises ValueError if it is too large."""
        self.check_usable()
        return encode(body, self._sequence, self._synced, self._seed)

    def add(self, body: Body, record: bytes) -> None:
        """Gather the record that `encode` has just made."""
        self._buffer += record
        if not isinstance(body, Commit | Mark):
            self._content = self._sequence
        self._durable = self._synced
        self._sequence += 1

    def go_on_with(self, name: str) -> None:
        """Open the newest segment, which is there. Raises OSError."""
        self._disk.rewrite(name, 0)  # what was read from it may be in the system's cache only
        self._name, self._file = name, self._disk.append_to(name)

    def begin(self, body: Begin) -> str:
        """Create the next segment, durably, and return its name. Raises OSError.

        A crash in here leaves one that `recovery` calls incomplete.
        """
        if self._file is not None:
            self._file.close()
        self._name = segment_name(self._sequence)
        self._file = self._disk.create(self._name)
        record = encode(body, self._sequence, self._synced, self._seed)
        self._file.append(encode_header(self._sequence) + record)
        self._file.sync()
        self._disk.sync_folder()
        self._content, self._durable = self._sequence, self._synced
        self._synced = self._sequence
        self._sequence += 1
        return self._name

    def flush(self) -> None:
        """Write and sync what was gathered. Raises DiskFailure."""
        self.check_usable()
        buffer, self._buffer = self._buffer, bytearray()
        if self._file is not None:
            with self.guarded("write to", self._name):
                self._file.append(buffer)
            with self.guarded("sync", self._name):
                self._file.sync()
        self._synced = self._sequence - 1

    def next_name(self) -> str:
        """Return what the next segment would be called."""
        return segment_name(self._sequence)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextmanager
    def guarded(self, doing: str, name: str) -> Generator[None, None, None]:
        """Turn an OSError into DiskFailure, and refuse any further use."""
        try:
            yield
        except OSError as error:
            self._failure = failure(doing, f"{self._disk.path}/{name}", error)
            raise DiskFailure(self._failure) from error
