"""One logical call: attempts at several endpoints, until there is an answer or no time.

This is the driver of `failover.py`: it has the clock, the dice and the wire.
"""

import asyncio
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

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
class _Failure:
    definite: bool
    why: str
    reached: bool = False  # the node itself said why


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
        self._indefinite = repeated

    async def run(self, route: Route, method: Method[Q, A], request: Q, *, changes: bool) -> A:
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
            indefinite=self._indefinite,
        )
        while True:
            step = failover.next_step(time.monotonic(), _dice())
            match step:
                case Wait():
                    await asyncio.sleep(step.seconds)
                case GiveUp():
                    raise self._failed(
                        NotDone(f"{step.why}; try again, or look at the nodes' logs")
                    )
                case Try():
                    answer = await self._attempt(route, step, method, request)
                    if not isinstance(answer, _Failure):
                        route.memory.answered(step.endpoint)
                        return answer
                    failover.failed(
                        step.endpoint,
                        time.monotonic(),
                        definite=answer.definite or not changes,
                        why=f"{step.endpoint}: {answer.why}",
                        reached=answer.reached,
                    )
                    self._indefinite = failover.indefinite

    async def _attempt(
        self, route: Route, step: Try, method: Method[Q, A], request: Q
    ) -> A | _Failure:
        end = time.monotonic() + step.timeout_s
        try:
            connect_s = min(CONNECT_TIMEOUT_S, step.timeout_s / 2)
            async with route.channels.ready(step.endpoint, connect_s) as lease:
                try:
                    return await method(lease.channel)(request, timeout=end - time.monotonic())
                except aio.AioRpcError as error:
                    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                        route.channels.retire(step.endpoint, lease)  # frozen, or cut off
                    return self._interpret(route, error)
        except NotConnected as error:
            return _Failure(definite=True, why=str(error))

    def _interpret(self, route: Route, error: aio.AioRpcError) -> _Failure:
        """Tell failures of the cluster, which another try may mend, from refusals (raised)."""
        trailing = {key: str(value) for key, value in error.trailing_metadata() or ()}
        if leader := route.endpoint_of.get(trailing.get(LEADER_KEY, "")):
            route.memory.hint(leader)
        code, details = error.code(), _one_line(error.details() or error.code().name)
        if refusal := _REFUSALS.get(code):
            raise self._failed(refusal(details)) from error
        if code is grpc.StatusCode.RESOURCE_EXHAUSTED and "larger than max" in details:
            raise self._failed(InvalidRequest(details)) from error  # it will not shrink
        definite = trailing.get(OUTCOME_KEY) == "definite" or code in _DEFINITE
        # Without the node's own sign it is gRPC that speaks: frozen, or cut off.
        return _Failure(definite, details, reached=OUTCOME_KEY in trailing)

    def _failed(self, error: QuorateError) -> QuorateError:
        if not self._indefinite:
            return error
        return Unknown(
            f"it may have been done or not ({error}); repeat it under the same request id",
            self.request_id,
        )


def _dice() -> float:
    return random.random()  # noqa: S311 - it spreads retries, it guards nothing


def _one_line(text: str) -> str:
    return " ".join(text.split())
