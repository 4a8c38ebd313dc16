"""The report's numbers, for runs whose numbers are known."""

import pytest

from chaos.records import NOT_DONE, UNKNOWN, Op
from chaos.report.figures import CallFigures, figures
from chaos.report.hand_made import call, fault, final, run
from chaos.report.series import MOST_BINS, bins, lanes, nice_step, ticks, without_majority
from chaos.report.spells import Latency, latency, spells


def numbers_of(found: Latency | None) -> tuple[float, ...]:
    assert found
    return (found.casts, found.median_s, found.p99_s, found.longest_s)


def test_percentiles() -> None:
    assert latency([]) is None
    assert latency([0.5]) == Latency(1, 0.5, 0.5, 0.5)
    assert numbers_of(latency([3, 1])) == pytest.approx((2, 2, 2.98, 3))
    assert latency(range(100, -1, -1)) == Latency(101, 50, 99, 100)


def test_latencies_in_the_calm_and_during_faults() -> None:
    ops = [
        call(0, 1),
        call(3, 4.5),  # reaches into the fault
        call(5, 7),
        call(8.5, 11.5),
        call(5, 6, NOT_DONE),
        call(5, 6, "ALREADY_CAST"),
        call(5, 6, "CREATED", kind="create"),
    ]
    found = spells(run(ops, [fault(4, 6), fault(9, 9, "leader-transfer")]))
    leader, transfer = found.faults
    assert found.calm.latency == Latency(1, 1, 1, 1)
    assert numbers_of(leader.spell.latency) == pytest.approx((2, 1.75, 1.995, 2))
    assert transfer.spell.latency == Latency(1, 3, 3, 3)
    assert numbers_of(found.whole.latency) == pytest.approx((4, 1.75, 2.97, 3))


def test_a_ballot_during_two_faults_belongs_to_both_and_once_to_the_whole() -> None:
    found = spells(run([call(0, 4)], [fault(0, 1), fault(2, 3, "slow-disk"), fault(3, 3)]))
    assert [one.spell.latency for one in found.faults] == [Latency(1, 4, 4, 4)] * 2
    assert found.whole.latency == Latency(1, 4, 4, 4)
    assert found.calm.latency is None


def test_calls_by_what_became_of_them() -> None:
    ops = [
        call(0, 1),
        call(1, 2, "ELECTION_CLOSED"),
        call(1, 2, "ELECTION_CLOSED", kind="extend"),
        call(2, 3, "ELECTION_CLOSED"),
        call(3, 4, NOT_DONE),
        call(4, 5, UNKNOWN),
        call(5, 8, kind="check"),  # COUNTED, but nothing was changed
        call(5, 6, UNKNOWN, kind="check"),
    ]
    numbers = figures(run(ops))
    assert numbers.calls["cast"] == CallFigures(5, 1, 2, 0, 1, 1)
    assert numbers.calls["check"] == CallFigures(2, 0, 0, 1, 0, 1)
    assert numbers.rejected == {("cast", "ELECTION_CLOSED"): 2, ("extend", "ELECTION_CLOSED"): 1}
    assert (numbers.acknowledged, numbers.ballots, numbers.unknown) == (1, 1, 1)
    assert (numbers.lasted_s, numbers.throughput) == (8, 1 / 8)


def test_a_run_without_calls() -> None:
    numbers = figures(run())
    assert (numbers.calls, numbers.ballots, numbers.lasted_s, numbers.throughput) == ({}, 0, 0, 0)


def test_a_ballot_that_was_asked_for_again_is_one_ballot() -> None:
    ops = [call(0, 1, request_id="aa"), call(1, 2, request_id="aa"), call(2, 3, request_id="bb")]
    without_ids = [call(3, 4), call(3, 5)]  # of one voter
    assert figures(run([*ops, *without_ids])).ballots == 3


@pytest.mark.parametrize(
    ("again", "resolved"),
    [
        (call(1, 2, request_id="aa"), 1),
        (call(1, 2, "ELECTION_CLOSED", request_id="aa"), 1),
        (call(0, 0.9, request_id="aa"), 1),  # by another process, at the same time
        (call(1, 2, request_id="bb"), 0),
        (call(1, 2, NOT_DONE, request_id="aa"), 0),
        (call(1, 2, UNKNOWN, request_id="aa"), 0),
        (call(1, 2, "COUNTED", kind="check", request_id="aa"), 1),
        (call(1, 2, "NOT_COUNTED", kind="check", request_id="aa"), 1),
        (call(1, 2, "NOT_COUNTED_YET", kind="check", request_id="aa"), 0),
    ],
)
def test_an_unknown_outcome_is_resolved_by_an_answer_to_the_same_request(
    again: Op, resolved: int
) -> None:
    assert figures(run([call(0, 1, UNKNOWN, request_id="aa"), again])).resolved == resolved


def test_digests_are_equal_only_if_every_node_gives_the_same() -> None:
    assert figures(run()).digests_equal
    other = figures(run(finals=[final("n1"), final("n2"), final("n3", "cd" * 32)]))
    assert (other.digests_equal, other.silent) == (False, ())
    silent = figures(run(finals=[final("n1"), final("n3")]))
    assert (silent.digests_equal, silent.silent) == (False, ("n2",))
    assert not figures(run(finals=[])).digests_equal


@pytest.mark.parametrize(
    ("span", "parts", "step"),
    [(0, 5, 1), (5, 5, 1), (5.1, 5, 2), (60, 5, 20), (3600, 300, 20), (0.3, 3, 0.1)],
)
def test_steps_that_people_can_read(span: float, parts: int, step: float) -> None:
    assert nice_step(span, parts) == pytest.approx(step)
    assert len(ticks(span, parts)) <= parts + 1


@pytest.mark.parametrize("lasted_s", [0, 0.1, 1, 299.5, 301, 3600, 86_400])
def test_the_timeline_has_few_bins_however_long_the_run(lasted_s: float) -> None:
    over_time = bins(run([call(0, lasted_s), call(0, lasted_s, UNKNOWN)], stopped="tried enough"))
    assert 1 <= len(over_time.acknowledged) <= MOST_BINS
    assert over_time.acknowledged[-1] == over_time.unknown[-1] == 1
    assert sum(over_time.acknowledged) == 1


def test_the_timeline_ends_where_the_run_was_stopped() -> None:
    ops = [call(0, 2), call(2, 3.5, NOT_DONE), call(3, 4, kind="check")]
    assert bins(run(ops, stopped="no majority came back")).acknowledged == [0, 0, 1, 0]
    assert bins(run(ops)).not_done == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_faults_too_close_to_be_drawn_apart_are_one_bar() -> None:
    faults = [fault(5, 6), fault(0, 1), fault(1.5, 2), fault(1.6, 1.7, majority=False)]
    (bars,) = lanes(faults, closest_s=1).values()
    assert [(bar.start_s, bar.end_s, bar.majority, len(bar.targets)) for bar in bars] == [
        (0, 2, True, 2),
        (5, 6, True, 1),
        (1.6, 1.7, False, 1),
    ]


def test_times_without_a_majority_are_told_once() -> None:
    gone = [fault(at, at + 2, f"kind{at}", majority=False) for at in (7, 1, 2)]
    assert without_majority([fault(0, 9), *gone]) == [(1, 4), (7, 9)]
