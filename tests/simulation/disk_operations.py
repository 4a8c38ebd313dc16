"""How one operation on a disk goes, or goes wrong: before, in the middle of it, or after.

Whatever changes a platter passes through here, the disk's own operations and its files' alike.
`Faults` says what is to happen to a process: a crash, alone or together with others, an error, or
a sync that takes long. A dead process can do nothing more.
"""

import errno
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from simulation.life import Crash, Ending, Life
from simulation.platter import Inode, Platter


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


class DiskOperations:
    """A process's access to a platter."""

    def __init__(self, platter: Platter, life: Life, dice: random.Random) -> None:
        self.platter = platter
        self.life = life
        self.faults = Faults()
        self.operations = 0
        self.failed = False
        """Whether it has raised an error that a fault ordered."""
        self._dice = dice

    @property
    def path(self) -> str:
        """The folder, for messages."""
        return f"/{self.life.name}"

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
