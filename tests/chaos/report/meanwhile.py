"""Which kinds of fault were on at a time."""

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from chaos.records import Fault


class FaultKind(NamedTuple):
    """One row of the report: a kind that may or may not take the majority is two of them."""

    kind: str
    majority: bool


class Meanwhile:
    """Answers quickly which kinds of fault were on, for any number of calls."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        starts: defaultdict[float, list[FaultKind]] = defaultdict(list)
        ends: defaultdict[float, list[FaultKind]] = defaultdict(list)
        for fault in faults:
            starts[fault.start_s].append(FaultKind(fault.kind, fault.majority))
            ends[fault.end_s].append(FaultKind(fault.kind, fault.majority))
        self._moments = sorted(starts.keys() | ends.keys())
        # In turn: before the first moment, at it, between it and the second, at the second, ...
        self._on: list[frozenset[FaultKind]] = [frozenset()]
        on: Counter[FaultKind] = Counter()
        for moment in self._moments:
            on.update(starts.get(moment, ()))
            self._on.append(frozenset(on))
            on.subtract(ends.get(moment, ()))
            on = +on
            self._on.append(frozenset(on))

    def kinds(self, start_s: float, end_s: float) -> frozenset[FaultKind]:
        """Tell the kinds that were on at any moment from `start_s` to `end_s`; empty: calm."""
        first, last = self._place(start_s), self._place(end_s)
        if first == last:
            return self._on[first]
        return frozenset[FaultKind]().union(*self._on[first : last + 1])

    def _place(self, time_s: float) -> int:
        after = bisect_left(self._moments, time_s)
        exactly = after < len(self._moments) and self._moments[after] == time_s
        return 2 * after + exactly
