"""What counts as a pause of the service, and whose pause it is."""

import pytest

from chaos.records import NOT_DONE, UNKNOWN, Fault
from chaos.report.hand_made import call, fault, run, steady
from chaos.report.meanwhile import FaultKind, Meanwhile
from chaos.report.pauses import REST_S, longest_during, pauses
from chaos.report.spells import FaultFigures, spells

STANDING_STILL = [*steady(0, 2), call(2, 5), *steady(5, 10)]  # from 2 to 5


def only(*faults: Fault) -> FaultFigures:
    (figures,) = spells(run(STANDING_STILL, faults)).faults
    return figures


def test_without_calls_there_is_no_pause_to_speak_of() -> None:
    assert pauses([]) == []
    assert longest_during([], 0, 10) is None
    nothing = spells(run())
    assert (nothing.calm.pause_s, nothing.whole.pause_s, nothing.faults) == (None, None, ())


def test_one_call_is_waited_for() -> None:
    assert pauses([call(1, 3)]) == [(1, 3)]


def test_a_pause_lasts_from_one_acknowledged_change_to_the_next() -> None:
    assert max(pauses(STANDING_STILL), key=lambda pause: pause.end_s - pause.start_s) == (2, 5)


def test_calls_may_overlap_and_come_in_any_order() -> None:
    assert pauses([call(0, 4), call(1, 2), call(0, 1)]) == [(0, 1), (1, 2), (2, 4)]


@pytest.mark.parametrize("outcome", [NOT_DONE, UNKNOWN])
def test_who_is_not_answered_waits_in_vain(outcome: str) -> None:
    assert pauses([call(0, 1), call(1, 4, outcome), call(4.5, 5)]) == [(0, 1), (1, 5)]
    assert pauses([call(0, 1), call(1, 4, outcome)]) == [(0, 1), (1, 4)]


def test_a_rejected_change_shows_no_pause() -> None:
    ops = [call(0, 1), call(1, 4, "ALREADY_CAST"), call(4, 5)]
    assert pauses(ops) == [(0, 1), (4, 5)]


def test_reads_neither_end_a_pause_nor_make_one() -> None:
    checks = [call(at, at + 1, kind="check") for at in range(1, 8)]
    assert pauses([call(0, 1), *checks, call(7, 8)]) == [(0, 1), (7, 8)]
    assert pauses([call(0, 1), call(1, 8), *checks]) == [(0, 1), (1, 8)]


def test_a_rest_of_the_workload_is_no_pause() -> None:
    rest_ends = 4 + REST_S + 0.5
    ops = [call(0, 1), call(1, 4, NOT_DONE), call(rest_ends, rest_ends + 1)]
    assert pauses(ops) == [(0, 1), (1, 4), (rest_ends, rest_ends + 1)]


def test_the_time_between_two_tries_is_no_rest() -> None:
    ops = [call(0, 1), call(1, 4, NOT_DONE), call(4 + REST_S / 2, 6)]
    assert pauses(ops) == [(0, 1), (1, 6)]


@pytest.mark.parametrize(
    ("start_s", "end_s", "pause_s"),
    [
        (1, 6, 3),  # all of it
        (3, 6, 2),  # it began before the fault: it counts from there
        (1, 3, 3),  # it outlasts the fault: it counts until the service is back
        (3, 3, 2),  # at one moment
        (2, 2, 3),  # at the moment in which it begins
        (4.5, 4.75, 0.5),
        (6, 7, 0.25),  # another time
    ],
)
def test_a_fault_answers_for_the_pauses_that_overlap_it(
    start_s: float, end_s: float, pause_s: float
) -> None:
    assert only(fault(start_s, end_s)).spell.pause_s == pause_s


def test_a_fault_while_nobody_wants_a_change_has_no_pause() -> None:
    assert only(fault(20, 21)).spell.pause_s is None


def test_the_longest_pause_of_a_kind_is_of_all_its_faults() -> None:
    several = only(fault(6, 7), fault(3, 4), fault(8, 9))
    assert (several.times, several.seconds, several.spell.pause_s) == (3, 3, 2)


def test_a_pause_in_no_fault_is_of_the_calm() -> None:
    assert spells(run(STANDING_STILL, [fault(6, 7)])).calm.pause_s == 3
    assert spells(run(STANDING_STILL, [fault(3, 4)])).calm.pause_s == 0.25
    assert spells(run(STANDING_STILL, [fault(0, 10)])).calm.pause_s is None


def test_faults_at_the_same_time_share_a_pause_and_neither_has_it_alone() -> None:
    faults = [fault(1, 3, "kill-leader"), fault(2.5, 6, "slow-disk"), fault(8, 9, "slow-disk")]
    leader, disk = spells(run(STANDING_STILL, faults)).faults
    assert (leader.spell.pause_s, leader.alone_s) == (3, 0.25)
    assert (disk.spell.pause_s, disk.alone_s) == (2.5, 0.25)


def test_a_kind_that_may_take_the_majority_is_told_apart() -> None:
    faults = [fault(1, 3), fault(6, 7, majority=False)]
    with_it, without = spells(run(STANDING_STILL, faults)).faults
    assert (with_it.kind, with_it.majority, with_it.spell.pause_s) == ("kill-leader", True, 3)
    assert (without.kind, without.majority, without.spell.pause_s) == ("kill-leader", False, 0.25)


def test_kinds_are_in_the_order_of_their_first_faults() -> None:
    faults = [fault(8, 9, "c"), fault(3, 4, "a"), fault(1, 2, "b"), fault(5, 6, "a")]
    assert [one.kind for one in spells(run(STANDING_STILL, faults)).faults] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("start_s", "end_s", "on"),
    [
        (0, 1.5, ""),
        (0, 2, "a"),
        (3, 3, "a"),
        (4, 5, "ab"),
        (4.5, 5, "b"),
        (6.5, 6.5, "b"),
        (7, 7, "bc"),
        (7.5, 7.5, "b"),
        (0, 9, "abc"),
        (8, 9, "b"),
        (8.5, 9, ""),
    ],
)
def test_what_is_on_includes_the_moments_of_beginning_and_end(
    start_s: float, end_s: float, on: str
) -> None:
    faults = [fault(4, 6, "b"), fault(2, 4, "a"), fault(5, 8, "b"), fault(7, 7, "c")]
    kinds = {FaultKind(kind, majority=True) for kind in on}
    assert Meanwhile(faults).kinds(start_s, end_s) == kinds
