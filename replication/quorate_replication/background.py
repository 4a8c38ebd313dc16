"""The seam to work off the raft thread: jobs that take long and touch nothing that it touches.

A job is a generator: it yields wherever it may be interrupted by a crash, and returns its result.
In production a thread runs it through; the simulator spreads its steps over virtual time.
"""

from collections.abc import Callable, Generator
from typing import Protocol, TypeVar

T = TypeVar("T")
Job = Generator[None, None, T]


class Background(Protocol):
    """Runs one job after another."""

    def run(self, job: Job[T], done: Callable[[T], None]) -> None:
        """Run `job`, then call `done` with its result in the raft thread's loop.

        A job that raises ends the node: DiskFailure for an OSError, FailStop for all else. So
        what may go wrong without ending it must be part of the result.
        """
        ...
