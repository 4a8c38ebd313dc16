"""What the timeline draws, before it is drawn: counts over time, bars, and where ticks go."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

from chaos.records import NOT_DONE, UNKNOWN, Fault, Run
from chaos.report.figures import lasted_s

MOST_BINS = 300
FINEST_BIN_S = 1.0


@dataclass(frozen=True, slots=True)
class Bins:
    """The time of the run in equal parts; a call belongs to the part in which it ended."""

    width_s: float
    acknowledged: Sequence[int]  # ballots
    not_done: Sequence[int]  # calls
    unknown: Sequence[int]  # calls

    @property
    def span_s(self) -> float:
        """The time that all of them cover."""
        return self.width_s * len(self.acknowledged)

    @property
    def peak(self) -> float:
        """The most acknowledged ballots a second."""
        return max(self.acknowledged) / self.width_s


@dataclass(frozen=True, slots=True)
class Bar:
    """Faults of one lane that are too close to be drawn apart."""

    start_s: float
    end_s: float
    majority: bool
    targets: tuple[str, ...]


def bins(run: Run) -> Bins:
    """Count over time. There is always a bin, and never more than `MOST_BINS`."""
    span_s = lasted_s(run) if run.stopped else max(lasted_s(run), run.seconds)
    width_s = max(FINEST_BIN_S, nice_step(span_s, MOST_BINS))
    count = max(1, ceil(span_s / width_s))
    counts: dict[str, Counter[int]] = {"": Counter(), NOT_DONE: Counter(), UNKNOWN: Counter()}
    for op in run.ops:
        place = min(count - 1, int(op.end_s / width_s))
        if not op.answered:
            counts[op.outcome][place] += 1
        elif op.kind == "cast" and op.acknowledged:
            counts[""][place] += 1
    return Bins(width_s, *([count_of[at] for at in range(count)] for count_of in counts.values()))


def lanes(faults: Iterable[Fault], closest_s: float) -> dict[str, list[Bar]]:
    """Draw the faults of each kind together where less than `closest_s` is between them.

    Those that take the majority come last in a lane, so that nothing hides them.
    """
    found: dict[str, dict[bool, list[Bar]]] = {}
    for fault in sorted(faults, key=lambda fault: fault.start_s):
        lane = found.setdefault(fault.kind, {True: [], False: []})[fault.majority]
        bar = Bar(fault.start_s, fault.end_s, fault.majority, (fault.target,))
        if lane and bar.start_s - lane[-1].end_s < closest_s:
            bar = _joined(lane.pop(), bar)
        lane.append(bar)
    return {kind: [*lane[True], *lane[False]] for kind, lane in found.items()}


def without_majority(faults: Iterable[Fault]) -> list[tuple[float, float]]:
    """Tell when no majority could work, each time once, in order."""
    one_lane = [Bar(f.start_s, f.end_s, f.majority, ()) for f in faults if not f.majority]
    joined: list[Bar] = []
    for bar in sorted(one_lane, key=lambda bar: bar.start_s):
        overlaps = joined and bar.start_s <= joined[-1].end_s
        joined.append(_joined(joined.pop(), bar) if overlaps else bar)
    return [(bar.start_s, bar.end_s) for bar in joined]


def nice_step(span: float, parts: int) -> float:
    """Find the least of 1, 2 and 5, times a power of ten, that makes at most so many parts."""
    if span <= 0:
        return 1.0
    least = span / parts
    power = 10.0 ** floor(log10(least))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= least * (1 - 1e-9))


def ticks(span: float, parts: int) -> list[float]:
    """Place ticks from zero on."""
    step = nice_step(span, parts)
    return [step * number for number in range(floor(span / step + 1e-9) + 1)]


def _joined(one: Bar, other: Bar) -> Bar:
    end_s = max(one.end_s, other.end_s)
    return Bar(one.start_s, end_s, one.majority, one.targets + other.targets)
