"""One logical call: attempts at several endpoints, until there is an answer or no time.

Several may be under way at once, when the first ones stay silent; the first answer is the call's.

This is the driver of `failover.py`: it has the clock, the dice and the wire.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import grpc
from grpc import aio

from quorate_client.channels import CONNECT_TIMEOUT_S, Channels, NotConnected
from quorate_client.errors import (
    InvalidRequest,
    NotDone,
    NotFound,
    PermissionDenied,
    QuorateError,
    Unauthenticated,
    Unknown,
)
from quorate_client.failover import Failover, GiveUp, Memory, Try, Wait

OUTCOME_KEY = "quorate-outcome"
LEADER_KEY = "quorate-leader"

Q = TypeVar("Q")
A = TypeVar("A")
Method = Callable[[aio.Channel], aio.UnaryUnaryMultiCallable[Q, A]]

# What the cluster says about the request itself: another node would say the same.
_REFUSALS: Mapping[grpc.StatusCode, type[QuorateError]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidRequest,
    grpc.StatusCode.UNAUTHENTICATED: Unauthenticated,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDenied,
    grpc.StatusCode.NOT_FOUND: NotFound,
}
# Certainly not carried out, by definition of the code.
_DEFINITE = {grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.UNIMPLEMENTED}


@dataclass(frozen=True, slots=True)
class Route:
    """The endpoints of one kind (clients' or officers'), and what is known of them."""

    memory: Memory
    channels: Channels
    endpoint_of: Mapping[str, str]  # by node name: leader hints are names


@dataclass(frozen=True, slots=True)
class Failure:
    """An attempt without an answer; see `Failover.failed`."""

    definite: bool
    why: str
    reached: bool = False  # the node itself said why


class _Attempts(Generic[A]):
    """The attempts of one call that are under way; at most one at each endpoint.

    `measured`: what an answer takes tells how busy the cluster is. A question may wait instead.
    """

    def __init__(self, memory: Memory, failover: Failover, *, measured: bool) -> None:
        self._memory = memory
        self._failover = failover
        self._measured = measured
        self._under_way: dict[asyncio.Task[A | Failure], tuple[str, float]] = {}

    def start(self, endpoint: str, work: Coroutine[None, None, A | Failure]) -> None:
        self._under_way[asyncio.create_task(work)] = (endpoint, time.monotonic())

    async def wait(self, seconds: float) -> None:
        """Wait until one of them ends, for so many seconds at most."""
        if self._under_way:
            await asyncio.wait(
                self._under_way, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
            )
        else:
            await asyncio.sleep(seconds)

    def ended(self) -> Iterator[A]:
        """Yield the answers that there are, and report the failures. Raises refusals."""
        done = [task for task in self._under_way if task.done()]
        for task in sorted(done, key=lambda task: task.exception() is not None):  # answers first
            endpoint, began = self._under_way.pop(task)
            self._failover.ended(endpoint)
            outcome, now = task.result(), time.monotonic()
            if isinstance(outcome, Failure):
                why = f"{endpoint}: {outcome.why}"
                definite, reached = outcome.definite, outcome.reached
                self._failover.failed(endpoint, now, definite=definite, why=why, reached=reached)
            else:
                self._memory.answered(endpoint, now - began if self._measured else None)
                yield outcome

    async def cancel(self) -> None:
        """End those that nobody waits for any more."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


class Call:
    """One logical call, with its overall deadline and, if it changes anything, a request id.

    It may take several requests (authenticate, cast, authenticate anew, cast again); if one that
    changes anything *may* have been carried out, the call can no longer fail definitely. Nor can
    one that is `repeated`: the call that it repeats may have been carried out.
    """

    def __init__(
        self,
        *,
        timeout_s: float,
        attempt_timeout_s: float,
        request_id: bytes,
        repeated: bool = False,
    ) -> None:
        self._deadline = time.monotonic() + timeout_s
        self._attempt_timeout_s = attempt_timeout_s
        self.request_id = request_id
        self.loose_ends = False
        """Whether an attempt of this call may still be carried out after its end."""
        self._indefinite = repeated

    async def run(
        self,
        route: Route,
        method: Method[Q, A],
        request: Q,
        *,
        changes: bool,
        patience_s: float | None = None,
    ) -> A:
        """Send `request` until there is an answer.

        Raises what the cluster refused it with (InvalidRequest, Unauthenticated, PermissionDenied,
        NotFound), or when the time is over: NotDone, or Unknown if it `changes` something.
        """
        now = time.monotonic()
        failover = Failover(
            route.memory,
            now=now,
            attempt_timeout_s=self._attempt_timeout_s,
            overall_timeout_s=self._deadline - now,
            patience_s=patience_s,
            changes=changes,
            indefinite=self._indefinite,
        )
        attempts = _Attempts[A](route.memory, failover, measured=changes)
        try:
            while True:
                match failover.next_step(time.monotonic(), _dice()):
                    case Try() as step:
                        work = self._attempt(route, step, method, request)
                        attempts.start(step.endpoint, work)
                    case Wait(seconds):
                        await attempts.wait(seconds)
                    case GiveUp(why=why):
                        raise NotDone(f"{why}; try again, or look at the nodes' logs")
                for answer in attempts.ended():
                    return answer
        except QuorateError as error:
            raise self._failed(error, indefinite=failover.indefinite) from error.__cause__
        finally:
            self._indefinite = failover.indefinite
            self.loose_ends = self.loose_ends or failover.loose_ends
            await attempts.cancel()

    async def _attempt(
        self, route: Route, step: Try, method: Method[Q, A], request: Q
    ) -> A | Failure:
        began = time.monotonic()
        end = began + step.timeout_s
        try:
            connect_s = min(CONNECT_TIMEOUT_S, step.timeout_s / 2)
            async with route.channels.ready(step.endpoint, connect_s) as lease:
                try:
                    answer = await method(lease.channel)(request, timeout=end - time.monotonic())
                except aio.AioRpcError as error:
                    silent = error.code() is grpc.StatusCode.DEADLINE_EXCEEDED
                    if silent and lease.answered_at < began:
                        route.channels.retire(step.endpoint, lease)  # frozen, or cut off
                    return self._interpret(route, error)
                lease.answered_at = time.monotonic()
                return answer
        except NotConnected as error:
            return Failure(definite=True, why=str(error))

    def _interpret(self, route: Route, error: aio.AioRpcError) -> Failure:
        """Tell failures of the cluster, which another try may mend, from refusals (raised)."""
        trailing = {key: str(value) for key, value in error.trailing_metadata() or ()}
        if leader := route.endpoint_of.get(trailing.get(LEADER_KEY, "")):
            route.memory.hint(leader)
        code, details = error.code(), _one_line(error.details() or error.code().name)
        if refusal := _REFUSALS.get(code):
            raise refusal(details) from error
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
            raise InvalidRequest(details) from error  # it will not shrink
        definite = trailing.get(OUTCOME_KEY) == "definite" or code in _DEFINITE
        # Without the node's own sign it is gRPC that speaks: frozen, or cut off.
        return Failure(definite, details, reached=OUTCOME_KEY in trailing)

    def _failed(self, error: QuorateError, *, indefinite: bool) -> QuorateError:
        if not indefinite:
            return error
        return Unknown(
            f"it may have been done or not ({error}); repeat it under the same request id",
            self.request_id,
        )


def _dice() -> float:
    return random.random()  # noqa: S311 - it spreads retries, it guards nothing


def _one_line(text: str) -> str:
    return " ".join(text.split())
