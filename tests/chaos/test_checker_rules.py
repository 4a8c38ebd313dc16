"""Every rule: a minimal history that breaks it is caught under its name, and in words."""

import re
from dataclasses import replace
from typing import Any

import pytest

from chaos import checker
from chaos.made_runs import (
    CLOSES,
    Change,
    ask,
    cast,
    create,
    extend,
    last_words,
    look,
    op,
    results,
    spoil,
    stuck,
)
from chaos.records import NOT_DONE, UNKNOWN

DORA = cast("dora", "yes", "COUNTED", 13, 14)
DORA_UNKNOWN = cast("dora", "yes", UNKNOWN, 11, 12)
DORA_CLOSED = cast("dora", "yes", "ELECTION_CLOSED", 39.5, 39.6)


def _one(**more: Any) -> Change:
    """Change what one node says in the end."""
    first, second, third = last_words()
    return spoil(finals=[first, replace(second, **more), third])


BROKEN: list[tuple[set[str], Change, str]] = [
    # every ballot exactly once
    (
        {"lost-ballot"},
        spoil(yes=0),
        "budget on n1, n2, n3: yes has 0 of 1 acknowledged: of-anna at 2.100 s",
    ),
    (
        {"lost-ballot", "results-changed", "results-differ"},
        _one(results={"budget": {"yes": 0, "no": 1}}),
        "budget on n2: yes has 0 of 1 acknowledged",
    ),
    (
        {"lost-ballot"},
        spoil(DORA_UNKNOWN, ask("dora", "COUNTED", 13, 14)),
        "yes has 1 of 2 acknowledged: of-anna at 2.100 s, of-dora at 14.000 s",
    ),
    (
        {"lost-ballot"},
        spoil(DORA, cast("dora", "no", "COUNTED", 15, 16)),
        "2 ballots of 3 voters who were told COUNTED",
    ),
    ({"doubled-ballot"}, spoil(yes=2), "n3: yes has 2, and at most 1 may be counted"),
    ({"doubled-ballot"}, spoil(cast("dora", "yes", NOT_DONE, 11, 12), yes=2), "yes has 2"),
    ({"doubled-ballot"}, spoil(DORA_CLOSED, yes=2), "yes has 2"),
    ({"doubled-ballot"}, spoil(DORA_UNKNOWN, DORA_CLOSED, yes=2), "yes has 2, and at most 1"),
    (
        {"doubled-ballot", "unresolved"},
        spoil(DORA_UNKNOWN, yes=3),
        "yes has 3, and at most 2 may be counted",
    ),
    (
        {"doubled-ballot", "unresolved"},
        spoil(
            cast("dora", "yes", UNKNOWN, 11, 12, request_id="a"),
            cast("dora", "no", UNKNOWN, 11, 12, request_id="b"),
            cast("zoe", "no", NOT_DONE, 11, 12),
            yes=2,
            no=2,
        ),
        "4 ballots of at most 3",
    ),
    (
        {"two-ballots-of-one-voter", "not-linearizable"},
        spoil(cast("anna", "no", "COUNTED", 11, 12, request_id="other"), no=2),
        (
            "budget: anna has 2 counted: cast of-anna by anna told COUNTED at 2.000-2.100 s (p1); "
            "cast other by anna"
        ),
    ),
    # none from nowhere
    ({"ballot-from-nowhere"}, spoil(maybe=1), "n3: maybe has 1, cast by nobody"),
    (
        {"ballot-from-nowhere", "unresolved"},
        spoil(
            cast("dora", "yes", UNKNOWN, 11, 12, request_id="a"),
            cast("dora", "no", UNKNOWN, 11, 12, request_id="b"),
            without=[("cast", "ELECTION_CLOSED")],
            yes=2,
            no=2,
        ),
        "4 ballots of at most 3",
    ),
    (
        {"ballot-from-nowhere"},
        spoil(ask("dora", "COUNTED", 11, 12), DORA, yes=2),
        "dora, sent in vain 0 times by then: check of-dora by dora told COUNTED at 11.000-12.000 s",
    ),
    ({"ballot-from-nowhere"}, spoil(also={"ghost": {}}), "ghost is there on n1, n2, n3"),
    # the true first answer
    (
        {"first-answer", "not-linearizable"},
        spoil(cast("anna", "yes", "ELECTION_CLOSED", 50, 51)),
        (
            "budget: cast of-anna by anna, first: cast of-anna by anna told COUNTED at "
            "2.000-2.100 s (p1), then cast of-anna by anna told ELECTION_CLOSED at 50.000-51.000 s"
        ),
    ),
    ({"first-answer"}, spoil(cast("anna", "yes", "INVALID_TOKEN", 50, 51)), "INVALID_TOKEN"),
    (
        {"first-answer", "not-linearizable"},
        spoil(extend(40, "ELECTION_CLOSED", 50, 51)),
        "budget: extend to-40 by carl, first: extend to-40 by carl told EXTENDED",
    ),
    (
        {"first-answer", "not-linearizable"},
        spoil(create("carl", "NAME_TAKEN", 50, 51)),
        "budget: create by-carl by carl, first: create by-carl by carl told CREATED",
    ),
    (
        {"first-answer"},
        spoil(op("register", "REPLACED", 11, 12, voter="anna", request_id="r1", election="")),
        "register r1 by anna, first: register r1 by anna told REGISTERED",
    ),
    (
        {"rejected-then-counted", "not-linearizable"},
        spoil(cast("dora", "yes", "ALREADY_CAST", 11, 12), DORA, yes=2),
        "for good: cast of-dora by dora told ALREADY_CAST at 11.000-12.000 s (p1), then cast",
    ),
    (
        {"rejected-then-counted"},
        spoil(DORA_CLOSED, cast("dora", "yes", "COUNTED", 39.7, 39.9), yes=2),
        "for good: cast of-dora by dora told ELECTION_CLOSED at 39.500-39.600 s (p1), then cast",
    ),
    (
        {"rejected-then-counted", "not-linearizable"},
        spoil(
            DORA_UNKNOWN,
            cast("dora", "yes", "ELECTION_CLOSED", 42, 43),
            cast("dora", "no", "ELECTION_CLOSED", 42, 43, request_id="other"),
            ask("dora", "COUNTED", 42.5, 44),
            yes=2,
        ),
        "for good: cast of-dora by dora told ELECTION_CLOSED",
    ),
    (
        {"rejected-then-counted"},
        spoil(DORA_CLOSED, ask("dora", "COUNTED", 39.7, 39.9), yes=2),
        "sent in vain: cast of-dora by dora told ELECTION_CLOSED at 39.500-39.600 s (p1), then",
    ),
    (
        {"check-contradicted", "not-linearizable"},
        spoil(DORA, ask("dora", "NOT_COUNTED", 46, 47), yes=2),
        "final: check of-dora by dora told NOT_COUNTED at 46.000-47.000 s (p1), then cast",
    ),
    (
        {"stale-check", "not-linearizable"},
        spoil(DORA, ask("dora", "NOT_COUNTED_YET", 15, 16), yes=2),
        "first: cast of-dora by dora told COUNTED at 13.000-14.000 s (p1), then check of-dora",
    ),
    (
        {"unresolved"},
        spoil(DORA_UNKNOWN, ask("dora", "NOT_COUNTED_YET", 13, 14)),
        "budget: cast of-dora by dora, asked 1 times",
    ),
    # closing
    (
        {"cast-after-close", "not-linearizable"},
        spoil(cast("dora", "yes", "COUNTED", 42, 43), yes=2),
        "of-dora was not sent before 42.000 s, and results of n1 told AVAILABLE at 41.000-41.100 s",
    ),
    (
        {"cast-after-close", "not-linearizable"},
        spoil(
            cast("dora", "yes", NOT_DONE, 40, 40.5), cast("dora", "yes", "COUNTED", 42, 43), yes=2
        ),
        "of-dora was not sent before 42.000 s",
    ),
    (
        {"cast-after-close"},
        spoil(cast("dora", "yes", "COUNTED", 44, 45), without=CLOSES, yes=2),
        "of-dora was not sent before 44.000 s, 4.000 s after the end",
    ),
    ({"reopened", "not-linearizable"}, spoil(look("OPEN", 50, 51, 40)), "then election of n2"),
    ({"reopened", "not-linearizable"}, spoil(results(50, 51)), "told ELECTION_OPEN"),
    (
        {"reopened", "not-linearizable"},
        spoil(ask("zoe", "NOT_COUNTED_YET", 50, 51)),
        "then check of-zoe by zoe told NOT_COUNTED_YET at 50.000-51.000 s",
    ),
    (
        {"reopened", "not-linearizable"},
        spoil(cast("anna", "no", "ALREADY_CAST", 50, 51, request_id="other")),
        "then cast other by anna told ALREADY_CAST",
    ),
    ({"reopened", "not-linearizable"}, spoil(extend(60, "EXTENDED", 50, 51)), "told EXTENDED"),
    (
        {"closed-early"},
        spoil(look("CLOSED", 37, 37.5, 40)),
        "budget: election of n2 told CLOSED at 37.000-37.500 s (p1), 2.500 s before its end",
    ),
    (
        {"closed-early"},
        spoil(cast("dora", "yes", "ELECTION_CLOSED", 20, 21)),
        "19.000 s before its end",
    ),
    # there, once and for ever
    (
        {"spooky-election", "lost-ballot", "results-changed"},
        spoil(finals=[replace(final, results={}) for final in last_words()]),
        "budget is not there on n1, n2, n3 in the end: create by-carl by carl told CREATED",
    ),
    ({"spooky-election", "not-linearizable"}, spoil(look("NOT_FOUND", 11, 12, 0)), "NOT_FOUND"),
    (
        {"spooky-election", "not-linearizable"},
        spoil(create("zoe", "CREATED", 11, 12)),
        "budget was created 2 times: create by-carl",
    ),
    (
        {"spooky-election", "not-linearizable"},
        spoil(look("OPEN", 11, 12, 30)),
        "the end moved from 1700000040000000 back to 1700000030000000",
    ),
    (
        {"spooky-election", "not-linearizable"},
        spoil(look("OPEN", 7.2, 7.3, 33)),
        "nobody had asked for the end 1700000033000000",
    ),
    (
        {"spooky-election", "ballot-from-nowhere", "not-linearizable"},
        spoil(without=[("create", "CREATED")]),
        "budget was created by nobody, yet cast of-anna",
    ),
    # results and nodes
    (
        {"results-changed"},
        spoil(results(50, 51, yes=2, no=0)),
        (
            "told AVAILABLE at 41.000-41.100 s (p1): no 1, yes 1; then results of n1 told "
            "AVAILABLE at 50.000-51.000 s (p1): no 0, yes 2"
        ),
    ),
    (
        {"results-differ", "results-changed", "lost-ballot", "doubled-ballot"},
        _one(results={"budget": {"yes": 2, "no": 0}}),
        "budget: n1, n3: no 1, yes 1; n2: no 0, yes 2",
    ),
    ({"digests-differ"}, _one(digest="d2"), "at index 7: n1, n3: d1; n2: d2"),
    ({"not-converged"}, _one(applied_index=6), "did not get equally far: n1, n3: 7; n2: 6"),
    ({"not-converged"}, spoil(finals=last_words()[:2]), "no last word of n3"),
    # service
    (
        {"service-not-back"},
        spoil(*stuck(20), DORA_CLOSED, faults=[("kill-all", 11, 12.4)]),
        (
            "kill-all of n1 at 11.000-12.400 s: no change asked for from 12.500 s on was answered "
            "by 27.500 s"
        ),
    ),
    (
        {"service-not-back"},
        spoil(*stuck(20), DORA_CLOSED, majority=True, faults=[("kill-leader", 12.4, 39.4)]),
        "kill-leader of n1 at 12.400-39.400 s",
    ),
    # what only an order tells
    (
        {"not-linearizable"},
        spoil(cast("dora", "no", "ALREADY_CAST", 11, 12, request_id="other"), DORA, yes=2),
        "dora's ballot in budget: no order",
    ),
    (
        {"not-linearizable"},
        spoil(cast("anna", "maybe", "CHOICE_NOT_FOUND", 11, 12, request_id="other")),
        "CHOICE_NOT_FOUND",
    ),
    ({"not-linearizable"}, spoil(extend(50, "NOT_CREATOR", 11, 12)), "the life of budget"),
    (
        {"not-linearizable"},
        spoil(extend(50, "END_TIME_NOT_LATER", 11, 12)),
        (
            "explains Refused(who=('carl', 'to-50'), end_us=1700000050000000, "
            "outcome='END_TIME_NOT_LATER') at 11.000-12.000 s"
        ),
    ),
]


@pytest.mark.parametrize(
    ("rules", "change", "words"),
    BROKEN,
    ids=[f"{number}-{min(rules)}" for number, (rules, _, _) in enumerate(BROKEN)],
)
def test_a_broken_promise_is_caught(rules: set[str], change: Change, words: str) -> None:
    verdict = change().check()
    said = [f"{violation.rule}: {violation.what}" for violation in verdict.violations]
    assert {violation.rule for violation in verdict.violations} == rules
    assert words in "\n".join(said)
    assert not verdict.good


def test_every_rule_that_is_promised_is_broken_here() -> None:
    promised = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`[,;:]? ?", checker.__doc__ or ""))
    rules = set[str]().union(*(broken for broken, _, _ in BROKEN))
    assert {name for name in promised if "-" in name or name in rules} == rules


def test_the_verdict_counts_ballots_not_nodes() -> None:
    lost = spoil(DORA, yes=0)().check()
    assert (lost.lost, lost.doubled) == (2, 0)
    doubled = spoil(DORA_UNKNOWN, yes=4, no=2)().check()
    assert (doubled.lost, doubled.doubled, doubled.unresolved) == (0, 3, 1)


def test_a_second_ballot_is_doubled_once_whether_or_not_it_is_in_the_result() -> None:
    second = cast("anna", "no", "COUNTED", 11, 12, request_id="other")
    verdict = spoil(second, no=2)().check()
    assert (verdict.lost, verdict.doubled) == (0, 1)
    verdict = spoil(second)().check()
    assert (verdict.lost, verdict.doubled) == (1, 1)


def test_a_run_without_calls_is_judged_by_its_nodes() -> None:
    run = spoil()()
    run.ops.clear()
    rules = {violation.rule for violation in run.check().violations}
    assert rules == {"ballot-from-nowhere"}
