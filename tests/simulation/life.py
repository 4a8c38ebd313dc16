"""One run of a node's process, from its start to its end.

Everything a process does happens in its own `contextvars.Context`, where `LIFE` names it. So
whatever is called knows whose clock to read, and what belongs to a process that has ended can be
told from what belongs to its successor.
"""

import asyncio
import contextvars
import enum
from collections import deque
from collections.abc import Callable
from typing import Any

READING_S = 1e-6
"""A clock moves when it is read: loops that wait for it end."""


class Crash(BaseException):
    """The process ends in the middle of what it does; nothing may catch it."""


class Ending(enum.Enum):
    """How a process came to its end."""

    KILLED = "killed"
    """What it had written stays."""
    POWER_CUT = "power cut"
    """What it had not synced is at the mercy of the disk."""
    STOPPED = "stopped"
    FAILED = "failed"
    """It ended itself."""


class Life:
    """A process.

    Args:
        name: the node's.
        virtual_now: the loop's clock, seconds.
        rate: how fast its own clocks run.
    """

    def __init__(self, name: str, virtual_now: Callable[[], float], rate: float = 1.0) -> None:
        self.name = name
        self.rate = rate
        self.ending: Ending | None = None
        self.busy_until = 0.0
        """It computes, or waits for its disk, until then: nothing else of it runs."""
        self.waiting: deque[Any] = deque()
        """Callbacks that became due while it was busy; the loop's."""
        self.tasks: list[asyncio.Task[Any]] = []
        self.callbacks = 0
        self.crash_at: int | None = None
        """The number of the callback before which it crashes, and how."""
        self.crash_as = Ending.KILLED
        self.context = contextvars.Context()
        self.context.run(LIFE.set, self)
        self._virtual_now = virtual_now
        self._read = 0.0

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self.ending is None

    def now(self) -> float:
        """Return virtual time as this process feels it: after what it is busy with."""
        return max(self._virtual_now(), self.busy_until)

    def monotonic(self) -> float:
        """Return this process's own monotonic clock, seconds."""
        self._read = max(self.now() * self.rate, self._read + READING_S)
        return self._read

    def spend(self, seconds: float) -> None:
        """Be busy for so long from now on."""
        if seconds > 0:
            self.busy_until = self.now() + seconds

    def end(self, ending: Ending) -> None:
        """End at once; the first end counts."""
        if self.ending is None:
            self.ending = ending


LIFE: contextvars.ContextVar[Life | None] = contextvars.ContextVar("LIFE", default=None)


def own_monotonic() -> float:
    """Return the clock of the process that asks; stands in for `pysyncobj.monotonicTime`."""
    life = LIFE.get()
    if life is None:
        raise RuntimeError("simulation: a node's clock was read outside any node")
    return life.monotonic()
