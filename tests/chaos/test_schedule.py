"""The nemesis's plans, and what it says of the majority: both pure."""

import pytest

from chaos.faults import FAULTS
from chaos.harm import Harm, majority_can_work, to_links, to_nodes
from chaos.kinds import kinds_for
from chaos.network import between
from chaos.schedule import Planned, schedule

ALL = tuple(kinds_for(3))
LONG_S = 3600.0


def everything(plan: tuple[Planned, ...]) -> list[Planned]:
    return [each for one in plan for each in (one, one.beside) if each is not None]


def test_every_kind_has_a_fault_and_every_fault_a_kind() -> None:
    assert set(FAULTS) == set(kinds_for(3)) == set(kinds_for(5))


def test_a_seed_gives_the_same_schedule_whatever_the_order_of_the_kinds() -> None:
    plan = schedule(7, 600, ALL)
    assert plan == schedule(7, 600, frozenset(ALL)) == schedule(7, 600, ALL[::-1])
    assert plan != schedule(8, 600, ALL)


@pytest.mark.parametrize("seed", range(20))
def test_every_kind_comes_up_before_any_comes_up_again(seed: int) -> None:
    plan = schedule(seed, LONG_S, ALL)
    kinds = [planned.kind for planned in plan]
    rounds = [kinds[at : at + len(ALL)] for at in range(0, len(kinds), len(ALL))]
    assert len(rounds) > 3
    assert all(sorted(each) == sorted(ALL) for each in rounds[:-1])
    assert len(set(rounds[-1])) == len(rounds[-1])
    assert rounds[0] != rounds[1]


@pytest.mark.parametrize("seed", range(20))
def test_a_minute_sees_a_dozen_faults_of_different_kinds(seed: int) -> None:
    assert len({planned.kind for planned in everything(schedule(seed, 60, ALL))}) >= 10


@pytest.mark.parametrize("seed", range(20))
def test_there_is_calm_before_each_and_each_is_short(seed: int) -> None:
    for planned in schedule(seed, LONG_S, ALL, 5):
        assert planned.pause_s >= 1
        assert planned.seconds <= 4
        assert planned.target in kinds_for(5)[planned.kind].targets


@pytest.mark.parametrize("seed", range(20))
def test_two_at_once_only_later_on_and_only_where_the_promise_stands(seed: int) -> None:
    plan = schedule(seed, LONG_S, ALL)
    pairs = [(planned, planned.beside) for planned in plan if planned.beside is not None]
    assert len(pairs) > 10
    assert not any(planned.beside for planned in plan[: len(plan) // 3])
    for lasting, sudden in pairs:
        assert not ("clock" in lasting.kind and "clock" in sudden.kind)
        assert {"truncated-tail", "rolling-restart"}.isdisjoint({lasting.kind, sudden.kind})
        if lasting.kind.endswith("disk"):
            assert "power" not in sudden.kind
            assert sudden.target != "all"


def test_only_the_kinds_that_were_asked_for_come_up() -> None:
    plan = schedule(1, LONG_S, ["kill-leader", "latency"])
    assert {planned.kind for planned in everything(plan)} == {"kill-leader", "latency"}
    assert schedule(1, LONG_S, []) == ()
    with pytest.raises(ValueError, match="no such fault: kill-time; there are kill-follower"):
        schedule(1, 60, ["kill-time"])


THREE, FIVE = ("n1", "n2", "n3"), ("n1", "n2", "n3", "n4", "n5")


@pytest.mark.parametrize(
    ("nodes", "faults", "can"),
    [
        (THREE, [[to_nodes()]], True),
        (THREE, [[to_nodes("n1")]], True),
        (THREE, [[to_nodes("n1", "n2")]], False),
        (THREE, [[to_nodes("n1"), to_nodes("n2"), to_nodes("n3")]], True),  # one after another
        (THREE, [[to_nodes("n1")], [to_nodes("n2")]], False),  # at once
        (THREE, [[to_nodes("n1")], [to_nodes("n1")]], True),
        (FIVE, [[to_nodes("n1")], [to_nodes("n2")]], True),
        (THREE, [[to_links(between(["n1"], ["n2", "n3"]))]], True),
        (THREE, [[to_links(between(["n1"], ["n3"]))]], True),  # n2 is the bridge
        (THREE, [[to_links(between(["n1"], ["n3"]))], [to_nodes("n2")]], False),
        (THREE, [[to_links([("n1", "n2"), ("n2", "n3"), ("n3", "n1")])]], False),
        (FIVE, [[to_links(between(["n1", "n2"], ["n4", "n5"]))]], True),
        (FIVE, [[to_links(between(["n1", "n2"], ["n3", "n4", "n5"]))], [to_nodes("n5")]], False),
        (THREE, [[Harm(all_links=True)]], False),
        (THREE, [[to_links(between(["n1"], ["n2", "n3"]), unsteady=True)]], False),
    ],
)
def test_a_majority_is_those_who_run_and_reach_one_another(
    nodes: tuple[str, ...], faults: list[list[Harm]], can: bool
) -> None:
    assert majority_can_work(nodes, *faults) is can
