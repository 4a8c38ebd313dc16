"""What clients asked and were told: all that the checker knows from outside.

Every effect that the workload can have is a **fact** that, once true, stays true: this ballot is
in, this election was created by that request, this voter had her n-th key. So the question
whether reads are linearizable has a short and exact answer; see `checker`.
"""

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from quorate_replication.state.outcome import Outcome


class Fact(NamedTuple):
    """Something that stays true; `scope` is what a read must look at to see it."""

    scope: str
    what: str
    request_id: bytes = b""


class Fate(enum.Enum):
    """How a call ended for its caller."""

    OPEN = "open"
    ANSWERED = "answered"
    DEFINITE = "definitely not done"
    UNKNOWN = "unknown"


@dataclass(slots=True)
class Call:
    """One attempt of a change through one node; times are `History.tick`s."""

    node: str
    request_id: bytes
    fact: Fact
    """What becomes true if it is accepted."""
    start: int
    end: int = 0
    fate: Fate = Fate.OPEN
    outcome: Outcome | None = None

    @property
    def accepted(self) -> bool:
        """Whether the caller was told that it is done."""
        return self.outcome is not None and self.outcome.is_acceptance


@dataclass(slots=True)
class Read:
    """A read that was answered."""

    node: str
    scope: str
    start: int
    end: int
    facts: frozenset[Fact]
    closed: tuple[int, ...] | None = None
    """The counts, if it saw the election closed."""


@dataclass(slots=True)
class History:
    """All calls and answered reads, in order of their beginning and of their end."""

    calls: list[Call] = field(default_factory=list[Call])
    reads: list[Read] = field(default_factory=list[Read])
    expectations: list[str] = field(default_factory=list[str])
    """What a client was told that can't be, by its own account."""
    _ticks: int = 0

    def tick(self) -> int:
        """Return a moment that is later than all before."""
        self._ticks += 1
        return self._ticks

    def begin(self, node: str, request_id: bytes, fact: Fact) -> Call:
        """Note that a change is asked for."""
        call = Call(node, request_id, fact, self.tick())
        self.calls.append(call)
        return call

    def finish(self, call: Call, fate: Fate, outcome: Outcome | None = None) -> None:
        """Note what the caller was told."""
        call.end, call.fate, call.outcome = self.tick(), fate, outcome

    def saw(
        self,
        node: str,
        scope: str,
        start: int,
        facts: Iterable[Fact],
        closed: tuple[int, ...] | None = None,
    ) -> None:
        """Note an answered read that began at `start`."""
        self.reads.append(Read(node, scope, start, self.tick(), frozenset(facts), closed))

    def told(self) -> list[Call]:
        """Return the calls whose callers were told that they are done."""
        return [call for call in self.calls if call.accepted]
