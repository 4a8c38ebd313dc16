"""Service is back soon after each fault, and goes on while a majority of nodes can work.

The bound runs from the first change that was asked for after the fault's end (or beginning), and
somebody must still wait for one when it ends: nothing is held against a cluster that nobody calls.
Any answer that went through the log proves service, a rejection as well; INVALID_TOKEN is one that
a node gives by itself. What other faults touch is not judged: together they may leave no majority.
The last of them to be mended is judged.
"""

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import accumulate

from chaos.checker.history import History
from chaos.records import CHANGES, Fault, Op, Run, Violation

BACK_WITHIN_S = 15.0
"""How soon after a fault a change must be answered."""
LATELY_S = 5.0
"""How long before the bound somebody must have waited for an answer last."""


def check_service(history: History) -> Iterator[Violation]:
    """Look for faults after which, or during which, no change was answered in time."""
    calls = _Changes(history.run)
    for fault in history.run.faults:
        if fault.majority:
            yield from _judge(history.run, calls, fault, fault.start_s, fault.end_s)
        yield from _judge(history.run, calls, fault, fault.end_s, calls.over_s)


def _judge(
    run: Run, calls: "_Changes", fault: Fault, since_s: float, until_s: float
) -> Iterator[Violation]:
    asked_s, answered_s = calls.after(since_s)
    due_s = asked_s + BACK_WITHIN_S
    if asked_s > since_s + BACK_WITHIN_S or due_s > until_s or answered_s <= due_s:
        return
    if any(_touches(other, since_s, due_s) for other in run.faults if other is not fault):
        return
    if not calls.waited(since_s, due_s):
        return
    when = f"{fault.start_s:.3f}-{fault.end_s:.3f} s"
    what = f"{fault.kind} of {fault.target} at {when}: no change asked for from {asked_s:.3f} s on"
    yield Violation("service-not-back", f"{what} was answered by {due_s:.3f} s")


def _touches(fault: Fault, since_s: float, due_s: float) -> bool:
    return fault.start_s <= due_s and fault.end_s > since_s


class _Changes:
    """When changes were asked for, and when the first answer came of those asked from then on."""

    def __init__(self, run: Run) -> None:
        changes = [op for op in run.ops if op.kind in CHANGES]
        changes.sort(key=lambda op: op.start_s)
        self.over_s = max((op.end_s for op in run.ops), default=run.seconds)
        self._starts = [op.start_s for op in changes]
        self._ends = [op.end_s for op in changes]
        backwards = accumulate((_answered_s(op) for op in reversed(changes)), min)
        self._answers = list(backwards)[::-1]

    def after(self, since_s: float) -> tuple[float, float]:
        """Return when the first call and when the first answer came; infinite: never."""
        place = bisect_left(self._starts, since_s)
        if place == len(self._starts):
            return math.inf, math.inf
        return self._starts[place], self._answers[place]

    def waited(self, since_s: float, due_s: float) -> bool:
        """Tell whether a change asked for since then was waited for shortly before `due_s`."""
        places = slice(bisect_left(self._starts, since_s), bisect_right(self._starts, due_s))
        return max(self._ends[places], default=-math.inf) > due_s - LATELY_S


def _answered_s(op: Op) -> float:
    through_the_log = op.answered and op.outcome != "INVALID_TOKEN"
    return op.end_s if through_the_log else math.inf
