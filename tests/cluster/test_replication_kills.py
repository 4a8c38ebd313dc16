"""SIGKILL in the middle of voting: every acknowledged ballot is counted, and counted once.

`QUORATE_SEEDS=1,2,3` runs other schedules than the one that is run by default.
"""

import itertools
import os
import queue
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import time
from types import TracebackType
from typing import Self, cast

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quorate_proto.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    ballot_pb2,
    ballot_pb2_grpc,
    election_pb2,
    election_pb2_grpc,
    roll_pb2,
    roll_pb2_grpc,
)
from support.cluster import LocalCluster, eventually

pytestmark = pytest.mark.cluster

SEEDS = [int(seed) for seed in os.environ.get("QUORATE_SEEDS", "1").split(",")]
KILLS = 12
ANSWERS_BETWEEN = 40  # ballots answered before and after each kill
SNAPSHOT_ENTRIES = 20  # so low that logs are cut, and snapshots sent, all the time
VOTERS, ELECTIONS = 60, 100
VOTING_S = 20  # until the elections end; ballots after that are rejected, which is right too
CHOICES = ("yes", "no", "abstain")
CALLERS = 6
CALL_S = 3.0

COUNTED = ballot_pb2.CAST_BALLOT_OUTCOME_COUNTED
CLOSED = ballot_pb2.CAST_BALLOT_OUTCOME_ELECTION_CLOSED
ALREADY_CAST = ballot_pb2.CAST_BALLOT_OUTCOME_ALREADY_CAST
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
FAST_REDIAL = (("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 300))


@dataclass(frozen=True)
class Ballot:
    """One that must be counted at most once, however often it is sent."""

    request_id: bytes
    voter: int
    election: str
    choice: str


class Ballots:
    """Voters who cast ballots through any node, with retries, until told to stop."""

    def __init__(self, cluster: LocalCluster, rng: random.Random) -> None:
        self._stack = ExitStack()
        self._channels = [
            self._stack.enter_context(
                grpc.insecure_channel(cluster.endpoints[name], options=FAST_REDIAL)
            )
            for name in cluster.names
        ]
        self._dice = rng
        self._tokens: list[bytes] = []
        self._todo: queue.SimpleQueue[Ballot] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._callers: list[Future[None]] = []
        self.answers: dict[Ballot, int] = {}
        self.wrong: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping.set()
        self._stack.close()

    # ------------------------------------------------------------------ before

    def prepare(self) -> None:
        """Register the voters, create the elections, shuffle who votes where and when."""
        keys = [Ed25519PrivateKey.generate() for _ in range(VOTERS)]
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(self._register, range(VOTERS), keys))
            self._tokens = list(pool.map(self._token, range(VOTERS), keys))
            names = [f"election {number:03}" for number in range(ELECTIONS)]
            end_s = int(time()) + VOTING_S
            list(pool.map(self._create, names, itertools.repeat(end_s)))
        ballots = [
            Ballot(self._dice.randbytes(16), voter, name, self._dice.choice(CHOICES))
            for voter, name in itertools.product(range(VOTERS), names)
        ]
        self._dice.shuffle(ballots)
        for ballot in ballots:
            self._todo.put(ballot)

    def _register(self, voter: int, key: Ed25519PrivateKey) -> None:
        request = roll_pb2.RegisterVoterRequest(
            request_id=voter.to_bytes(16),
            name=f"voter {voter}",
            group="all",
            public_key=key.public_key().public_bytes_raw(),
        )
        stub = roll_pb2_grpc.RollServiceStub(self._channels[0])
        outcome = stub.RegisterVoter(request, timeout=10).outcome
        assert outcome == roll_pb2.REGISTER_VOTER_OUTCOME_REGISTERED

    def _token(self, voter: int, key: Ed25519PrivateKey) -> bytes:
        stub, name = auth_pb2_grpc.AuthServiceStub(self._channels[0]), f"voter {voter}"
        challenge = stub.GetChallenge(auth_pb2.GetChallengeRequest(voter_name=name), timeout=10)
        request = auth_pb2.AuthenticateRequest(
            voter_name=name, signature=key.sign(challenge.challenge)
        )
        return stub.Authenticate(request, timeout=10).token

    def _create(self, name: str, end_s: int) -> None:
        request = election_pb2.CreateElectionRequest(
            request_id=name.encode().ljust(16), name=name, groups=["all"], choices=CHOICES
        )
        request.token = self._tokens[0]
        request.end_time.FromSeconds(end_s)
        stub = election_pb2_grpc.ElectionServiceStub(self._channels[0])
        outcome = stub.CreateElection(request, timeout=10).outcome
        assert outcome == election_pb2.CREATE_ELECTION_OUTCOME_CREATED

    # ------------------------------------------------------------------ voting

    def start(self, pool: ThreadPoolExecutor) -> None:
        """Cast in the background."""
        self._callers = [
            pool.submit(self._cast_all, number, random.Random(self._dice.random()))  # noqa: S311 - dice
            for number in range(CALLERS)
        ]

    def finish(self) -> None:
        """Take no new ballot; return once each that was begun has its answer."""
        self._stopping.set()
        for caller in self._callers:
            caller.result()

    def _cast_all(self, number: int, dice: random.Random) -> None:
        nodes = itertools.count(number)
        while not self._stopping.is_set():
            ballot = self._todo.get_nowait()
            self.answers[ballot] = self._cast(ballot, nodes)
            whim = dice.random()
            if whim < 0.1:
                self._expect(self.answers[ballot], ballot, nodes)
            elif whim < 0.2 and self.answers[ballot] == COUNTED:
                other = Ballot(dice.randbytes(16), ballot.voter, ballot.election, "no")
                self._expect(ALREADY_CAST, other, nodes)

    def _expect(self, outcome: int, ballot: Ballot, nodes: "itertools.count[int]") -> None:
        told = self._cast(ballot, nodes)
        if told not in (outcome, CLOSED) or (outcome == COUNTED and told != COUNTED):
            self.wrong.append(f"{ballot}: expected {outcome}, was told {told}")

    def _cast(self, ballot: Ballot, nodes: "itertools.count[int]") -> int:
        request = ballot_pb2.CastBallotRequest(
            request_id=ballot.request_id,
            election_name=ballot.election,
            choice=ballot.choice,
            token=self._tokens[ballot.voter],
        )
        for tries in itertools.count():
            channel = self._channels[next(nodes) % len(self._channels)]
            stub = ballot_pb2_grpc.BallotServiceStub(channel)
            wait = tries >= len(self._channels)  # none answered: wait for one to come up
            try:
                return stub.CastBallot(request, timeout=CALL_S, wait_for_ready=wait).outcome
            except grpc.RpcError as flaw:
                if cast(grpc.Call, flaw).code() not in PASSING:
                    raise
        raise AssertionError

    # ------------------------------------------------------------------ after

    def all_results(self) -> list[dict[str, dict[str, int]]] | None:
        """Return what each node says that every election's result is, once all are closed."""
        elections = sorted({ballot.election for ballot in self.answers})
        seen: list[dict[str, dict[str, int]]] = []
        for channel in self._channels:
            stub = election_pb2_grpc.ElectionServiceStub(channel)
            results: dict[str, dict[str, int]] = {}
            for name in elections:
                request = election_pb2.GetResultsRequest(name=name)
                reply = stub.GetResults(request, timeout=10, wait_for_ready=True)
                if reply.outcome != election_pb2.GET_RESULTS_OUTCOME_AVAILABLE:
                    return None
                results[name] = {count.choice: count.count for count in reply.counts}
            seen.append(results)
        return seen

    def expected(self) -> dict[str, dict[str, int]]:
        """Return what the acknowledged ballots add up to."""
        counted = Counter(
            (b.election, b.choice) for b, told in self.answers.items() if told == COUNTED
        )
        elections = sorted({ballot.election for ballot in self.answers})
        return {name: {choice: counted[name, choice] for choice in CHOICES} for name in elections}

    def cast_again(self) -> None:
        """Repeat every acknowledged ballot under its own id."""
        nodes = itertools.count()
        for ballot, told in self.answers.items():
            if told == COUNTED:
                self._expect(COUNTED, ballot, nodes)


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
        enough = len(self._ballots.answers) + self._dice.randint(1, 2 * ANSWERS_BETWEEN)
        done: Callable[[], bool] = lambda: len(self._ballots.answers) >= enough  # noqa: E731
        eventually(done, "ballots are answered")


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
        results = eventually(ballots.all_results, "all elections are closed", 2.0 * VOTING_S)
        ballots.cast_again()

        assert results == [ballots.expected()] * 3
        assert ballots.wrong == []
        assert cluster.same_digest()
        assert [name for name, p in cluster.processes.items() if p.poll() is not None] == []
        assert [n for n in cluster.names if b"fail-stop" in cluster.log(n).read_bytes()] == []
