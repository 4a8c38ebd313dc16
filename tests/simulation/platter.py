"""What is left on a disk when a process, or the power, goes: files (inodes), and their names.

Rule 1: a killed process leaves everything that it wrote.
Rule 2: a power cut leaves of each file what was synced, and of the rest any selection of its
512-byte sectors: the others read as zeros, or the file ends early.
Rule 3: changes of names since the last `sync_names` survive as a prefix: the first ones, or
none, or all.
Rule 4: a platter that `forgets` loses, at the next power cut, what a sync that failed should have
made durable, even if a later sync returns; unless it is written anew. Linux does that with what
it could not write.
"""

import random
from dataclasses import dataclass, field

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
class Change:
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
        self._changes: list[Change] = []

    def change(self, change: Change) -> None:
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
