"""SIGKILL in the middle of voting: every acknowledged ballot is counted, and counted once.

`QUORATE_SEEDS=1,2,3` runs other schedules than the one that is run by default.
"""

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.ballots import CALLERS, Ballots
from support.cluster import LocalCluster, eventually

pytestmark = pytest.mark.cluster

SEEDS = [int(seed) for seed in os.environ.get("QUORATE_SEEDS", "1").split(",")]
KILLS = 12
ANSWERS_BETWEEN = 40  # ballots answered before and after each kill
SNAPSHOT_ENTRIES = 20  # so low that logs are cut, and snapshots sent, all the time


class Killer:
    """A seeded schedule of SIGKILLs."""

    def __init__(self, cluster: LocalCluster, ballots: Ballots, rng: random.Random) -> None:
        self._cluster, self._ballots, self._dice = cluster, ballots, rng

    def run(self) -> None:
        for _ in range(KILLS):
            self._wait_for_answers()
            kill = self._dice.choice([self._leader, self._follower, self._leader, self._all])
            kill()

    def _leader(self) -> None:
        self._bounce(self._cluster.leader())

    def _follower(self) -> None:
        leader = self._cluster.leader()
        self._bounce(self._dice.choice([n for n in self._cluster.names if n != leader]))

    def _bounce(self, name: str) -> None:
        self._cluster.kill(name)
        if self._dice.random() < 0.7:
            self._wait_for_answers()
        self._cluster.start(name)
        if self._dice.random() < 0.5:
            self._cluster.wait_ready(name)

    def _all(self) -> None:
        for name in self._dice.sample(self._cluster.names, k=3):
            self._cluster.kill(name)
        for name in self._dice.sample(self._cluster.names, k=3):
            self._cluster.start(name)

    def _wait_for_answers(self) -> None:
        self._ballots.wait_for_answers(self._dice.randint(1, 2 * ANSWERS_BETWEEN))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_acknowledged_ballot_is_counted_exactly_once_whoever_is_killed(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_NODE_RAFT__SNAPSHOT_ENTRIES", str(SNAPSHOT_ENTRIES))
    dice = random.Random(seed)  # noqa: S311 - not for secrets
    with (
        LocalCluster(tmp_path, lab=True) as cluster,
        ThreadPoolExecutor(CALLERS) as pool,
        Ballots(cluster, dice) as ballots,
    ):
        ballots.prepare()
        ballots.start(pool)
        Killer(cluster, ballots, dice).run()
        ballots.finish()
        cluster.wait_ready()
        results = eventually(
            ballots.all_results, "all elections are closed", 2.0 * ballots.voting_s
        )
        ballots.cast_again()

        assert results == [ballots.expected()] * 3
        assert ballots.wrong == []
        assert cluster.same_digest()
        assert [name for name, p in cluster.processes.items() if p.poll() is not None] == []
        assert [n for n in cluster.names if b"fail-stop" in cluster.log(n).read_bytes()] == []
