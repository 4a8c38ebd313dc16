"""A small run in which all went well, to be spoilt by tests: one call a line, told by hand.

budget: created at 1 s, ends at 30 s, extended to 40 s; anna chose yes and berta no, zoe was late.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from chaos.checker import check
from chaos.records import UNKNOWN, Fault, Kind, NodeFinal, Op, Run, Verdict

BEGAN_US = 1_700_000_000_000_000
NODES = ("n1", "n2", "n3")


def wall(seconds: float) -> int:
    """Return the wall clock at a second of the run."""
    return BEGAN_US + int(seconds * 1e6)


def op(kind: Kind, outcome: str, start_s: float, end_s: float, **more: Any) -> Op:
    """Write a call about budget down."""
    told: dict[str, Any] = {"process": "p1", "election": "budget", **more}
    return Op(kind=kind, outcome=outcome, start_s=start_s, end_s=end_s, **told)


def cast(voter: str, choice: str, outcome: str, start_s: float, end_s: float, **more: Any) -> Op:
    """Write a cast down; a voter's ballot has her name for an id, unless another is given."""
    told = {"request_id": f"of-{voter}", **more}
    return op("cast", outcome, start_s, end_s, voter=voter, choice=choice, **told)


def ask(voter: str, outcome: str, start_s: float, end_s: float, **more: Any) -> Op:
    """Write a check of a voter's ballot down."""
    told = {"request_id": f"of-{voter}", **more}
    return op("check", outcome, start_s, end_s, voter=voter, **told)


def create(who: str, outcome: str, start_s: float, end_s: float, **more: Any) -> Op:
    """Write a creation down, with its end at 30 s."""
    told = {"request_id": f"by-{who}", "end_us": wall(30), **more}
    return op("create", outcome, start_s, end_s, voter=who, **told)


def extend(to_s: float, outcome: str, start_s: float, end_s: float, **more: Any) -> Op:
    """Write an extension by the creator down."""
    told = {"request_id": f"to-{to_s}", "voter": "carl", **more}
    return op("extend", outcome, start_s, end_s, end_us=wall(to_s), **told)


def look(outcome: str, start_s: float, end_s: float, until_s: float) -> Op:
    """Write a look at the election down."""
    end_us = wall(until_s) if until_s else 0
    return op("election", outcome, start_s, end_s, end_us=end_us, node="n2")


def results(start_s: float, end_s: float, **counts: int) -> Op:
    """Write results down; none: it was still open."""
    outcome = "AVAILABLE" if counts else "ELECTION_OPEN"
    return op("results", outcome, start_s, end_s, counts=counts, node="n1")


GOOD = (
    op("register", "REGISTERED", 0.1, 0.2, voter="anna", request_id="r1", election=""),
    create("carl", "CREATED", 1.0, 1.1),
    cast("anna", "yes", "COUNTED", 2.0, 2.1),
    cast("berta", "no", "UNKNOWN", 3.0, 5.0),
    ask("anna", "COUNTED", 4.0, 4.1),
    cast("berta", "no", "COUNTED", 6.0, 6.1),
    look("OPEN", 7.0, 7.1, 30),
    extend(40, "EXTENDED", 8.0, 8.1),
    look("OPEN", 9.0, 9.1, 40),
    results(10.0, 10.1),
    results(41.0, 41.1, yes=1, no=1),
    cast("zoe", "yes", "ELECTION_CLOSED", 42.0, 42.1),
    ask("zoe", "NOT_COUNTED", 43.0, 43.1),
    look("CLOSED", 44.0, 44.1, 40),
    results(45.0, 45.1, yes=1, no=1),
)

CLOSES: list[tuple[Kind, str]] = [
    ("results", "AVAILABLE"),
    ("election", "CLOSED"),
    ("check", "NOT_COUNTED"),
]
"""What shows that budget is closed."""


def stuck(calls: int) -> list[Op]:
    """Write down that dora casts from 12.5 s on, a second after a second, and nobody answers."""
    return [cast("dora", "yes", UNKNOWN, 12.5 + n, 13.4 + n) for n in range(calls)]


def last_words() -> list[NodeFinal]:
    """Return what the nodes of the good run say in the end."""
    results = {"budget": {"yes": 1, "no": 1}}
    return [NodeFinal(node=n, applied_index=7, digest="d1", results=results) for n in NODES]


@dataclass(slots=True, kw_only=True)
class Made:
    """A run that can be changed."""

    ops: list[Op]
    faults: list[Fault]
    finals: list[NodeFinal]

    def check(self) -> Verdict:
        """Let the checker judge it."""
        run = Run(
            seed=1,
            nodes=NODES,
            seconds=46,
            machine="none",
            faults=tuple(self.faults),
            ops=tuple(self.ops),
            finals=tuple(self.finals),
            began_us=BEGAN_US,
        )
        return check(run)


Change = Callable[[], Made]
"""Makes the good run, changed."""


def spoil(
    *ops: Op,
    without: Collection[tuple[Kind, str]] = (),
    also: Mapping[str, Mapping[str, int]] | None = None,
    finals: list[NodeFinal] | None = None,
    faults: Collection[tuple[str, float, float]] = (),
    majority: bool = False,
    **counts: int,
) -> Change:
    """Return the good run with a change.

    Args:
        ops: calls to add.
        without: kinds and outcomes of calls to leave out.
        also: other elections that all nodes have in the end.
        finals: what the nodes say in the end.
        faults: kind, start and end of each.
        majority: whether a majority could work during them.
        counts: what the nodes agree that the results of budget are and were, if it is different.
    """

    def make() -> Made:
        kept = [each for each in GOOD if (each.kind, each.outcome) not in without]
        budget = {"yes": 1, "no": 1, **counts}
        told = [replace(each, counts=budget) if each.counts else each for each in kept]
        agreed = {"budget": budget, **(also or {})}
        return Made(
            ops=[*told, *ops],
            faults=[
                Fault(kind=kind, target="n1", start_s=start_s, end_s=end_s, majority=majority)
                for kind, start_s, end_s in faults
            ],
            finals=finals or [replace(final, results=agreed) for final in last_words()],
        )

    return make
