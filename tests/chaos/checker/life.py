"""The life of one election as a sequential model: created once, extended while open, closed.

State: who created it under which id (None: it is not there yet), its end, the extensions that
took effect, and whether it is closed. Left free:

- When it closes: an open election may close before any step, and it never opens again. (That it
  does not close too early is `closing`'s business.)
- Whether ELECTION_CLOSED is said while it is open: a node may say so by its own clock.
- INVALID_TOKEN, and what is wrong with a paper: they show nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from chaos.checker.sights import Sight
from chaos.linearizability import Model

Who = tuple[str, str]
"""A voter, and the request id of what she asked for."""


@dataclass(frozen=True, slots=True)
class Life:
    """What an election is like between two steps."""

    creator: Who | None = None
    end_us: int = 0
    extensions: frozenset[Who] = frozenset()
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Look:
    """An answer that shows what the election is like; `end_us` 0: not its end."""

    sight: Sight
    end_us: int = 0


@dataclass(frozen=True, slots=True)
class Create:
    """It is created."""

    who: Who
    end_us: int


@dataclass(frozen=True, slots=True)
class Extend:
    """Its end moves later."""

    who: Who
    end_us: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A creation or an extension is not done."""

    who: Who
    end_us: int
    outcome: str


Step = Look | Create | Extend | Refused


def _steps(life: Life, step: Step) -> Iterator[Life]:
    """Take a step now, or else after closing."""
    following = _now(life, step)
    if following is None and life.creator is not None and not life.closed:
        following = _now(replace(life, closed=True), step)
    if following is not None:
        yield following


LIFE: Model[Life, Step] = Model(Life(), _steps)


def _now(life: Life, step: Step) -> Life | None:
    match step:
        case Look():
            shows_end = step.end_us in {0, life.end_us}
            return life if shows_end and _fits(life, step.sight) else None
        case Create():
            return Life(step.who, step.end_us) if life.creator is None else None
        case Extend():
            if not _own(life, step.who) or life.closed or step.end_us <= life.end_us:
                return None
            extensions = life.extensions | {step.who}
            return replace(life, end_us=step.end_us, extensions=extensions)
        case Refused():
            return life if _refuses(life, step) else None


def _fits(life: Life, sight: Sight) -> bool:
    match sight:
        case Sight.ABSENT:
            return life.creator is None
        case Sight.THERE:
            return life.creator is not None
        case Sight.OPEN:
            return life.creator is not None and not life.closed
        case Sight.CLOSED:
            return life.creator is not None and life.closed


def _own(life: Life, who: Who) -> bool:
    return life.creator is not None and life.creator[0] == who[0]


def _refuses(life: Life, step: Refused) -> bool:
    """Tell whether it would be refused so, in the order in which the state machine checks."""
    if step.who == life.creator or step.who in life.extensions:
        return False  # the first answer
    match step.outcome:
        case "NAME_TAKEN":
            return life.creator is not None
        case "ELECTION_NOT_FOUND":
            return life.creator is None
        case "NOT_CREATOR":
            return life.creator is not None and not _own(life, step.who)
        case "ELECTION_CLOSED":
            return _own(life, step.who)
        case "END_TIME_NOT_LATER":
            return _own(life, step.who) and not life.closed and step.end_us <= life.end_us
        case "TOO_MANY_EXTENSIONS":
            return _own(life, step.who) and not life.closed
        case _:
            return True
