"""Which endpoint to try next, how long to wait, and when to give up: no clock, dice or wire.

The driver (`calls.py`) asks `next_step` and does what it says; it reports what became of each
attempt. The time and the dice are arguments, so that every run can be repeated in a test.

Rule 1. Nothing is tried, and nothing waited for, beyond the overall deadline.
Rule 2. One attempt gets a fraction of the overall time, so a frozen node cannot eat it all.
Rule 3. A round tries every endpoint once before it tries any of them twice.
Rule 4. The favourite goes first: the leader that a node hinted at, else the endpoint that
        answered first. It loses the favour when it fails.
Rule 5. An endpoint that failed lately goes last, even the favourite (for a while, nodes hint at a
        leader that has just died); it is avoided, never excluded.
Rule 6. After a full round comes a wait: exponential, jittered, at most MAX_WAIT_S. A leader
        election takes a few seconds, so the waits go on until the deadline.
Rule 7. Giving up is definite only if every attempt failed definitely. One attempt that may have
        been carried out makes the whole call indefinite, whatever the later ones said.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

FIRST_WAIT_S = 0.05
MAX_WAIT_S = 1.0
REMEMBER_FAILURE_S = 5.0
MIN_ATTEMPT_S = 0.001  # less is no attempt
TRIES_WITHIN_DEADLINE = 3  # what must fit into a short overall time


@dataclass(frozen=True, slots=True)
class Try:
    """Make an attempt, connecting included, that ends within `timeout_s` seconds."""

    endpoint: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `seconds`, then ask again."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The call is over. `definite`: it was certainly not carried out.

    `why`: the last reason that a node gave; if none did, the last reason not to have reached one.
    """

    definite: bool
    why: str


Step = Try | Wait | GiveUp


class Memory:
    """What the calls of one client learn about their endpoints, and tell each other.

    `endpoints` (host:port, at least one, no repeats) is the order among equals; a client shuffles
    it, so that many clients do not all begin with the same node.
    """

    def __init__(self, endpoints: Sequence[str]) -> None:
        if not endpoints:
            raise ValueError("a cluster has at least one endpoint")
        self.endpoints = tuple(dict.fromkeys(endpoints))
        self._favourite: str | None = None
        self._failed_at: dict[str, float] = {}

    def hint(self, leader: str) -> None:
        """Prefer the endpoint that is said to be the leader's; an unknown one is ignored."""
        if leader in self.endpoints:
            self._favourite = leader

    def answered(self, endpoint: str) -> None:
        """Forget the endpoint's failures; prefer it if nothing better is known."""
        self._failed_at.pop(endpoint, None)
        if self._favourite is None:
            self._favourite = endpoint

    def failed(self, endpoint: str, now: float) -> None:
        """Avoid the endpoint for REMEMBER_FAILURE_S."""
        self._failed_at[endpoint] = now
        if self._favourite == endpoint:
            self._favourite = None

    def best(self, candidates: Sequence[str], now: float) -> str:
        """Choose by rules 4 and 5 among `candidates` (at least one)."""

        def rank(endpoint: str) -> tuple[bool, bool, float]:
            failed_at = self._failed_at.get(endpoint, -math.inf)
            lately = now - failed_at < REMEMBER_FAILURE_S
            return lately, endpoint != self._favourite, failed_at if lately else 0.0

        return min(candidates, key=rank)


class Failover:
    """The attempts of one call.

    `now` is a monotonic clock in seconds, the same one in every method; `jitter` is in [0, 1).
    `indefinite` is set when an earlier call under the same request id may have been carried out.
    """

    def __init__(
        self,
        memory: Memory,
        *,
        now: float,
        attempt_timeout_s: float = 2.0,
        overall_timeout_s: float = 30.0,
        indefinite: bool = False,
    ) -> None:
        self._memory = memory
        self._deadline = now + overall_timeout_s
        self._attempt_timeout_s = min(attempt_timeout_s, overall_timeout_s / TRIES_WITHIN_DEADLINE)
        self._untried = list(memory.endpoints)
        self._rounds = 0
        self._must_wait = False
        self._indefinite = indefinite
        self._why = "the time was over before anything was tried"
        self._a_node_said: str | None = None

    @property
    def indefinite(self) -> bool:
        """Whether an attempt so far may have been carried out."""
        return self._indefinite

    def next_step(self, now: float, jitter: float) -> Step:
        """Decide what to do at `now`."""
        left_s = self._deadline - now
        if left_s < MIN_ATTEMPT_S:
            return self._give_up()
        if self._must_wait:
            self._must_wait = False
            wait_s = self._wait_s(jitter)
            if wait_s + MIN_ATTEMPT_S > left_s:
                return self._give_up()
            return Wait(wait_s)
        endpoint = self._memory.best(self._untried, now)
        return Try(endpoint, min(self._attempt_timeout_s, left_s))

    def failed(
        self, endpoint: str, now: float, *, definite: bool, why: str, reached: bool = False
    ) -> None:
        """Take note that the attempt at `endpoint` failed, for the reason `why`.

        `reached`: the node itself gave the reason. That tells more of the cluster than that
        another node is down.
        """
        self._memory.failed(endpoint, now)
        self._indefinite = self._indefinite or not definite
        self._why = why
        if reached:
            self._a_node_said = why
        self._untried = [untried for untried in self._untried if untried != endpoint]
        if not self._untried:
            self._untried = list(self._memory.endpoints)
            self._rounds += 1
            self._must_wait = True

    def _give_up(self) -> GiveUp:
        return GiveUp(not self._indefinite, self._a_node_said or self._why)

    def _wait_s(self, jitter: float) -> float:
        doublings = min(self._rounds - 1, 16)
        ceiling = min(MAX_WAIT_S, FIRST_WAIT_S * 2.0**doublings)
        return ceiling * (0.5 + jitter / 2)
