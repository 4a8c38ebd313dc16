"""Whether one order explains a history of calls that overlap.

Wing and Gong's question ("Testing and verifying concurrent objects", 1993), answered with Lowe's
just-in-time linearization ("Testing for linearizability", 2017): go through the beginnings and
ends of calls in time, keep every configuration that is still possible (a state, and which of the
calls under way have taken effect), and let calls take effect only when one of them returns.
Configurations that were met before are not looked at again.

1. A call takes effect at one moment from its start to its end. Two calls that touch in time
   overlap.
2. A call whose end is infinite was never answered: it takes effect once, at any time, or never.
3. The model may leave freedom: a step has any number of next states; with none the call is
   impossible in that state.
4. A call that only `reads` has no effect of its own: what its step changes, if anything, may as
   well happen before any other step. It is placed at the first state that it fits.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

BUDGET = 50_000
"""Configurations looked at in one history before it is given up."""

State = TypeVar("State", bound=Hashable)
What = TypeVar("What", bound=Hashable)
Told_co = TypeVar("Told_co", bound=Hashable, covariant=True)


@dataclass(frozen=True, slots=True)
class Call(Generic[Told_co]):
    """What was asked and answered, from when to when."""

    start: float
    end: float
    what: Told_co
    reads: bool = False


@dataclass(frozen=True, slots=True)
class Model(Generic[State, What]):
    """What a call does when calls come one after the other: the states that may follow."""

    initial: State
    step: Callable[[State, What], Iterable[State]]


@dataclass(frozen=True, slots=True)
class Judgement(Generic[Told_co]):
    """What the search found; `stuck`: the first call whose answer nothing explains."""

    decided: bool = True
    stuck: Call[Told_co] | None = None


def linearizable(
    calls: Sequence[Call[What]], model: Model[State, What], budget: int = BUDGET
) -> bool | None:
    """Tell whether one order explains all calls; None: given up at the budget."""
    judgement = judge(calls, model, budget)
    return judgement.stuck is None if judgement.decided else None


def judge(
    calls: Sequence[Call[What]], model: Model[State, What], budget: int = BUDGET
) -> Judgement[What]:
    """Search for an order that explains all calls, and say where none does."""
    search = _Search(model, budget)
    slots: dict[int, int] = {}
    for _, returns, place in _events(calls):
        if not returns:
            slots[place] = search.begin(calls[place])
            continue
        search.finish(slots[place])
        if search.spent > budget:
            return Judgement(decided=False)
        if not search.configurations:
            return Judgement(stuck=calls[place])
    return Judgement()


def _events(calls: Sequence[Call[What]]) -> list[tuple[float, bool, int]]:
    """Return beginnings (False) and ends (True) in order; what touches overlaps."""
    events = [
        (call.start, False, place)
        for place, call in enumerate(calls)
        if call.end < math.inf or not call.reads
    ]
    events += [(call.end, True, place) for place, call in enumerate(calls) if call.end < math.inf]
    return sorted(events)


class _Search(Generic[State, What]):
    """Every configuration that explains the history so far.

    A configuration is a state and a mask: bit n is set when the call in slot n has taken effect.
    """

    def __init__(self, model: Model[State, What], budget: int) -> None:
        self.configurations: set[tuple[State, int]] = {(model.initial, 0)}
        self.spent = 0
        self._budget = budget
        self._model = model
        self._steps: dict[tuple[State, What], tuple[State, ...]] = {}
        self._under_way: dict[int, Call[What]] = {}
        self._reads: dict[int, Call[What]] = {}
        self._free: list[int] = []

    def begin(self, call: Call[What]) -> int:
        """Take a call up; return its slot."""
        slot = self._free.pop() if self._free else len(self._under_way)
        self._under_way[slot] = call
        if call.reads:
            self._reads[slot] = call
            self.configurations = {self._settled(*each) for each in self.configurations}
        return slot

    def finish(self, slot: int) -> None:
        """Keep the configurations in which the call has taken effect by now."""
        bit, found = 1 << slot, set[tuple[State, int]]()
        seen, left = set(self.configurations), list(self.configurations)
        while left and self.spent <= self._budget:
            self.spent += 1
            state, mask = left.pop()
            if mask & bit:
                found.add((state, mask ^ bit))
                continue
            for following in self._followers(state, mask):
                if following not in seen:
                    seen.add(following)
                    left.append(following)
        self.configurations = found
        del self._under_way[slot]
        self._reads.pop(slot, None)
        self._free.append(slot)

    def _followers(self, state: State, mask: int) -> Iterator[tuple[State, int]]:
        """Let one more of the calls under way take effect, in every way."""
        unanswered = set[What]()
        for slot, call in self._under_way.items():
            if mask >> slot & 1:
                continue
            if call.end == math.inf:
                if call.what in unanswered:
                    continue  # one of several that are alike stands for all
                unanswered.add(call.what)
            for following in self._step(state, call.what):
                if call.end == math.inf and following == state:
                    continue  # as if it had never come
                yield self._settled(following, mask | 1 << slot)

    def _settled(self, state: State, mask: int) -> tuple[State, int]:
        """Place every read that fits the state."""
        for slot, call in self._reads.items():
            if not mask >> slot & 1 and state in self._step(state, call.what):
                mask |= 1 << slot
        return state, mask

    def _step(self, state: State, what: What) -> tuple[State, ...]:
        known = self._steps.get((state, what))
        if known is None:
            known = self._steps[state, what] = tuple(self._model.step(state, what))
        return known
