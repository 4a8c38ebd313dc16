"""Voters who cast ballots all the time, and what they were told: the load under every fault."""

import itertools
import queue
import random
import threading
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from time import time
from types import TracebackType
from typing import Self, cast

import grpc
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
    """Voters who cast ballots through any node of a lab, with retries, until told to stop.

    `voting_s`: seconds until the elections end; ballots after that are rejected, which is right.
    """

    def __init__(
        self,
        cluster: LocalCluster,
        rng: random.Random,
        *,
        voters: int = 60,
        elections: int = 100,
        voting_s: int = 20,
    ) -> None:
        self.voters, self.elections, self.voting_s = voters, elections, voting_s
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
        keys = [Ed25519PrivateKey.generate() for _ in range(self.voters)]
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(self._register, range(self.voters), keys))
            self._tokens = list(pool.map(self._token, range(self.voters), keys))
            names = [f"election {number:03}" for number in range(self.elections)]
            end_s = int(time()) + self.voting_s
            list(pool.map(self._create, names, itertools.repeat(end_s)))
        ballots = [
            Ballot(self._dice.randbytes(16), voter, name, self._dice.choice(CHOICES))
            for voter, name in itertools.product(range(self.voters), names)
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

    def wait_for_answers(self, count: int) -> None:
        """Wait until so many ballots more have their answer."""
        enough = len(self.answers) + count
        eventually(lambda: len(self.answers) >= enough, "ballots are answered")

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

        def again(ballot: Ballot) -> None:
            self._expect(COUNTED, ballot, nodes)

        acknowledged = [ballot for ballot, told in self.answers.items() if told == COUNTED]
        with ThreadPoolExecutor(CALLERS) as pool:
            list(pool.map(again, acknowledged))
