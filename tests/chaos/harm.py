"""Whether a majority could work in the midst of faults. Pure.

Those who can work together are nodes that run undisturbed, with every link between them intact.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product

Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Harm:
    """What a fault takes away for a while.

    `all_links`: no connection can be relied on. `unsteady`: there is a majority, but whom it
    follows comes and goes, and no protocol promises progress then.
    """

    nodes: frozenset[str] = frozenset()
    links: frozenset[Link] = frozenset()
    all_links: bool = False
    unsteady: bool = False


def to_nodes(*names: str) -> Harm:
    """Return the harm of these nodes being down, paused, or cut off from everyone."""
    return Harm(nodes=frozenset(names))


def to_links(links: Iterable[Link], *, unsteady: bool = False) -> Harm:
    """Return the harm of these links passing nothing."""
    return Harm(links=frozenset(links), unsteady=unsteady)


def majority_can_work(nodes: Sequence[str], *faults: Sequence[Harm]) -> bool:
    """Tell whether a majority could work all the while.

    Args:
        nodes: all of the cluster.
        faults: of each one made at the same time, its harms: one at a time, one after another.
    """
    return all(_works(nodes, harms) for harms in product(*(each or (Harm(),) for each in faults)))


def _works(nodes: Sequence[str], harms: Sequence[Harm]) -> bool:
    if any(harm.all_links or harm.unsteady for harm in harms):
        return False
    down = frozenset[str]().union(*(harm.nodes for harm in harms))
    cut = frozenset[Link]().union(*(harm.links for harm in harms))
    able = [name for name in nodes if name not in down]
    return any(
        not any(a in group and b in group for a, b in cut)
        for group in combinations(able, len(nodes) // 2 + 1)
    )
