"""What a mutation is: one guard of the production code, turned off for a test."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

Off = Callable[[], Generator[None]]


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard that can be turned off.

    A mutation's code says `self: Any`: it stands in for a method, and sees what that sees.
    """

    guard: str
    """What it is, for the table."""
    off: Callable[[], AbstractContextManager[None]]


MUTATIONS: dict[str, Mutation] = {}


def mutation(guard: str) -> Callable[[Off], Off]:
    """Register what turns a guard off, under the name of the function."""

    def register(off: Off) -> Off:
        MUTATIONS[off.__name__.replace("_", "-")] = Mutation(guard, contextmanager(off))
        return off

    return register


def always(value: object) -> Callable[..., Any]:
    """Return a function that returns this, whatever it is given."""

    def answer(*_args: object, **_named: object) -> Any:
        return value

    return answer
