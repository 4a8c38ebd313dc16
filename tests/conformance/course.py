"""A cluster as a class of students sees it: a client per node, voters, elections."""

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from support.cluster import LocalCluster, eventually

from .course_client import CourseClient, Student

HOUR_S = 3600.0
_numbers = itertools.count(1)


def fresh(what: str) -> str:
    """Return a name that no other test uses."""
    return f"{what} {next(_numbers)}"


def in_an_hour() -> float:
    """Return an end that no test lives to see."""
    return time.time() + HOUR_S


@dataclass
class Course:
    """The cluster as a class of students sees it."""

    cluster: LocalCluster
    clients: list[CourseClient]
    """One per node, in order; each knows this node only."""

    @property
    def any(self) -> CourseClient:
        """The client of one node after the other."""
        return self.clients[next(_numbers) % len(self.clients)]

    def student(self, group: str = "students") -> tuple[Student, bytes]:
        """Return a new voter on the roll and her token."""
        student = Student(fresh("student"), group)
        assert self.any.register(student) == 0
        return student, self.any.login(student)

    def election(
        self,
        token: bytes,
        *,
        groups: Sequence[str] = ("students",),
        choices: Sequence[str] = ("yes", "no"),
        end_s: float | None = None,
    ) -> str:
        """Create an election, open for an hour unless told otherwise; return its name."""
        name = fresh("election")
        assert self.any.create(token, name, groups, choices, end_s or in_an_hour()) == 0
        return name

    def ended(self, ballots: Callable[[str], list[int]], token: bytes) -> tuple[str, list[int]]:
        """Hold an election of yes and no; return its name and what `ballots` returned.

        A machine may be slow: when the end came before the ballots, it is held again, longer.
        """
        return held(ballots, partial(self.election, token), self.has_ended)

    def has_ended(self, election: str) -> bool:
        """Tell whether there is a result."""
        return self.any.result(election)[0] == 0


def held(
    ballots: Callable[[str], list[int]],
    create: Callable[..., str],
    has_ended: Callable[[str], bool],
) -> tuple[str, list[int]]:
    """Hold an election made by `create(end_s=...)`; see `Course.ended`."""
    for seconds in (1, 3, 9, 27):
        election = create(end_s=time.time() + seconds)
        codes = ballots(election)
        if 2 not in codes:
            eventually(partial(has_ended, election), f"{election} ends")
            return election, codes
    raise AssertionError("this machine is too slow to vote in 27 s")
