"""Group commit: while a few batches are in flight, requests gather for the next.

A batch that fails, definitely or not, gathers again with the others, under the same request
ids, until its requests' deadlines. Whether it is tried again in the end decides nothing: the
state machine gives a repeated request its first answer.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.engine import Committed, Engine, Refused, Settled, Unknown
from quorate_replication.errors import NotCommitted, OutcomeUnknown, Overloaded
from quorate_replication.state.elections import BATCH_VERSION
from quorate_replication.state.outcome import Outcome

log = logging.getLogger(__name__)

MAX_BATCH_BYTES = 255 * 1024  # of commands: with its head a batch fits into an entry of 256 KiB
MAX_WAITING = 20_000
MAX_IN_FLIGHT = 4  # batches: enough to keep every disk busy, few enough to gather
BATCH_TIMEOUT_S = 2.0  # a message may be lost on its way: after this the outcome is unknown
RETRY_S = 0.03  # between tries: short, a leader election is all there is to wait for


@dataclass(eq=False, slots=True)
class _Waiting:
    """One request on its way into the log; without a command it only marks a point in it."""

    command: pb.Command | None
    answer: asyncio.Future[Outcome]
    in_flight: bool = False
    maybe_done: bool = False
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = 0 if self.command is None else self.command.ByteSize() + 8


class Proposer:
    """Makes batches and sees them through.

    Args:
        engine: where batches go.
        member: this member's name, the proposer of its batches.
        clock_us: this member's clock, microseconds since 1970 UTC.
    """

    def __init__(self, engine: Engine, member: str, clock_us: Callable[[], int]) -> None:
        self._engine = engine
        self._member = member
        self._clock_us = clock_us
        self._waiting: deque[_Waiting] = deque()
        self._wake = asyncio.Event()
        self._in_flight = 0

    async def propose(self, command: pb.Command | None, timeout_s: float) -> Outcome:
        """Get one command through the log; None only waits until the log has passed here.

        Raises:
            Overloaded: too many wait already, or the command is too large. Definite.
            NotCommitted: there was no leader to take it in time. Definite.
            OutcomeUnknown: it went out, and no answer came in time.
        """
        if len(self._waiting) >= MAX_WAITING:
            raise Overloaded("too many requests are waiting; try again in a moment")
        waiting = _Waiting(command, asyncio.get_running_loop().create_future())
        if waiting.size > MAX_BATCH_BYTES:
            raise Overloaded(f"the request is larger than {MAX_BATCH_BYTES} bytes")
        self._waiting.append(waiting)
        self._wake.set()
        try:
            async with asyncio.timeout(timeout_s):
                return await waiting.answer
        except TimeoutError:
            if waiting.in_flight or waiting.maybe_done:
                raise OutcomeUnknown(
                    "the cluster did not answer in time; it may have been done"
                ) from None
            raise NotCommitted("the cluster has no leader; nothing was done") from None

    async def run(self) -> None:
        """Serve until cancelled."""
        async with asyncio.TaskGroup() as flights:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._in_flight < MAX_IN_FLIGHT and (batch := self._gather()):
                    self._in_flight += 1
                    flights.create_task(self._fly(batch))

    async def _fly(self, batch: list[_Waiting]) -> None:
        try:
            await self._settle(batch)
        finally:
            self._in_flight -= 1
            self._wake.set()

    def _gather(self) -> list[_Waiting]:
        """Take what fits into one batch, in order of arrival; skip what nobody waits for."""
        batch, size = list[_Waiting](), 0
        while self._waiting:
            first = self._waiting[0]
            if first.answer.done():
                self._waiting.popleft()
                continue
            if size + first.size > MAX_BATCH_BYTES:
                break
            size += first.size
            batch.append(self._waiting.popleft())
        return batch

    async def _settle(self, batch: list[_Waiting]) -> None:
        for waiting in batch:
            waiting.in_flight = True
        settled = await self._submit(batch)
        for waiting in batch:  # a caller whose time is just up must not call it definite
            waiting.in_flight = False
            waiting.maybe_done |= not isinstance(settled, Refused)
        if isinstance(settled, Committed):
            outcomes = iter(settled.outcomes)
            for waiting in batch:
                outcome = Outcome.ACCEPTED if waiting.command is None else next(outcomes)
                if not waiting.answer.done():
                    waiting.answer.set_result(outcome)
            return
        log.debug("batch of %d not settled: %s", len(batch), settled.why)
        self._waiting.extendleft(reversed(batch))
        await asyncio.sleep(RETRY_S)

    async def _submit(self, batch: list[_Waiting]) -> Settled:
        loop = asyncio.get_running_loop()
        settled: asyncio.Future[Settled] = loop.create_future()

        def done(result: Settled) -> None:  # in the engine's thread
            try:
                loop.call_soon_threadsafe(_set_once, settled, result)
            except RuntimeError:
                log.debug("an answer came after the loop was closed")

        entry = pb.Batch(
            version=BATCH_VERSION,
            proposer=self._member,
            clock_us=self._clock_us(),
            commands=[waiting.command for waiting in batch if waiting.command is not None],
        )
        self._engine.submit(entry.SerializeToString(), done)
        try:
            async with asyncio.timeout(BATCH_TIMEOUT_S):
                return await settled
        except TimeoutError:
            return Unknown("no answer")


def _set_once(future: asyncio.Future[Settled], result: Settled) -> None:
    if not future.done():
        future.set_result(result)
