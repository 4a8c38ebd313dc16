"""What can be broken in a cluster, wherever its nodes run, and what is said of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal, Protocol

Pair = tuple[str, str]
"""Two nodes by name, in the order of the cluster."""
ALL_OTHERS = "all the others"
State = Literal["running", "paused", "down"]


@dataclass(frozen=True, slots=True)
class Broken:
    """Something was broken: what, and what follows, in words."""

    action: Literal["kill", "pause", "partition"]
    nodes: tuple[str, ...]
    what: str
    follows: str


@dataclass(frozen=True, slots=True)
class Mended:
    """What was mended; `unknown` says what could not be looked at."""

    resumed: tuple[str, ...] = ()
    started: tuple[str, ...] = ()
    joined: tuple[Pair, ...] = ()
    """Two that were cut off from each other; the second may be ALL_OTHERS."""
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class NodeState:
    """A node as the system has it; `cut_off_from` is None where that can't be seen."""

    name: str
    state: State
    cut_off_from: tuple[str, ...] | None = field(default=())


class Cluster(Protocol):
    """A cluster whose nodes can be broken. Raises LocalError, or NotDone if nothing was done.

    Nodes are named as in `names`.
    """

    @property
    def names(self) -> Sequence[str]:
        """All nodes, in their order."""
        ...

    def check_running(self) -> None:
        """Raise LocalError if nothing of it runs here."""
        ...

    def kill(self, name: str) -> Broken:
        """End a node at once; it cannot save or say anything."""
        ...

    def pause(self, name: str) -> Broken:
        """Freeze a node until the cluster is mended; it keeps its memory and its connections."""
        ...

    def cut(self, one: str, other: str) -> Broken:
        """Drop what two nodes send each other."""
        ...

    def cut_off(self, name: str) -> Broken:
        """Drop what a node and all the others send each other."""
        ...

    def heal(self) -> Mended:
        """Mend whatever is broken."""
        ...

    def states(self) -> Sequence[NodeState]:
        """How every node is."""
        ...


def pairs_of(names: Sequence[str]) -> list[Pair]:
    """Every two of them."""
    return list(combinations(names, 2))


def partners(name: str, cut: Sequence[Pair]) -> tuple[str, ...]:
    """Those that a node is cut off from, sorted."""
    return tuple(sorted({other for pair in cut if name in pair for other in pair} - {name}))
