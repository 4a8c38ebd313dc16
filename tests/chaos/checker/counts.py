"""Every acknowledged ballot is counted exactly once, and nothing else is.

Who chose what is known from the calls, so the final counts of every node must lie between the
ballots that are counted for certain and these together with those whose fate stayed open. One
voter has one ballot: what else a voter sent can't be counted if one of hers is.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from chaos.checker.history import ElectionHistory, History
from chaos.checker.requests import Ballot, Fate, first
from chaos.checker.words import name, say
from chaos.records import Violation


@dataclass(slots=True)
class Counted:
    """What the counts say."""

    lost: int = 0
    doubled: int = 0
    violations: list[Violation] = field(default_factory=list[Violation])

    def blame(self, rule: str, what: str) -> None:
        """Add a violation."""
        self.violations.append(Violation(rule, what))


@dataclass(slots=True)
class _Bounds:
    """How many ballots each choice, and the whole election, must and may have."""

    least: Counter[str] = field(default_factory=Counter[str])
    most: Counter[str] = field(default_factory=Counter[str])
    least_total: int = 0
    most_total: int = 0
    voters: int = 0
    chosen: set[str] = field(default_factory=set[str])
    certain: dict[str, list[Ballot]] = field(default_factory=dict[str, list[Ballot]])


def check_counts(history: History) -> Counted:
    """Compare what was told with the final counts."""
    counted = Counted()
    for election in history.elections.values():
        _find_second_ballots(election, counted)
        bounds = _bounds(election)
        wrong = [
            _compare(f"{election.name} on {nodes}", counts, bounds, counted)
            for nodes, counts in _finals(history, election.name)
        ]
        counted.lost += max((lost for lost, _ in wrong), default=0)
        counted.doubled += max((doubled for _, doubled in wrong), default=0)
    return counted


def _find_second_ballots(election: ElectionHistory, counted: Counted) -> None:
    for voter, ballots in election.by_voter().items():
        certain = [ballot for ballot in ballots if ballot.fate is Fate.COUNTED]
        proofs = [say(op) for ballot in certain if (op := first(ballot.proofs)) is not None]
        if voter and len(certain) > 1:
            counted.doubled += len(certain) - 1
            what = f"{election.name}: {voter} has {len(certain)} counted: {'; '.join(proofs)}"
            counted.blame("two-ballots-of-one-voter", what)


def _bounds(election: ElectionHistory) -> _Bounds:
    bounds = _Bounds()
    for ballots in election.by_voter().values():
        cast = [ballot for ballot in ballots if ballot.calls]
        certain = [ballot for ballot in cast if ballot.fate is Fate.COUNTED]
        bounds.chosen.update(*(ballot.choices for ballot in cast))
        for ballot in certain:
            if len(ballot.choices) == 1:
                bounds.least.update(ballot.choices)
            bounds.most.update(ballot.choices)
            for choice in ballot.choices:
                bounds.certain.setdefault(choice, []).append(ballot)
        maybe = [ballot for ballot in cast if ballot.fate is Fate.OPEN and not certain]
        bounds.most.update({choice for ballot in maybe for choice in ballot.choices})
        bounds.least_total += bool(certain)
        bounds.most_total += len(certain) or bool(maybe)
        bounds.voters += bool(cast)
    return bounds


def _finals(history: History, election: str) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Return each different count of an election, and which nodes have it."""
    nodes: dict[frozenset[tuple[str, int]], list[str]] = {}
    for final in history.run.finals:
        counts = final.results.get(election, {})
        nodes.setdefault(frozenset(counts.items()), []).append(final.node)
    for items, those in nodes.items():
        yield ", ".join(those), dict(items)


def _compare(
    where: str, counts: Mapping[str, int], bounds: _Bounds, counted: Counted
) -> tuple[int, int]:
    """Return how many ballots are lost, and how many too many."""
    lost = surplus = 0
    for choice in sorted(counts.keys() | bounds.least.keys()):
        count = counts.get(choice, 0)
        least, most = bounds.least[choice], bounds.most[choice]
        if count < least:
            lost += least - count
            what = f"{where}: {choice} has {count} of {least} acknowledged"
            counted.blame("lost-ballot", f"{what}: {_those(bounds.certain[choice])}")
        elif count > most:
            surplus += count - most
            if choice in bounds.chosen:
                what = f"{where}: {choice} has {count}, and at most {most} may be counted"
                counted.blame("doubled-ballot", what)
            else:
                what = f"{where}: {choice} has {count}, cast by nobody"
                counted.blame("ballot-from-nowhere", what)
    total = sum(counts.values())
    if total < bounds.least_total and not lost:
        lost = bounds.least_total - total
        what = f"{where}: {total} ballots of {bounds.least_total} voters who were told COUNTED"
        counted.blame("lost-ballot", what)
    if total > bounds.most_total and not surplus:
        surplus = total - bounds.most_total
        rule = "ballot-from-nowhere" if total > bounds.voters else "doubled-ballot"
        what = f"{where}: {total} ballots of at most {bounds.most_total}"
        counted.blame(rule, what)
    return lost, surplus


def _those(ballots: list[Ballot]) -> str:
    """Name the ballots that were told COUNTED, the first and the last of many."""
    proofs = [op for ballot in ballots if (op := first(ballot.proofs)) is not None]
    proofs.sort(key=lambda op: op.end_s)
    words = [f"{name(op.request_id)} at {op.end_s:.3f} s" for op in proofs]
    few = 4
    return ", ".join(words if len(words) <= few else [*words[:2], "...", *words[-2:]])
