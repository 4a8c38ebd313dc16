"""Everything that was asked for under one request id, and what became of it.

Most rejections change nothing and are not remembered: a repeated request is judged anew. So some
may be followed by an acceptance (the election is created later, the voter gets another group or
token), and some never: a ballot that was told ALREADY_CAST can't be counted any more.

ELECTION_CLOSED may be said by one node's clock while others still count. It is final when the
election was visibly closed before, and for the only ballot of a voter, since the cluster remembers
the last ballot of a voter that was late; for an extension, or one of several ballots, it is not.
"""

import enum
import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from chaos.records import UNKNOWN, Kind, Op

_FOR_EVER: dict[Kind, frozenset[str]] = {
    "cast": frozenset({"ALREADY_CAST", "CHOICE_NOT_FOUND"}),
    "create": frozenset({"NAME_TAKEN"}),
    "extend": frozenset({"NOT_CREATOR", "END_TIME_NOT_LATER", "TOO_MANY_EXTENSIONS"}),
}


class Fate(enum.Enum):
    """What became of a ballot, as far as its caller can know."""

    COUNTED = "counted"
    NOT_COUNTED = "not counted"
    OPEN = "counted or not"


@dataclass(slots=True)
class Request:
    """All attempts of one request, by their start."""

    kind: Kind
    election: str
    voter: str
    request_id: str
    calls: list[Op] = field(default_factory=list[Op])
    closed_s: float = math.inf  # from when on the election was visibly closed
    alone: bool = False  # the only ballot of its voter in this election

    @property
    def done(self) -> list[Op]:
        """The answers that say that it is done."""
        return [op for op in self.calls if op.acknowledged]

    @property
    def attempts(self) -> list[Op]:
        """The calls that may have done it: what was definitely refused has not."""
        return [op for op in self.calls if op.acknowledged or op.outcome == UNKNOWN]

    @property
    def began_s(self) -> float:
        """Since when it may be done; infinite: no call can have done it."""
        return min((op.start_s for op in self.attempts), default=math.inf)

    @property
    def choices(self) -> set[str]:
        """What was chosen: one, unless somebody changed her mind under one id."""
        return {op.choice for op in self.calls}

    def is_final(self, op: Op) -> bool:
        """Tell whether an answer says that it is not done and never will be."""
        if op.outcome == "ELECTION_CLOSED":
            return self.alone or op.start_s > self.closed_s
        if op.outcome in {"CHOICE_NOT_FOUND", "END_TIME_NOT_LATER"} and self._changed():
            return False
        return op.outcome in _FOR_EVER.get(self.kind, ())

    def _changed(self) -> bool:
        """Whether different things were asked for under the id."""
        return len({(op.choice, op.end_us) for op in self.calls}) > 1


@dataclass(slots=True)
class Ballot(Request):
    """A request to count a ballot, and the questions whether it was counted."""

    checks: list[Op] = field(default_factory=list[Op])
    fate: Fate = Fate.OPEN

    @property
    def proofs(self) -> list[Op]:
        """All answers that say that it is counted."""
        return [*self.done, *(op for op in self.checks if op.outcome == "COUNTED")]

    @property
    def answered(self) -> bool:
        """Whether anything definite was ever said of it."""
        definite = any(op.outcome in {"COUNTED", "NOT_COUNTED"} for op in self.checks)
        return definite or any(op.answered for op in self.calls)

    def settle(self) -> None:
        """Find out what became of it, when all calls are in."""
        if self.proofs:
            self.fate = Fate.COUNTED
        elif math.isinf(self.began_s) or self._denied():
            self.fate = Fate.NOT_COUNTED

    def _denied(self) -> bool:
        unseen = any(op.outcome == "NOT_COUNTED" for op in self.checks)
        return unseen or any(self.is_final(op) for op in self.calls)


def first(ops: Iterable[Op]) -> Op | None:
    """Return the call that ended first."""
    return min(ops, key=lambda op: op.end_s, default=None)
