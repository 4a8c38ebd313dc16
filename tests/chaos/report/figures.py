"""The numbers of the report, from the records alone. Pure; 100,000 calls take about a second."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chaos.records import CHANGES, NOT_DONE, UNKNOWN, Kind, Op, Run
from chaos.report.spells import Spells, spells


@dataclass(frozen=True, slots=True)
class CallFigures:
    """The calls of one kind. A change is acknowledged or rejected; anything else is answered."""

    calls: int
    acknowledged: int
    rejected: int
    answered: int
    not_done: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What a run amounts to.

    `ballots` are the acknowledged ones, each once, however often it was asked for. `unknown` are
    the changes that got no answer, `resolved` those of them whose request was answered to another
    call: asked again, or by someone else at the same time.
    """

    lasted_s: float  # to the end of the last call or fault
    calls: Mapping[Kind, CallFigures]
    acknowledged: int  # changes, repeated ones too
    rejected: Mapping[tuple[Kind, str], int]  # by kind of call and why, the most frequent first
    ballots: int
    unknown: int
    resolved: int
    spells: Spells
    silent: tuple[str, ...]  # nodes that have not said their last word
    digests: frozenset[str]  # the different ones in those last words

    @property
    def digests_equal(self) -> bool:
        """Whether every node has said its last word, with the same digest."""
        return not self.silent and len(self.digests) == 1

    @property
    def throughput(self) -> float:
        """Acknowledged changes a second."""
        return self.acknowledged / self.lasted_s if self.lasted_s else 0.0


def figures(run: Run) -> Figures:
    """Work the run out."""
    calls = _calls(run.ops)
    rejected: Counter[tuple[Kind, str]] = Counter()
    rejected.update((op.kind, op.outcome) for op in run.ops if _share(op) == "rejected")
    unknown = [op for op in run.ops if op.kind in CHANGES and op.outcome == UNKNOWN]
    known = {_request(op) for op in run.ops if _settles(op)}
    return Figures(
        lasted_s=lasted_s(run),
        calls=calls,
        acknowledged=sum(figure.acknowledged for figure in calls.values()),
        rejected=dict(rejected.most_common()),
        ballots=len({_request(op) for op in run.ops if op.kind == "cast" and op.acknowledged}),
        unknown=len(unknown),
        resolved=sum(_request(op) in known for op in unknown),
        spells=spells(run),
        silent=tuple(sorted(set(run.nodes) - {final.node for final in run.finals})),
        digests=frozenset(final.digest for final in run.finals),
    )


def lasted_s(run: Run) -> float:
    """Tell when the last call or fault ended."""
    ends = itertools.chain((op.end_s for op in run.ops), (fault.end_s for fault in run.faults))
    return max(ends, default=0.0)


def _calls(ops: Sequence[Op]) -> dict[Kind, CallFigures]:
    shares: defaultdict[Kind, Counter[str]] = defaultdict(Counter)
    for op in ops:
        shares[op.kind][_share(op)] += 1
    return {
        kind: CallFigures(
            calls=count.total(),
            acknowledged=count["acknowledged"],
            rejected=count["rejected"],
            answered=count["answered"],
            not_done=count[NOT_DONE],
            unknown=count[UNKNOWN],
        )
        for kind, count in sorted(shares.items())
    }


def _share(op: Op) -> str:
    if not op.answered:
        return op.outcome
    if op.kind not in CHANGES:
        return "answered"
    return "acknowledged" if op.acknowledged else "rejected"


def _settles(op: Op) -> bool:
    """Whether the outcome of a request is known from this call: a check may come too early."""
    if op.kind == "check":
        return op.outcome in {"COUNTED", "NOT_COUNTED"}
    return op.kind in CHANGES and op.answered


def _request(op: Op) -> tuple[str, ...]:
    """Name what a call asked for: where there is no id, it is told by what was wanted."""
    return (op.request_id,) if op.request_id else (op.kind, op.election, op.voter)
