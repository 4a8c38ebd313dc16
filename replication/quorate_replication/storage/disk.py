"""The seam to the disk: one flat folder, and only what can be made durable.

Rule 1: what was appended is durable once `sync` has returned, and not before.
Rule 2: a name that was created, renamed or removed is durable once `sync_folder` has returned.
Rule 3: every method raises OSError as the operating system does. After an error of `append`,
`sync` or `sync_folder` nothing more is known of the file: the node must stop (DiskFailure).

`OsDisk` is the real one; the simulator has one that loses and tears what was not synced.
"""

from typing import Protocol


class AppendFile(Protocol):
    """A file that is open for appending."""

    @property
    def size(self) -> int:
        """Bytes, what is not synced yet included."""
        ...

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` at the end, or raise."""
        ...

    def sync(self) -> None:
        """Make what was appended durable (fdatasync)."""
        ...

    def close(self) -> None:
        """Close it; does not sync."""
        ...


class ReadFile(Protocol):
    """A file that is open for reading; it stays what it is when its name is renamed over."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on; fewer only at the end."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


class Disk(Protocol):
    """A member's data folder."""

    @property
    def path(self) -> str:
        """The folder, for messages."""
        ...

    def names(self) -> list[str]:
        """Return the names of all files in it, sorted."""
        ...

    def create(self, name: str) -> AppendFile:
        """Open a new, empty file; what had the name is emptied."""
        ...

    def append_to(self, name: str) -> AppendFile:
        """Open an existing file for appending."""
        ...

    def open(self, name: str) -> ReadFile:
        """Open an existing file for reading."""
        ...

    def truncate(self, name: str, size: int) -> None:
        """Cut a file's end off and sync it."""
        ...

    def rewrite(self, name: str, offset: int) -> None:
        """Write what a file holds from `offset` on once more, the same bytes, and sync it.

        After a failed sync the system may take pages for written that never were: the next
        process reads them, syncs, and is told that all is well. Written anew they are synced.
        """
        ...

    def rename(self, old: str, new: str) -> None:
        """Rename a file over what had the new name, atomically."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def sync_folder(self) -> None:
        """Make creations, renames and removals durable."""
        ...
