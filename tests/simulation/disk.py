"""A disk that loses and tears what was not synced.

A `Platter` is what survives processes: files (inodes) and names. A `SimDisk` is the platter as
one process sees it; it implements `storage.disk.Disk`.

Rule 1: a killed process leaves everything that it wrote.
Rule 2: a power cut leaves of each file what was synced, and of the rest any selection of its
512-byte sectors: the others read as zeros, or the file ends early.
Rule 3: changes of names since the last `sync_folder` survive as a prefix: the first ones, or
none, or all.
Rule 4: a platter that `forgets` loses, at the next power cut, what a sync that failed should have
made durable, even if a later sync returns; unless it is written anew. Linux does that with what
it could not write.
Rule 5: a dead process can do nothing more.
"""

import errno
import os
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from simulation.life import Crash, Ending, Life

SECTOR = 512


@dataclass(eq=False, slots=True)
class Inode:
    """A file, whatever its name."""

    data: bytearray = field(default_factory=bytearray)
    synced: int = 0
    """This many of the first bytes are durable."""
    emptied: bytes | None = None
    """What was durable before it was emptied; None once that is durable, too."""
    forgotten: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])
    """From where to where no sync helps any more: one failed."""


@dataclass(eq=False, slots=True)
class _Change:
    """A change of names that may not be durable."""

    unlinked: str | None
    linked: tuple[str, Inode] | None

    def make(self, names: dict[str, Inode]) -> None:
        if self.unlinked is not None:
            names.pop(self.unlinked, None)
        if self.linked is not None:
            names[self.linked[0]] = self.linked[1]


class Platter:
    """What is left when a process ends."""

    def __init__(self, dice: random.Random) -> None:
        self.names: dict[str, Inode] = {}
        self.full = False
        """No room: what would take some raises ENOSPC."""
        self.forgets = False
        """Rule 4."""
        self._dice = dice
        self._durable: dict[str, Inode] = {}
        self._changes: list[_Change] = []

    def change(self, change: _Change) -> None:
        """Change names, not durably yet."""
        change.make(self.names)
        self._changes.append(change)

    def sync_names(self) -> None:
        """Make all changes of names durable."""
        self._durable = dict(self.names)
        self._changes.clear()

    def power_cut(self) -> None:
        """Keep what is durable, and of the rest what chance leaves."""
        kept = self._dice.choice((0, len(self._changes), self._dice.randint(0, len(self._changes))))
        for change in self._changes[:kept]:
            change.make(self._durable)
        self.names = {name: self._durable[name] for name in sorted(self._durable)}
        self.sync_names()
        for inode in self.names.values():
            self._tear(inode)

    def wipe(self) -> None:
        """Put an empty disk in its place."""
        self.names.clear()
        self.sync_names()

    def flip(self, name: str, at: int) -> None:
        """Damage one byte of a file for good."""
        self.names[name].data[at] ^= 1 << self._dice.randrange(8)

    def _tear(self, inode: Inode) -> None:
        if inode.emptied is not None and self._dice.random() < 0.5:
            inode.data = bytearray(inode.emptied)
        else:
            _tear_tail(inode, self._dice)
        for start, end in inode.forgotten:
            count = max(0, min(end, len(inode.data)) - start)
            inode.data[start : start + count] = bytes(count)
        inode.forgotten.clear()
        inode.synced, inode.emptied = len(inode.data), None


def _tear_tail(inode: Inode, dice: random.Random) -> None:
    data, synced = inode.data, inode.synced
    match dice.randrange(4):
        case 0:
            del data[synced:]
        case 1:
            pass  # all of it had got there
        case 2:
            del data[dice.randint(synced, len(data)) :]
        case _:
            if dice.random() < 0.5:
                del data[dice.randint(synced, len(data)) :]
            start = synced
            while start < len(data):
                end = min(len(data), (start // SECTOR + 1) * SECTOR)
                if dice.random() < 0.5:
                    data[start:end] = bytes(end - start)
                start = end


@dataclass(slots=True)
class Faults:
    """What is to go wrong with one process's disk; counts are of operations from now on."""

    crash_in: int | None = None
    crash_when: Callable[[], bool] | None = None
    """Asked at each operation."""
    crash_as: Ending = Ending.POWER_CUT
    crash_with: Callable[[], None] | None = None
    """Whoever goes down together with it."""
    fail_in: int | None = None
    """The operation that raises EIO."""
    sync_s: Callable[[], float] = field(default=lambda: 0.0)
    """How long a sync takes, virtual seconds."""


class SimDisk:
    """The platter in a process's hands; see `storage.disk.Disk`."""

    def __init__(self, platter: Platter, life: Life, dice: random.Random) -> None:
        self.platter = platter
        self.life = life
        self.faults = Faults()
        self.operations = 0
        self.renamed: Counter[str] = Counter()
        """How often files came to be under a name by renaming."""
        self.failed = False
        """Whether it has raised an error that a fault ordered."""
        self._dice = dice

    @property
    def path(self) -> str:
        """The folder, for messages."""
        return f"/{self.life.name}"

    def names(self) -> list[str]:
        """Return the names of all files, sorted."""
        self.check()
        return sorted(self.platter.names)

    def create(self, name: str) -> "SimAppendFile":
        """Open a new, empty file; what had the name is emptied."""

        def work() -> None:
            inode = self.platter.names.get(name)
            if inode is None:
                self.platter.change(_Change(None, (name, Inode())))
                return
            if inode.emptied is None:
                inode.emptied = bytes(inode.data[: inode.synced])
            inode.data, inode.synced = bytearray(), 0
            inode.forgotten.clear()

        self.operate(work, takes_room=True)
        return SimAppendFile(self, self.platter.names[name])

    def append_to(self, name: str) -> "SimAppendFile":
        """Open an existing file for appending."""
        self.check()
        return SimAppendFile(self, self._inode(name))

    def open(self, name: str) -> "SimReadFile":
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
        self.operate(lambda: self.platter.change(_Change(old, (new, inode))))
        self.renamed[f"{old} to {new}"] += 1

    def remove(self, name: str) -> None:
        """Remove a file."""
        self._inode(name)
        self.operate(lambda: self.platter.change(_Change(name, None)))

    def sync_folder(self) -> None:
        """Make creations, renames and removals durable."""
        self.operate(self.platter.sync_names, is_sync=True)

    # ------------------------------------------------------------------ for the files

    def check(self) -> None:
        """Let the dead do nothing."""
        if not self.life.alive:
            raise Crash

    def dice_below(self, count: int) -> int:
        """Return a number from 0 to below `count`."""
        return self._dice.randrange(count) if count else 0

    def settle(self, inode: Inode) -> None:
        """Make a file's content durable."""
        inode.synced, inode.emptied = len(inode.data), None

    def operate(
        self,
        work: Callable[[], None],
        *,
        is_sync: bool = False,
        takes_room: bool = False,
        partly: Callable[[], None] | None = None,
        broken: Inode | None = None,
    ) -> None:
        """Do what changes the disk, or let it go wrong before, in the middle of it, or after."""
        self.check()
        self.operations += 1
        faults = self.faults
        if is_sync:
            self.life.spend(faults.sync_s())
        if faults.crash_in is not None:
            faults.crash_in -= 1
            if faults.crash_in <= 0:
                self._crash(work, partly)
        if faults.crash_when is not None and faults.crash_when():
            self._crash(work, partly)
        if faults.fail_in is not None:
            faults.fail_in -= 1
            if faults.fail_in <= 0:
                self._fail(errno.EIO, partly, broken)
        if takes_room and self.platter.full:
            self._fail(errno.ENOSPC, partly, broken)
        work()

    def _crash(self, work: Callable[[], None], partly: Callable[[], None] | None) -> None:
        moment = self._dice.randrange(3)
        if moment == 1 and partly is not None:
            partly()
        elif moment == 2:
            work()
        self.life.end(self.faults.crash_as)
        if self.faults.crash_with is not None:
            self.faults.crash_with()
        raise Crash

    def _fail(self, number: int, partly: Callable[[], None] | None, broken: Inode | None) -> None:
        self.failed = True
        if broken is not None and self.platter.forgets:
            broken.forgotten.append((broken.synced, len(broken.data)))
        if partly is not None and self._dice.random() < 0.5:
            partly()
        raise OSError(number, os.strerror(number), self.path)

    def _inode(self, name: str) -> Inode:
        self.check()
        inode = self.platter.names.get(name)
        if inode is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), f"{self.path}/{name}")
        return inode


class SimAppendFile:
    """See `storage.disk.AppendFile`."""

    def __init__(self, disk: SimDisk, inode: Inode) -> None:
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

    def __init__(self, disk: SimDisk, inode: Inode) -> None:
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
