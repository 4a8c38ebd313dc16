"""The real disk: one folder of an ordinary file system, and system calls.

No buffering in this process: what `append` has returned from survives a kill of the process, what
`sync` has returned from survives a power cut, as far as the device tells the truth.
"""

import os
from pathlib import Path

_PIECE_BYTES = 1 << 20
_MODE = 0o600  # voters and their choices are in these files


def _write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write everything: a disk that is nearly full takes a part, then the error comes."""
    with memoryview(data) as view:
        written = 0
        while written < len(view):
            written += os.write(descriptor, view[written:])


class OsAppendFile:
    """A file that is open for appending."""

    def __init__(self, path: Path, flags: int) -> None:
        self._descriptor = os.open(path, flags | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, _MODE)
        self._size = os.fstat(self._descriptor).st_size

    @property
    def size(self) -> int:
        """Bytes, what is not synced yet included."""
        return self._size

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` at the end, or raise."""
        _write_all(self._descriptor, data)
        self._size += len(data)

    def sync(self) -> None:
        """Make what was appended durable."""
        os.fdatasync(self._descriptor)  # it syncs the size, too

    def close(self) -> None:
        """Close it; does not sync."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class OsReadFile:
    """A file that is open for reading."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._size = os.fstat(self._descriptor).st_size

    @property
    def size(self) -> int:
        """Bytes, when it was opened."""
        return self._size

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on; fewer only at the end."""
        pieces: list[bytes] = []
        while count > 0:
            piece = os.pread(self._descriptor, count, offset)
            if not piece:
                break
            pieces.append(piece)
            offset += len(piece)
            count -= len(piece)
        return b"".join(pieces)

    def close(self) -> None:
        """Close it."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            os.close(descriptor)


class OsDisk:
    """A member's data folder; it must exist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def path(self) -> str:
        """The folder, for messages."""
        return str(self._folder)

    def names(self) -> list[str]:
        """Return the names of the regular files in it, sorted."""
        with os.scandir(self._folder) as found:
            return sorted(item.name for item in found if item.is_file(follow_symlinks=False))

    def create(self, name: str) -> OsAppendFile:
        """Open a new, empty file; what had the name is emptied."""
        return OsAppendFile(self._folder / name, os.O_CREAT | os.O_TRUNC)

    def append_to(self, name: str) -> OsAppendFile:
        """Open an existing file for appending."""
        return OsAppendFile(self._folder / name, 0)

    def open(self, name: str) -> OsReadFile:
        """Open an existing file for reading."""
        return OsReadFile(self._folder / name)

    def truncate(self, name: str, size: int) -> None:
        """Cut a file's end off and sync it."""
        descriptor = os.open(self._folder / name, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rewrite(self, name: str, offset: int) -> None:
        """Write what a file holds from `offset` on once more, the same bytes, and sync it."""
        descriptor = os.open(self._folder / name, os.O_RDWR | os.O_CLOEXEC)
        try:
            while piece := os.pread(descriptor, _PIECE_BYTES, offset):
                offset += os.pwrite(descriptor, piece, offset)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def rename(self, old: str, new: str) -> None:
        """Rename a file over what had the new name, atomically."""
        (self._folder / old).rename(self._folder / new)

    def remove(self, name: str) -> None:
        """Remove a file."""
        (self._folder / name).unlink()

    def sync_folder(self) -> None:
        """Make creations, renames and removals durable."""
        descriptor = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
