"""The sorted map is a dict that is sorted when it is read, with views that never change."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from quorate_replication.state import sorted_map
from quorate_replication.state.sorted_map import SortedMap, SortedView

keys = st.text(alphabet="ab\x00\u00e9\U0001f5f3", max_size=4)
"""Few enough to meet again, and code points of 1, 2 and 4 bytes."""
runs = st.lists(keys, max_size=12, unique=True)


class SortedMapAgainstDict(RuleBasedStateMachine):
    """Writes to both; keeps frozen views and copies, each with what it has to hold for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = pytest.MonkeyPatch()
        self.live = SortedMap[int]()
        self.model: dict[str, int] = {}
        self.frozen: list[tuple[SortedView[int], dict[str, int]]] = []
        self.writes = 0

    @initialize(chunk_keys=st.integers(2, 5))
    def begin(self, chunk_keys: int) -> None:
        """Small chunks split often."""
        self.patch.setattr(sorted_map, "CHUNK_KEYS", chunk_keys)

    def teardown(self) -> None:
        self.patch.undo()

    def write(self, key: str) -> None:
        self.writes += 1
        self.live[key] = self.model[key] = self.writes

    @rule(key=keys)
    def one_is_written(self, key: str) -> None:
        self.write(key)

    @rule(run=runs, falling=st.booleans())
    def a_run_is_written_in_order(self, run: list[str], falling: bool) -> None:
        for key in sorted(run, reverse=falling):
            self.write(key)

    @rule()
    def it_is_frozen(self) -> None:
        self.frozen.append((self.live.freeze(), dict(self.model)))

    @rule()
    def a_copy_goes_on_in_its_place(self) -> None:
        self.frozen.append((self.live, dict(self.model)))
        self.live = self.live.copy()

    @rule(which=st.integers(0), steps=st.integers(0, 9))
    def a_view_is_dismantled(self, which: int, steps: int) -> None:
        if self.frozen:
            view, _ = self.frozen.pop(which % len(self.frozen))
            for _ in zip(range(steps), view.dismantle(), strict=False):
                pass

    @rule(after=keys)
    def the_rest_is_read(self, after: str) -> None:
        expected = [value for key, value in sorted(self.model.items()) if key > after]
        assert list(self.live.after(after)) == expected

    @rule(key=keys)
    def one_is_read(self, key: str) -> None:
        assert self.live.get(key) == self.model.get(key)
        assert (key in self.live) == (key in self.model)

    @invariant()
    def all_hold_what_they_must(self) -> None:
        for entries, model in [(self.live, self.model), *self.frozen]:
            assert list(entries.in_order()) == sorted(model.items())
            assert list(entries) == sorted(model)
            assert len(entries) == len(model)


TestSortedMapAgainstDict = SortedMapAgainstDict.TestCase
TestSortedMapAgainstDict.settings = settings(max_examples=3 * settings().max_examples)
