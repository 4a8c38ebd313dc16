"""A short chaos run on real nodes; and that a run with a broken promise is found out.

QUORATE_CHAOS_SECONDS and QUORATE_CHAOS_SEED make it longer or another one; `make chaos` is the same
program by hand.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.cluster

TESTS = Path(__file__).parents[1]
SECONDS = float(os.environ.get("QUORATE_CHAOS_SECONDS", "30"))
SEED = os.environ.get("QUORATE_CHAOS_SEED", "20261125")
ALL_IS_WELL, PROMISE_BROKEN = 0, 1


def chaos(folder: Path, *flags: str) -> tuple[int, str]:
    """Run a program of its own: it goes on in a network of its own where it can."""
    ran = subprocess.run(
        [sys.executable, "-m", "chaos.run", "--out", str(folder), *flags],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout


def report_of(folder: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((folder / "report.json").read_text())
    return document


@pytest.mark.timeout(SECONDS + 300)
def test_every_promise_is_kept_under_chaos(tmp_path: Path) -> None:
    status, said = chaos(tmp_path, "--seconds", str(SECONDS), "--seed", SEED)
    assert status == ALL_IS_WELL, said
    report = report_of(tmp_path)
    ballots = report["ballots"]
    assert (ballots["lost"], ballots["doubled"], ballots["unresolved"]) == (0, 0, 0)
    assert ballots["acknowledged"] > 0, "nothing was tried"
    assert report["faults"]["done"], "nothing was broken"
    assert (tmp_path / "report.html").read_text().startswith("<!DOCTYPE html>")
    assert (tmp_path / "history.jsonl").stat().st_size > 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("broken", "kinds", "rules"),
    [
        ("acknowledge-before-commit", "kill-all,kill-leader", {"lost-ballot"}),
        ("no-dedup", "none", {"doubled-ballot", "two-ballots-of-one-voter"}),
    ],
)
def test_a_broken_promise_makes_the_checker_red(
    tmp_path: Path, broken: str, kinds: str, rules: set[str]
) -> None:
    status, said = chaos(
        tmp_path, "--seconds", "6", "--seed", "1", "--kinds", kinds, "--break", broken
    )
    assert status == PROMISE_BROKEN, said
    assert rules <= {violation["rule"] for violation in report_of(tmp_path)["violations"]["first"]}
