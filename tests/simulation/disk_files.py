"""Open files of a simulated disk: one kind is appended to, and the other one is read.

They hold an inode, not a name: a file that was renamed or removed stays what it is to whoever has
it open. What an append leaves when it goes wrong is any first part of it.
"""

from simulation.disk_operations import DiskOperations
from simulation.platter import Inode


class SimAppendFile:
    """See `storage.disk.AppendFile`."""

    def __init__(self, disk: DiskOperations, inode: Inode) -> None:
        self._disk, self._inode = disk, inode

    @property
    def size(self) -> int:
        """Bytes, what is not synced yet included."""
        return len(self._inode.data)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        """Write all of `data` at the end, or raise."""
        inode = self._inode

        def partly() -> None:
            inode.data.extend(bytes(data)[: self._disk.dice_below(len(data))])

        self._disk.operate(lambda: inode.data.extend(data), takes_room=True, partly=partly)

    def sync(self) -> None:
        """Make what was appended durable."""
        inode = self._inode
        self._disk.operate(lambda: self._disk.settle(inode), is_sync=True, broken=inode)

    def close(self) -> None:
        """Close it; does not sync."""


class SimReadFile:
    """See `storage.disk.ReadFile`."""

    def __init__(self, disk: DiskOperations, inode: Inode) -> None:
        self._disk, self._inode = disk, inode

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self._inode.data)

    def read(self, offset: int, count: int) -> bytes:
        """Return up to `count` bytes from `offset` on."""
        self._disk.check()
        return bytes(memoryview(self._inode.data)[offset : offset + count])

    def close(self) -> None:
        """Close it."""
