"""A data folder in memory that crashes at a chosen operation, as a killed process or a power cut.

What is kept after a power cut follows `storage.disk`: all that was synced; of what was appended
since, any pages, in any order, and any length; of names changed since `sync_folder`, any subset.
"""

from copy import deepcopy
from dataclasses import dataclass, field
from random import Random

NEVER = 1 << 60
PAGE_BYTES = 64  # small, so that small files tear in many ways


class Crash(Exception):  # noqa: N818 - it is an event
    """The process ended here."""


@dataclass
class Inode:
    data: bytearray = field(default_factory=bytearray)
    synced: int = 0
    lost: int = NEVER
    """From here on, a sync that failed lets later ones lie."""

    def cut_power(self, dice: Random) -> "Inode":
        """Return what is left of it."""
        length = min(dice.randint(self.synced, len(self.data)), self.lost)
        left = self.data[:length]
        for start in range(self.synced, length, PAGE_BYTES):
            if dice.random() < 0.4:
                end = min(start + PAGE_BYTES, length)
                left[start:end] = bytes(end - start)
        return Inode(left, length)


class _Append:
    def __init__(self, disk: "CrashingDisk", inode: Inode) -> None:
        self._disk, self._inode = disk, inode

    @property
    def size(self) -> int:
        return len(self._inode.data)

    def append(self, data: bytes | bytearray | memoryview) -> None:
        half = len(data) // 2
        self._inode.data += data[:half]
        self._disk.operation("append")
        self._inode.data += data[half:]

    def sync(self) -> None:
        try:
            self._disk.operation("sync")
        except OSError:
            self._inode.lost = min(self._inode.lost, self._inode.synced)
            raise
        self._inode.synced = len(self._inode.data)

    def close(self) -> None:
        self._disk.operation("close")


class _Read:
    def __init__(self, inode: Inode) -> None:
        self._data = bytes(inode.data)

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, count: int) -> bytes:
        return self._data[offset : offset + count]

    def close(self) -> None:
        pass


class CrashingDisk:
    """Implements `Disk`; crashes once `crash_at` changing operations are done."""

    def __init__(self) -> None:
        self.files: dict[str, Inode] = {}
        self._safe: dict[str, Inode] = {}  # the names as of the last sync_folder
        self._since: list[tuple[str | None, str, Inode | None]] = []  # removed, set, to what
        self.operations: list[str] = []
        self.crash_at: int | None = None
        self.error: OSError | None = None
        """Raised instead of a crash."""
        self.error_in: str | None = None
        """Raise it at every operation of this name."""

    def operation(self, name: str) -> None:
        if self.error is not None and name == self.error_in:
            raise self.error
        if self.crash_at is not None and len(self.operations) >= self.crash_at:
            raise self.error or Crash
        self.operations.append(name)

    def after_kill(self) -> "CrashingDisk":
        """Return the disk that the next process finds: nothing is lost."""
        return deepcopy(self).without_faults()

    def without_faults(self) -> "CrashingDisk":
        """Count anew, and crash no more."""
        self.operations, self.crash_at, self.error, self.error_in = [], None, None, None
        return self

    def after_power_cut(self, dice: Random) -> "CrashingDisk":
        """Return the disk that the next process finds: what wasn't synced may be lost, or torn."""
        names = dict(self._safe)
        for old, new, inode in self._since:
            if dice.random() < 0.5:
                continue
            if old is not None:
                names.pop(old, None)
            if inode is not None:
                names[new] = inode
        disk = CrashingDisk()
        disk.files = {name: inode.cut_power(dice) for name, inode in names.items()}
        disk._safe = dict(disk.files)
        return disk

    # ------------------------------------------------------------------ Disk

    @property
    def path(self) -> str:
        return "data"

    def names(self) -> list[str]:
        return sorted(self.files)

    def create(self, name: str) -> _Append:
        self.operation("create")
        inode = self.files.get(name)
        if inode is None:
            inode = self.files[name] = Inode()
            self._since.append((None, name, inode))
        inode.data.clear()
        inode.synced = 0
        return _Append(self, inode)

    def append_to(self, name: str) -> _Append:
        return _Append(self, self._inode(name))

    def open(self, name: str) -> _Read:
        return _Read(self._inode(name))

    def truncate(self, name: str, size: int) -> None:
        self.operation("truncate")
        inode = self._inode(name)
        del inode.data[size:]
        inode.synced = len(inode.data)

    def rewrite(self, name: str, offset: int) -> None:
        self.operation("rewrite")
        inode = self._inode(name)
        inode.synced = len(inode.data)
        if inode.lost >= offset:
            inode.lost = NEVER

    def rename(self, old: str, new: str) -> None:
        self.operation("rename")
        inode = self.files.pop(old)
        self.files[new] = inode
        self._since.append((old, new, inode))

    def remove(self, name: str) -> None:
        self.operation("remove")
        del self.files[name]
        self._since.append((name, name, None))

    def sync_folder(self) -> None:
        self.operation("sync_folder")
        self._safe = dict(self.files)
        self._since.clear()

    def _inode(self, name: str) -> Inode:
        if name not in self.files:
            raise FileNotFoundError(2, "No such file or directory", name)
        return self.files[name]
