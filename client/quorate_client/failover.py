"""Which endpoint to try next, how long to wait, and when to give up: no clock, dice or wire.

The driver (`calls.py`) asks `next_step` and does what it says; it reports what became of each
attempt. The time and the dice are arguments, so that every run can be repeated in a test.

Rule 1. Nothing is tried, and nothing waited for, beyond the overall deadline.
Rule 2. An attempt that stays silent is not waited for: after `patience_s` another endpoint is tried
        as well, and whichever answers first ends the call. A frozen node gives no error; it costs
        that much and no more. Safe, since every attempt carries the same request id.
Rule 3. Patience grows with what answers lately took, and patience and the time of an attempt with
        every round in which nobody said a word: a cluster that is slow under load is not asked
        three times for everything, and is given the time that it needs.
Rule 4. A round tries every endpoint once before it tries any of them twice. An endpoint is never
        tried while an attempt at it is under way.
Rule 5. The favourite goes first: the leader that a node hinted at, else the endpoint that
        answered first. It loses the favour when it fails or stays silent.
Rule 6. An endpoint that failed lately goes last, even the favourite (for a while, nodes hint at a
        leader that has just died); it is avoided, never excluded.
Rule 7. After a full round comes a wait: exponential, jittered, at most MAX_WAIT_S. A leader
        election takes a few seconds, so the waits go on until the deadline.
Rule 8. Giving up is definite only if every attempt failed definitely. One attempt that may have
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
LEAST_PATIENCE_S = 0.3  # a TLS handshake with a busy node takes less
PATIENCE_IN_ANSWERS = 4.0  # of the time that an answer takes lately
SMOOTHING = 1 / 8  # the weight of the newest answer, as in TCP's round-trip time (RFC 6298)


@dataclass(frozen=True, slots=True)
class Try:
    """Start an attempt, connecting included, that ends within `timeout_s` seconds; then ask on."""

    endpoint: str
    timeout_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for `seconds`, or until an attempt under way ends; then ask again."""

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
        self._answer_s = 0.0  # smoothed

    @property
    def patience_s(self) -> float:
        """How long an attempt may stay silent before another endpoint is tried as well."""
        return max(LEAST_PATIENCE_S, PATIENCE_IN_ANSWERS * self._answer_s)

    def hint(self, leader: str) -> None:
        """Prefer the endpoint that is said to be the leader's; an unknown one is ignored."""
        if leader in self.endpoints:
            self._favourite = leader

    def answered(self, endpoint: str, took_s: float | None = None) -> None:
        """Forget the endpoint's failures; prefer it if nothing better is known.

        `took_s`: what the answer took, unless it waited for something else than the work.
        """
        self._failed_at.pop(endpoint, None)
        if self._favourite is None:
            self._favourite = endpoint
        if took_s is not None:
            self._answer_s += SMOOTHING * (took_s - self._answer_s)

    def failed(self, endpoint: str, now: float) -> None:
        """Avoid the endpoint for REMEMBER_FAILURE_S."""
        self._failed_at[endpoint] = now
        if self._favourite == endpoint:
            self._favourite = None

    def best(self, candidates: Sequence[str], now: float) -> str:
        """Choose by rules 5 and 6 among `candidates` (at least one)."""

        def rank(endpoint: str) -> tuple[bool, bool, float]:
            failed_at = self._failed_at.get(endpoint, -math.inf)
            lately = now - failed_at < REMEMBER_FAILURE_S
            return lately, endpoint != self._favourite, failed_at if lately else 0.0

        return min(candidates, key=rank)


class Failover:
    """The attempts of one call.

    `now` is a monotonic clock in seconds, the same one in every method; `jitter` is in [0, 1).
    `changes`: whether the call changes anything; one that does not can't be left half done.
    `indefinite` is set when an earlier call under the same request id may have been carried out.
    `patience_s`: instead of what `memory` says, for a call that is known to take long.
    """

    def __init__(  # noqa: PLR0913 - what the caller knows of the call
        self,
        memory: Memory,
        *,
        now: float,
        attempt_timeout_s: float = 2.0,
        overall_timeout_s: float = 30.0,
        patience_s: float | None = None,
        changes: bool = True,
        indefinite: bool = False,
    ) -> None:
        self._memory = memory
        self._deadline = now + overall_timeout_s
        self._attempt_timeout_s = min(attempt_timeout_s, overall_timeout_s / TRIES_WITHIN_DEADLINE)
        self._patience_s = memory.patience_s if patience_s is None else patience_s
        self._changes = changes
        self._untried = list(memory.endpoints)
        self._under_way: dict[str, float] = {}  # since when
        self._rounds = 0
        self._deaf_rounds = 0  # in which nobody said a word
        self._heard = False
        self._rest_until = now
        self._indefinite = indefinite
        self._lost_sight = False  # of an attempt of this call
        self._why = "the time was over before anything was tried"
        self._a_node_said: str | None = None

    @property
    def indefinite(self) -> bool:
        """Whether an attempt so far may have been carried out."""
        return self._indefinite or (self._changes and bool(self._under_way))

    @property
    def loose_ends(self) -> bool:
        """Whether an attempt of this very call may still be carried out."""
        return self._lost_sight or (self._changes and bool(self._under_way))

    def next_step(self, now: float, jitter: float) -> Step:
        """Decide what to do at `now`."""
        left_s = self._deadline - now
        if left_s < MIN_ATTEMPT_S:
            return self._give_up()
        pause_s = max(self._quiet_until(now), self._rest_until) - now
        if pause_s > 0:
            return Wait(min(pause_s, left_s))
        if not self._untried:
            return self._end_round(now, jitter)
        endpoint = self._memory.best(self._untried, now)
        self._untried.remove(endpoint)
        self._under_way[endpoint] = now
        return Try(endpoint, min(self._attempt_s, left_s))

    def ended(self, endpoint: str) -> None:
        """Take note that the attempt at `endpoint` is over; `failed` says so, too."""
        self._under_way.pop(endpoint, None)

    def failed(
        self, endpoint: str, now: float, *, definite: bool, why: str, reached: bool = False
    ) -> None:
        """Take note that the attempt at `endpoint` failed, for the reason `why`.

        `reached`: the node itself gave the reason. That tells more of the cluster than that
        another node is down.
        """
        since = self._under_way.get(endpoint, now)
        self._heard = self._heard or now - since < self._current_patience_s
        self.ended(endpoint)
        self._memory.failed(endpoint, now)
        self._lost_sight = self._lost_sight or (self._changes and not definite)
        self._indefinite = self._indefinite or self._lost_sight
        self._why = why
        if reached:
            self._a_node_said = why

    @property
    def _attempt_s(self) -> float:
        return self._attempt_timeout_s * 2.0 ** min(self._deaf_rounds, 16)

    @property
    def _current_patience_s(self) -> float:
        longer_s = self._patience_s * 2.0 ** min(self._deaf_rounds, 16)
        return min(longer_s, self._attempt_s)

    def _quiet_until(self, now: float) -> float:
        """Return until when the newest attempt is waited for; note those silent for long."""
        patience_s = self._current_patience_s
        for endpoint, since in self._under_way.items():
            if now - since >= patience_s:
                self._memory.failed(endpoint, now)
                self._why = f"{endpoint}: no answer in time"
        return max(self._under_way.values(), default=-math.inf) + patience_s

    def _end_round(self, now: float, jitter: float) -> Step:
        left_s = self._deadline - now
        self._untried = [e for e in self._memory.endpoints if e not in self._under_way]
        if not self._untried:  # all are asked: whoever answers, or fails, is the next event
            return Wait(left_s)
        self._rounds += 1
        self._deaf_rounds = 0 if self._heard else self._deaf_rounds + 1
        self._heard = False
        wait_s = self._wait_s(jitter)
        if wait_s + MIN_ATTEMPT_S > left_s:
            return Wait(left_s) if self._under_way else self._give_up()
        self._rest_until = now + wait_s
        return Wait(wait_s)

    def _give_up(self) -> GiveUp:
        return GiveUp(not self.indefinite, self._a_node_said or self._why)

    def _wait_s(self, jitter: float) -> float:
        doublings = min(self._rounds - 1, 16)
        ceiling = min(MAX_WAIT_S, FIRST_WAIT_S * 2.0**doublings)
        return ceiling * (0.5 + jitter / 2)
