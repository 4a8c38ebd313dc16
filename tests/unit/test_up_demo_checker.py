"""The demo's verdict: each way in which the cluster could break its promise is seen."""

import asyncio
import io
import json
from collections.abc import Mapping
from dataclasses import replace

import pytest

from quorate_client.demo.checker import NodeAnswer, Told, problems
from quorate_client.demo.ledger import Ledger
from quorate_client.demo.ports import free_ports, plan_on_free_ports
from quorate_client.demo.report import Report, document, show
from quorate_client.up.console import PatientConsole

TOLD = Told(acknowledged={"a": 2, "b": 1}, rejected={}, not_cast={}, unknown=0)
GOOD = NodeAnswer({"a": 2, "b": 1, "c": 0}, applied_index=9, digest=b"\x01")
ANSWERS = {"n1": GOOD, "n2": GOOD, "n3": GOOD}


def test_a_promise_that_was_kept() -> None:
    assert problems(TOLD, ANSWERS) == []


def test_ballots_that_came_after_the_end_are_no_problem() -> None:
    assert problems(replace(TOLD, rejected={"ELECTION_CLOSED": 5}), ANSWERS) == []


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (replace(TOLD, unknown=1), "1 ballots never got an answer"),
        (replace(TOLD, rejected={"ALREADY_CAST": 2}), "2 ballots were rejected as ALREADY_CAST"),
        (replace(TOLD, not_cast={"not_done": 3}), "3 ballots were not cast (not_done)"),
    ],
)
def test_what_voters_must_not_be_told(told: Told, words: str) -> None:
    assert [problem for problem in problems(told, ANSWERS) if words in problem]


def test_an_election_without_a_ballot_proves_nothing() -> None:
    nothing = {name: replace(GOOD, counts={"a": 0}) for name in ANSWERS}
    told = Told(acknowledged={}, rejected={"ELECTION_CLOSED": 3}, not_cast={}, unknown=0)
    assert problems(told, nothing) == ["no ballot was acknowledged"]


@pytest.mark.parametrize(
    "counts",
    [{"a": 1, "b": 1}, {"a": 3, "b": 1}, {"a": 1, "b": 2}, {"a": 2}, {"a": 2, "b": 1, "x": 1}, {}],
    ids=["lost", "doubled", "changed", "forgotten", "spooky", "empty"],
)
def test_a_node_that_counts_something_else(counts: Mapping[str, int]) -> None:
    one = problems(TOLD, ANSWERS | {"n2": replace(GOOD, counts=counts)})
    assert any(problem.startswith("n2: ") for problem in one)
    assert "the nodes give different results" in one
    assert problems(TOLD, {name: replace(GOOD, counts=counts) for name in ANSWERS})


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (NodeAnswer({}, error="connection refused"), "n3: connection refused"),
        (replace(GOOD, digest=b"\x02"), "in different states"),
        (replace(GOOD, applied_index=8), "did not arrive at the same entry"),
        (replace(GOOD, digest=b""), "n3: the state could not be compared"),
    ],
)
def test_a_node_that_is_not_like_the_others(answer: NodeAnswer, words: str) -> None:
    found = problems(TOLD, ANSWERS | {"n3": answer})
    assert len(found) == 1
    assert words in found[0]


def report(found: tuple[str, ...]) -> Report:
    return Report(
        voters=3,
        seed=7,
        choices=("a", "b", "[red]c"),
        told=TOLD,
        answers=ANSWERS | {"n3": NodeAnswer({}, error="gone")},
        problems=found,
        killed="n1",
        longest_wait_s=1.25,
        took_s=9.5,
    )


@pytest.mark.parametrize(("found", "verdict"), [((), "PASS"), (("n3: gone",), "FAIL")])
def test_the_report_tells_the_verdict(found: tuple[str, ...], verdict: str) -> None:
    stream = io.StringIO()
    show(report(found), PatientConsole(stream))
    text = stream.getvalue()
    assert verdict in text
    assert all(problem in text for problem in found)
    assert "[red]c" in text
    assert "1.25 s" in text


def test_the_report_for_programs_is_json() -> None:
    told = json.loads(json.dumps(document(report(("n3: gone",)))))
    assert told["passed"] is False
    assert told["told"]["acknowledged"] == {"a": 2, "b": 1}
    assert told["nodes"]["n3"]["error"] == "gone"


async def test_the_ledger_wakes_those_who_wait_for_a_number_of_voters() -> None:
    ledger = Ledger()
    waiting = asyncio.create_task(ledger.reached(4))
    ledger.acknowledged["a"] += 1
    ledger.settle(0.5)
    ledger.rejected["ELECTION_CLOSED"] += 1
    ledger.settle(2.0)
    ledger.no_answer("not_done", perhaps=False)
    ledger.settle(1.0)
    assert (ledger.settled, waiting.done()) == (3, False)
    ledger.no_answer("not_done", perhaps=True)
    ledger.settle(1.0)
    await waiting
    assert (ledger.longest_wait_s, ledger.unknown, ledger.not_cast.total()) == (2.0, 1, 1)


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(30))) == 30
    assert len(plan_on_free_ports(3).nodes) == 3
