"""When the service stood still, as those who wanted changes saw it.

A pause is the time from one acknowledged change to the next while changes were under way. Under way
is a change, from its first try to its outcome, that was acknowledged in the end or was never
answered. One that was rejected shows no pause: it was answered. Where no change was under way for
longer than `REST_S`, the workload rested: a pause ends before a rest, or begins after it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from chaos.records import CHANGES, Op

REST_S = 1.0


class Pause(NamedTuple):
    """No change was acknowledged between these two moments."""

    start_s: float
    end_s: float


def pauses(ops: Iterable[Op]) -> list[Pause]:
    """Find all pauses of a history, however short, in their order. No two overlap."""
    wanted = [op for op in ops if op.kind in CHANGES and (op.acknowledged or not op.answered)]
    acknowledged = sorted(op.end_s for op in wanted if op.acknowledged)
    found: list[Pause] = []
    for start_s, end_s in _stretches(sorted((op.start_s, op.end_s) for op in wanted)):
        first = bisect_left(acknowledged, start_s)
        last = bisect_right(acknowledged, end_s)
        moments = pairwise([start_s, *acknowledged[first:last], end_s])
        found += (Pause(before, after) for before, after in moments if before < after)
    return found


def longest_during(found: Sequence[Pause], start_s: float, end_s: float) -> float | None:
    """Measure the longest pause that a fault from `start_s` to `end_s` may have caused.

    These are all pauses that overlap it. One that began before counts from the fault's start; one
    that lasts longer counts to its own end, when the service was back. Faults at the same time
    share their pauses: each could be the cause. None: no change was under way.
    """
    first = bisect_right(found, start_s, key=lambda pause: pause.end_s)
    last = bisect_right(found, end_s, key=lambda pause: pause.start_s)
    lengths = (pause.end_s - max(pause.start_s, start_s) for pause in found[first:last])
    return max(lengths, default=None)


def _stretches(under_way: Iterable[tuple[float, float]]) -> Iterator[tuple[float, float]]:
    """Join what overlaps or nearly does: the workload was busy all the while."""
    busy: tuple[float, float] | None = None
    for start_s, end_s in under_way:
        if busy and start_s <= busy[1] + REST_S:
            busy = (busy[0], max(busy[1], end_s))
        else:
            if busy:
                yield busy
            busy = (start_s, end_s)
    if busy:
        yield busy
