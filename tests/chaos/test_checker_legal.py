"""No false alarm in what a flawless cluster may leave behind, and no mutant of it passes."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chaos.checker import check
from chaos.legal_runs import Size, dice, legal_run
from chaos.records import Op, Run, Verdict

sizes = st.builds(
    Size,
    elections=st.integers(1, 3),
    voters=st.integers(1, 8),
    calls=st.integers(0, 100),
    unknown=st.sampled_from([0.0, 0.15, 0.6]),
    bent=st.booleans(),
)
ALL_ANSWERED = Size(elections=1, voters=6, calls=60, unknown=0.0, not_done=0.0)


@given(st.integers(0, 2**32), sizes)
def test_a_lawful_run_is_never_blamed(seed: int, size: Size) -> None:
    verdict = check(legal_run(dice(seed), size))
    assert verdict.violations == ()
    assert verdict.undecided == 0


@given(st.integers(0, 2**32))
def test_the_order_in_which_calls_were_written_down_does_not_matter(seed: int) -> None:
    run = legal_run(dice(seed), Size())
    in_order = replace(run, ops=tuple(sorted(run.ops, key=lambda op: op.end_s)))
    assert check(run) == check(in_order)


FEWER = settings(max_examples=settings().max_examples // 5)
"""There are many kinds of mutants."""

Mutate = Callable[[Run, Random], Run]


def _some(random: Random, ops: list[Op]) -> Op:
    assume(ops)
    return random.choice(ops)


def _with_counts(run: Run, election: str, change: Mapping[str, int]) -> Run:
    """Let all nodes, and whoever read them, agree on changed counts."""

    def changed(counts: Mapping[str, int]) -> dict[str, int]:
        return {choice: count + change.get(choice, 0) for choice, count in counts.items()}

    finals = [
        replace(f, results={**f.results, election: changed(f.results[election])})
        for f in run.finals
    ]
    ops = [
        replace(op, counts=changed(op.counts)) if op.counts and op.election == election else op
        for op in run.ops
    ]
    return replace(run, finals=tuple(finals), ops=tuple(ops))


def _exchange(run: Run, old: Op, new: Op) -> Run:
    return replace(run, ops=tuple(new if op is old else op for op in run.ops))


def _counted(run: Run, random: Random) -> Op:
    return _some(random, [op for op in run.ops if op.outcome == "COUNTED" and op.choice])


def _lose(run: Run, random: Random) -> Run:
    ballot = _counted(run, random)
    return _with_counts(run, ballot.election, {ballot.choice: -1})


def _double(run: Run, random: Random) -> Run:
    ballot = _counted(run, random)
    return _with_counts(run, ballot.election, {ballot.choice: 1})


def _swap_ballots(run: Run, random: Random) -> Run:
    ballot = _counted(run, random)
    other = "no" if ballot.choice == "yes" else "yes"
    return _with_counts(run, ballot.election, {ballot.choice: -1, other: 1})


def _swap_counts(run: Run, random: Random) -> Run:
    read = _some(random, [op for op in run.ops if len(set(op.counts.values())) > 1])
    choices = sorted(read.counts, key=lambda choice: read.counts[choice])
    lowest, highest = choices[0], choices[-1]
    swapped = {lowest: read.counts[highest], highest: read.counts[lowest]}
    return _exchange(run, read, replace(read, counts={**read.counts, **swapped}))


def _close_before_creation(run: Run, random: Random) -> Run:
    read = _some(random, [op for op in run.ops if op.outcome in {"AVAILABLE", "CLOSED"}])
    return _exchange(run, read, replace(read, start_s=-2.0, end_s=-1.0))


def _open_after_close(run: Run, random: Random) -> Run:
    read = _some(random, [op for op in run.ops if op.outcome in {"OPEN", "ELECTION_OPEN"}])
    return _exchange(run, read, replace(read, start_s=90.0, end_s=91.0))


def _count_after_close(run: Run, random: Random) -> Run:
    ballot = _counted(run, random)
    key = ballot.election, ballot.request_id
    late = [
        replace(op, start_s=90.0, end_s=91.0) if (op.election, op.request_id) == key else op
        for op in run.ops
    ]
    return replace(run, ops=tuple(late))


def _forget_the_answer(run: Run, random: Random) -> Run:
    ballot = _counted(run, random)
    again = replace(ballot, start_s=90.0, end_s=91.0, outcome="ALREADY_CAST")
    return replace(run, ops=(*run.ops, again))


def _check_before_cast(run: Run, random: Random) -> Run:
    ballot = _counted(run, random)
    check_op = replace(ballot, kind="check", choice="", start_s=-2.0, end_s=-1.0)
    return replace(run, ops=(*run.ops, check_op))


def _let_a_second_voter_in(run: Run, random: Random) -> Run:
    refused = _some(random, [op for op in run.ops if op.outcome == "ALREADY_CAST"])
    return _exchange(run, refused, replace(refused, outcome="COUNTED"))


def _vanish(run: Run, random: Random) -> Run:
    created = _some(random, [op for op in run.ops if op.outcome == "CREATED"])
    finals = [
        replace(f, results={n: c for n, c in f.results.items() if n != created.election})
        for f in run.finals
    ]
    return replace(run, finals=tuple(finals))


@pytest.mark.parametrize(
    ("mutate", "rule"),
    [
        (_lose, "lost-ballot"),
        (_double, "doubled-ballot"),
        (_swap_ballots, "lost-ballot"),
        (_swap_counts, "results-changed"),
        (_close_before_creation, "spooky-election"),
        (_open_after_close, "reopened"),
        (_count_after_close, "cast-after-close"),
        (_forget_the_answer, "first-answer"),
        (_check_before_cast, "ballot-from-nowhere"),
        (_let_a_second_voter_in, "two-ballots-of-one-voter"),
        (_vanish, "spooky-election"),
    ],
)
@FEWER
@given(seed=st.integers(0, 2**32))
def test_a_mutant_is_caught(mutate: Mutate, rule: str, seed: int) -> None:
    random = dice(seed)
    run = legal_run(random, ALL_ANSWERED)
    assert rule in _rules(check(mutate(run, random)))


def _rules(verdict: Verdict) -> set[str]:
    return {violation.rule for violation in verdict.violations}


@FEWER
@given(seed=st.integers(0, 2**32))
def test_a_check_that_says_counted_for_what_is_not_is_caught(seed: int) -> None:
    random = dice(seed)
    run = legal_run(random, ALL_ANSWERED)
    counted = {(op.election, op.request_id) for op in run.ops if op.outcome == "COUNTED"}
    checks = [op for op in run.ops if op.kind == "check"]
    op = _some(random, [op for op in checks if (op.election, op.request_id) not in counted])
    assert not check(_exchange(run, op, replace(op, outcome="COUNTED"))).good
