"""How the service did in the calm, during each kind of fault, and in all: pauses and latencies."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles

from chaos.records import Fault, Run
from chaos.report.meanwhile import FaultKind, Meanwhile
from chaos.report.pauses import Pause, longest_during, pauses


@dataclass(frozen=True, slots=True)
class Latency:
    """How long casts took that were acknowledged, repeated ones too; percentiles are linear.

    A cast is a call of the client, with all its tries and its failover.
    """

    casts: int
    median_s: float
    p99_s: float
    longest_s: float


@dataclass(frozen=True, slots=True)
class Spell:
    """How the service did for some time.

    `pause_s` is None where no change was under way, `latency` where no cast was acknowledged.
    """

    pause_s: float | None
    latency: Latency | None


@dataclass(frozen=True, slots=True)
class FaultFigures:
    """The faults of one kind: how many, how long together, and how the service did meanwhile.

    `alone_s` is the longest of the pauses in which no other kind of fault had a part.
    """

    kind: str
    majority: bool
    times: int
    seconds: float
    spell: Spell
    alone_s: float | None


@dataclass(frozen=True, slots=True)
class Spells:
    """The calm is when no fault was on: a pause or a ballot belongs to it that overlaps none."""

    calm: Spell
    whole: Spell
    faults: tuple[FaultFigures, ...]  # in the order of their first times


def spells(run: Run) -> Spells:
    """Tell what happened when."""
    meanwhile = Meanwhile(run.faults)
    all_pauses = pauses(run.ops)
    by_causes: defaultdict[frozenset[FaultKind], list[Pause]] = defaultdict(list)
    for pause in all_pauses:
        by_causes[meanwhile.kinds(pause.start_s, pause.end_s)].append(pause)
    everything: list[float] = []
    calm: list[float] = []
    by_kind: defaultdict[FaultKind, list[float]] = defaultdict(list)
    for op in run.ops:
        if op.kind == "cast" and op.acknowledged:
            took_s = op.end_s - op.start_s
            everything.append(took_s)
            kinds = meanwhile.kinds(op.start_s, op.end_s)
            for share in [by_kind[kind] for kind in kinds] or [calm]:
                share.append(took_s)
    return Spells(
        calm=Spell(_longest(by_causes[frozenset()]), latency(calm)),
        whole=Spell(_longest(all_pauses), latency(everything)),
        faults=tuple(
            FaultFigures(
                kind=key.kind,
                majority=key.majority,
                times=len(faults),
                seconds=sum(fault.end_s - fault.start_s for fault in faults),
                spell=Spell(_longest_of(faults, all_pauses), latency(by_kind[key])),
                alone_s=_longest_of(faults, by_causes[frozenset({key})]),
            )
            for key, faults in _by_kind(run.faults).items()
        ),
    )


def latency(seconds: Iterable[float]) -> Latency | None:
    """Sum up how long casts took."""
    took = sorted(seconds)
    if not took:
        return None
    if len(took) == 1:
        return Latency(1, took[0], took[0], took[0])
    cuts = quantiles(took, n=100, method="inclusive")
    return Latency(len(took), cuts[49], cuts[98], took[-1])


def _by_kind(faults: Iterable[Fault]) -> dict[FaultKind, list[Fault]]:
    by_kind: dict[FaultKind, list[Fault]] = {}
    for fault in sorted(faults, key=lambda fault: fault.start_s):
        by_kind.setdefault(FaultKind(fault.kind, fault.majority), []).append(fault)
    return by_kind


def _longest(found: Iterable[Pause]) -> float | None:
    return max((pause.end_s - pause.start_s for pause in found), default=None)


def _longest_of(faults: Iterable[Fault], found: Sequence[Pause]) -> float | None:
    longest = (longest_during(found, fault.start_s, fault.end_s) for fault in faults)
    return max((pause for pause in longest if pause is not None), default=None)
