"""A disk that loses and tears what was not synced: the platter as one process sees it.

It implements `storage.disk.Disk`. What becomes of the data is `platter`'s affair, and what goes
wrong with an operation is `disk_operations`'.
"""

import errno
import os
import random
from collections import Counter

from simulation.disk_files import SimAppendFile, SimReadFile
from simulation.disk_operations import DiskOperations
from simulation.life import Life
from simulation.platter import Change, Inode, Platter


class SimDisk(DiskOperations):
    """The platter in a process's hands; see `storage.disk.Disk`."""

    def __init__(self, platter: Platter, life: Life, dice: random.Random) -> None:
        super().__init__(platter, life, dice)
        self.renamed: Counter[str] = Counter()
        """How often files came to be under a name by renaming."""

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        self.check()
        return sorted(self.platter.names)

    def create(self, name: str) -> SimAppendFile:
        """Open a new, empty file; what had the name is emptied."""

        def work() -> None:
            inode = self.platter.names.get(name)
            if inode is None:
                self.platter.change(Change(None, (name, Inode())))
                return
            if inode.emptied is None:
                inode.emptied = bytes(inode.data[: inode.synced])
            inode.data, inode.synced = bytearray(), 0
            inode.forgotten.clear()

        self.operate(work, takes_room=True)
        return SimAppendFile(self, self.platter.names[name])

    def append_to(self, name: str) -> SimAppendFile:
        """Open an existing file for appending."""
        self.check()
        return SimAppendFile(self, self._inode(name))

    def open(self, name: str) -> SimReadFile:
        """Open an existing file for reading."""
        self.check()
        return SimReadFile(self, self._inode(name))

    def truncate(self, name: str, size: int) -> None:
        """Cut a file's end off and sync it."""
        inode = self._inode(name)

        def work() -> None:
            del inode.data[size:]
            inode.forgotten = [(a, min(b, size)) for a, b in inode.forgotten if a < size]
            self.settle(inode)

        self.operate(work, is_sync=True)

    def rewrite(self, name: str, offset: int) -> None:
        """Write what a file holds from `offset` on once more, and sync it (rule 4)."""
        inode = self._inode(name)

        def work() -> None:
            inode.forgotten = [(a, min(b, offset)) for a, b in inode.forgotten if a < offset]
            self.settle(inode)

        self.operate(work, is_sync=True)

    def rename(self, old: str, new: str) -> None:
        """Rename a file over what had the new name."""
        inode = self._inode(old)
        self.operate(lambda: self.platter.change(Change(old, (new, inode))))
        self.renamed[f"{old} to {new}"] += 1

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._inode(name)
        self.operate(lambda: self.platter.change(Change(name, None)))

    def sync_folder(self) -> None:
        """Make creations, renames and removals durable."""
        self.operate(self.platter.sync_names, is_sync=True)

    def _inode(self, name: str) -> Inode:
        self.check()
        inode = self.platter.names.get(name)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.path}/{name}")
        return inode
