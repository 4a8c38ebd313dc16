"""One voter's ballot in one election as a sequential model: a register that is written once.

State: whether the election is not there yet, open or closed, and which ballot of the voter is
counted. Left free, besides what `life` leaves free: when GROUP_NOT_ALLOWED is said.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chaos.checker.sights import Sight
from chaos.linearizability import Model


@dataclass(frozen=True, slots=True)
class Register:
    """What there is between two steps; `phase` is ABSENT, OPEN or CLOSED."""

    phase: Sight = Sight.ABSENT
    counted: str | None = None


@dataclass(frozen=True, slots=True)
class Create:
    """The election is created."""


@dataclass(frozen=True, slots=True)
class Look:
    """An answer that shows the election's phase."""

    sight: Sight


@dataclass(frozen=True, slots=True)
class Count:
    """A ballot is counted."""

    ballot_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A ballot is not counted, or a check says so; `sight`: what that shows of the election."""

    ballot_id: str
    outcome: str
    sight: Sight


Step = Create | Look | Count | Refused


def _steps(register: Register, step: Step) -> Iterator[Register]:
    """Take a step now, or else after closing."""
    following = _now(register, step)
    if following is None and register.phase is Sight.OPEN:
        following = _now(replace(register, phase=Sight.CLOSED), step)
    if following is not None:
        yield following


REGISTER: Model[Register, Step] = Model(Register(), _steps)


def _now(register: Register, step: Step) -> Register | None:
    match step:
        case Create():
            absent = register.phase is Sight.ABSENT
            return Register(Sight.OPEN) if absent else None
        case Look():
            return register if _fits(register, step.sight) else None
        case Count():
            free = register.phase is Sight.OPEN and register.counted is None
            return replace(register, counted=step.ballot_id) if free else None
        case Refused():
            return register if _refuses(register, step) else None


def _fits(register: Register, sight: Sight) -> bool:
    if sight is Sight.THERE:
        return register.phase is not Sight.ABSENT
    return register.phase is sight


def _refuses(register: Register, step: Refused) -> bool:
    """Tell whether it would be refused so, in the order in which the state machine checks."""
    if register.counted == step.ballot_id or not _fits(register, step.sight):
        return False
    match step.outcome:
        case "ALREADY_CAST":
            return register.counted is not None
        case "CHOICE_NOT_FOUND":
            return register.counted is None
        case _:
            return True
