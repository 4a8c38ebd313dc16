"""The search for an order, held against trying every order."""

import math
from collections.abc import Iterable, Sequence
from itertools import combinations, permutations

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from chaos.linearizability import Call, Model, judge, linearizable

Action = tuple[str, int]
"""What is done with a register that may be locked: set, see, add, lock, locked."""

State = tuple[int, bool]


def _step(state: State, action: Action) -> Iterable[State]:
    value, locked = state
    word, number = action
    match word:
        case "set":
            return [] if locked else [(number, False)]
        case "see":
            return [state] if value == number else []
        case "add":  # one or two
            return [] if locked else [(value + 1, False), (value + 2, False)]
        case "locked":  # it locks itself, at any time
            return [(value, True)]
        case _:
            return [] if locked else [state]


REGISTER: Model[State, Action] = Model((0, False), _step)
READS = {"see", "locked", "free"}


def _call(word: str, number: int, start: float, end: float) -> Call[Action]:
    return Call(start, end, (word, number), reads=word in READS)


def _by_trying(calls: Sequence[Call[Action]]) -> bool:
    """Try every order of every choice of the unanswered calls."""
    told = [call for call in calls if call.end < math.inf]
    unknown = [call for call in calls if call.end == math.inf and not call.reads]
    return any(
        _explains(order)
        for some in range(len(unknown) + 1)
        for chosen in combinations(unknown, some)
        for order in permutations([*told, *chosen])
    )


def _explains(order: Sequence[Call[Action]]) -> bool:
    latest = -math.inf
    states = {REGISTER.initial}
    for call in order:
        if call.end < latest:
            return False
        latest = max(latest, call.start)
        states = {following for state in states for following in _step(state, call.what)}
    return bool(states)


@st.composite
def _calls(draw: st.DrawFn) -> Call[Action]:
    start = draw(st.integers(0, 6))
    end = draw(st.one_of(st.integers(start, 8), st.just(math.inf)))
    word = draw(st.sampled_from(["set", "see", "see", "add", "locked", "free"]))
    return _call(word, draw(st.integers(0, 3)), start, end)


@given(st.lists(_calls(), max_size=6))
def test_it_finds_an_order_exactly_when_there_is_one(calls: list[Call[Action]]) -> None:
    expected = _by_trying(calls)
    event(f"{len(calls)} calls, {'some order' if expected else 'no order'}")
    assert linearizable(calls, REGISTER) is expected


@pytest.mark.parametrize(
    ("calls", "good"),
    [
        ([], True),
        ([("set", 1, 0, 1), ("see", 1, 2, 3)], True),
        ([("set", 1, 0, 1), ("see", 0, 2, 3)], False),
        ([("set", 1, 0, 1), ("see", 0, 1, 3)], True),  # they touch
        ([("set", 1, 0, 5), ("see", 1, 1, 2), ("see", 0, 3, 4)], False),  # there and gone
        ([("set", 1, 0, 5), ("see", 0, 1, 2), ("see", 1, 3, 4)], True),
        ([("set", 1, 0, math.inf), ("see", 0, 1, 2), ("see", 1, 8, 9)], True),
        ([("set", 1, 0, math.inf), ("see", 0, 1, 2)], True),  # never
        ([("see", 1, 0, 1), ("set", 1, 2, math.inf)], False),  # not yet
        ([("add", 0, 0, math.inf), ("see", 2, 1, 2), ("see", 1, 3, 4)], False),  # only once
        ([("locked", 0, 0, 1), ("free", 0, 2, 3)], False),
        ([("locked", 0, 0, 2), ("set", 1, 0, 1), ("see", 1, 3, 4)], True),
    ],
)
def test_small_histories(calls: list[tuple[str, int, float, float]], good: bool) -> None:
    assert linearizable([_call(*call) for call in calls], REGISTER) is good


def test_it_names_the_first_call_that_nothing_explains() -> None:
    calls = [_call("set", 1, 0, 1), _call("see", 2, 2, 3), _call("see", 3, 4, 5)]
    assert judge(calls, REGISTER).stuck == calls[1]


def test_it_gives_up_at_its_budget_and_says_so() -> None:
    calls = [_call("set", number, 0, 9) for number in range(12)]
    assert linearizable(calls, REGISTER, budget=100) is None


def test_a_thousand_overlapping_reads_and_many_unanswered_calls_are_soon_decided() -> None:
    """By what it looks at: each read is placed where it fits, and equal calls stand for all."""
    calls = [_call("see", number % 2, 0, 10) for number in range(1_000)]
    calls += [_call("set", 1, 1, math.inf) for _ in range(1_000)]
    assert linearizable(calls, REGISTER, budget=10_000) is True
