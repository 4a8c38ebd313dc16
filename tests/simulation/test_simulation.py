"""The simulator finds nothing in the code as it is, and something in each that lacks a guard."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from simulation.mutations import MUTATIONS
from simulation.run import verdicts
from simulation.scenario import run_seed

SEEDS = int(os.environ.get("QUORATE_SIM_SEEDS", "120"))
"""For each size. `make simulate` runs more."""
WORKERS = min(4, os.cpu_count() or 1)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("nodes", [3, 5])
def test_nothing_acknowledged_is_lost_doubled_or_reordered_whatever_fails(nodes: int) -> None:
    jobs = [(seed, nodes) for seed in range(1, SEEDS // (1 if nodes == 3 else 2) + 1)]
    found = [v for v in verdicts(jobs, WORKERS, None, keep=False) if not v.ok]
    assert not found, "\n".join(
        f"make simulate SEED={verdict.seed} NODES={nodes}: {verdict.violations[:3]}"
        for verdict in found
    )


def test_a_run_does_what_it_is_there_for() -> None:
    counts = run_seed(3, 3).counts
    assert counts["acknowledged"] > 100
    assert counts["reads"] > 30
    assert counts["snapshots written"] > 5
    assert counts["elections"] > 2


def test_one_seed_is_one_run() -> None:
    first, second = run_seed(2, 3), run_seed(2, 3)
    assert first.trace_digest == second.trace_digest
    assert first.counts == second.counts


def test_a_seed_is_the_same_run_under_another_hash_seed() -> None:
    script = "from simulation.scenario import run_seed; print(run_seed(2, 5).trace_digest)"
    digests = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONHASHSEED": hashes},
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hashes in ("1", "2")
    ]
    assert digests[0] == digests[1]


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("mutation", "within_seeds"),
    [
        ("unknown-called-definite", 10),
        ("append-truncates", 10),
        ("read-in-unproven-term", 30),
        ("journal-reset-at-start", 20),
    ],
)
def test_a_missing_guard_is_found(mutation: str, within_seeds: int) -> None:
    assert mutation in MUTATIONS
    jobs = [(seed, (3, 5)[seed % 2]) for seed in range(1, within_seeds + 1)]
    assert any(not verdict.ok for verdict in verdicts(jobs, WORKERS, mutation, keep=False))
