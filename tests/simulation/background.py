"""Work off the raft thread, step by step in virtual time; see `background.Background`."""

import random
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from quorate_replication.background import Job
from quorate_replication.errors import DiskFailure, FailStop
from simulation.life import Crash, Ending, Life
from simulation.loop import VirtualLoop

T = TypeVar("T")


class SimBackground:
    """Runs the steps of one job after another, each after a while of its own.

    Args:
        loop: virtual time.
        life: the process.
        dice: how long a step takes.
        finished: makes the call with a job's result, guarded.
        failed: told of a job that raised.
    """

    def __init__(
        self,
        loop: VirtualLoop,
        life: Life,
        dice: random.Random,
        *,
        finished: Callable[[Callable[[], object]], None],
        failed: Callable[[FailStop], None],
    ) -> None:
        self.crash_in: int | None = None
        """Crash before so many steps from now."""
        self.crash_as = Ending.KILLED
        self.steps_s = (0.0, 0.02)
        self._loop, self._life, self._dice = loop, life, dice
        self._finished, self._failed = finished, failed
        self._jobs: deque[tuple[Job[Any], Callable[[Any], None]]] = deque()

    @property
    def busy(self) -> bool:
        """Whether a job is under way."""
        return bool(self._jobs)

    def run(self, job: Job[T], done: Callable[[T], None]) -> None:
        """Run `job`, then call `done` with its result."""
        self._jobs.append((job, done))
        if len(self._jobs) == 1:
            self._later()

    def _later(self) -> None:
        delay = self._dice.uniform(*self.steps_s)
        self._loop.call_later(delay, self._step, context=self._life.context)

    def _step(self) -> None:
        if self.crash_in is not None:
            self.crash_in -= 1
            if self.crash_in <= 0:
                self._life.end(self.crash_as)
                raise Crash
        job, done = self._jobs[0]
        try:
            next(job)
        except StopIteration as end:
            self._jobs.popleft()
            if self._jobs:
                self._later()
            self._finished(partial(done, end.value))
        except OSError as flaw:
            self._failed(DiskFailure(str(flaw)))
        except FailStop as flaw:
            self._failed(flaw)
        except Exception as flaw:  # noqa: BLE001 - as in production
            self._failed(FailStop(f"a background job raised {flaw!r}"))
        else:
            self._later()
