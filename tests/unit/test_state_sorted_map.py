"""The sorted map: in order, frozen at once, and what is frozen never changes."""

import gc
import random

import pytest

from quorate_replication.state.sorted_map import CHUNK_KEYS, SortedMap

SIZES = [0, 1, CHUNK_KEYS - 1, CHUNK_KEYS, CHUNK_KEYS + 1, 5 * CHUNK_KEYS]
ORDERS = ["rising", "falling", "shuffled"]


def key(number: int) -> str:
    return f"{number:06}"


def numbers(size: int, order: str) -> list[int]:
    rising = list(range(size))
    match order:
        case "falling":
            rising.reverse()
        case "shuffled":
            random.Random(1).shuffle(rising)  # noqa: S311 - the same each time
        case _:
            pass
    return rising


def filled(size: int, order: str = "shuffled") -> SortedMap[int]:
    entries = SortedMap[int]()
    for number in numbers(size, order):
        entries[key(number)] = number
    return entries


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_entries_come_in_order_however_they_were_added(size: int, order: str) -> None:
    entries = filled(size, order)
    assert list(entries.in_order()) == [(key(number), number) for number in range(size)]
    assert list(entries) == [key(number) for number in range(size)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("order", ORDERS)
def test_it_answers_as_a_dict_does(size: int, order: str) -> None:
    entries = filled(size, order)
    assert len(entries) == size
    assert entries == {key(number): number for number in range(size)}
    for absent in ("", key(size), "5", "\U0010ffff"):
        assert absent not in entries
        assert entries.get(absent) is None
        with pytest.raises(KeyError):
            entries[absent]


@pytest.mark.parametrize("order", ORDERS)
def test_what_comes_after_a_key_begins_in_the_right_place(order: str) -> None:
    size = 3 * CHUNK_KEYS
    entries = filled(size, order)
    for number in (0, 1, CHUNK_KEYS - 1, CHUNK_KEYS, size // 2, size - 2, size - 1):
        assert list(entries.after(key(number))) == list(range(number + 1, size))
        assert list(entries.after(key(number) + "x")) == list(range(number + 1, size))
    assert list(entries.after("")) == list(range(size))
    assert list(entries.after("x")) == []


def test_the_order_is_that_of_code_points() -> None:
    names = ["", "A", "Z", "a", "a\x00", "e\u0301", "z", "\u00e9", "\uffff", "\U00010000"]
    entries = SortedMap[int]()
    for name in reversed(names):
        entries[name] = 1
    assert list(entries) == names
    assert sorted(names, key=str.encode) == names


def test_a_replaced_value_is_no_new_entry() -> None:
    entries = filled(2 * CHUNK_KEYS)
    entries[key(7)] = -7
    assert entries[key(7)] == -7
    assert len(entries) == 2 * CHUNK_KEYS


@pytest.mark.parametrize("size", SIZES)
def test_a_frozen_view_shows_nothing_of_what_comes_later(size: int) -> None:
    entries = filled(size)
    frozen = entries.freeze()
    before = list(frozen.in_order())
    for number in range(size + CHUNK_KEYS):
        entries[key(number)] = -1
        entries[key(number) + "x"] = -1
    assert list(frozen.in_order()) == before
    assert len(frozen) == size
    assert (key(0) + "x") not in frozen
    assert len(entries) == 2 * (size + CHUNK_KEYS)


def test_a_copy_and_its_origin_go_apart() -> None:
    origin = filled(2 * CHUNK_KEYS)
    copy = origin.copy()
    origin[key(0)], copy[key(1)] = -1, -2
    assert (origin[key(0)], origin[key(1)]) == (-1, 1)
    assert (copy[key(0)], copy[key(1)]) == (0, -2)


def test_dismantling_a_view_leaves_the_map_and_the_other_views_alone() -> None:
    entries = filled(3 * CHUNK_KEYS)
    frozen, other = entries.freeze(), entries.freeze()
    assert len(list(frozen.dismantle())) > 1
    expected = {key(number): number for number in range(3 * CHUNK_KEYS)}
    assert entries == expected
    assert other == expected


def test_a_hundred_thousand_entries_are_few_objects_to_the_garbage_collector() -> None:
    gc.collect()
    before = len(gc.get_objects())
    entries = SortedMap[bytes]()
    for number in numbers(100_000, "shuffled"):
        entries[key(number)] = number.to_bytes(16, "big")
    assert len(gc.get_objects()) - before < 1000
    assert len(entries) == 100_000
