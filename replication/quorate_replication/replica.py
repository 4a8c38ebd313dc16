"""What a node sees of the replicated state: propose, read, wait for change."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.ending import end_process
from quorate_replication.engine import Engine, EngineStatus
from quorate_replication.errors import FailStop, NotCommitted
from quorate_replication.proposer import RETRY_S, Proposer
from quorate_replication.state import snapshot
from quorate_replication.state.elections import Elections, FrozenElections
from quorate_replication.state.outcome import Outcome

log = logging.getLogger(__name__)

T = TypeVar("T")
ASK_AGAIN_S = 0.5  # without an answer; an earlier question may still be answered
MakeEngine = Callable[[Callable[[], None]], Engine]


class Replica:
    """This member's copy of the state, in the node's event loop.

    Args:
        make_engine: builds the engine, given what it calls (in its thread) after applying.
        member: this member's name.
        clock_us: this member's clock, microseconds since 1970 UTC.
    """

    def __init__(self, make_engine: MakeEngine, member: str, clock_us: Callable[[], int]) -> None:
        self._loop = asyncio.get_running_loop()
        self._engine = make_engine(self._applied)
        self._proposer = Proposer(self._engine, member, clock_us)
        self._changed = asyncio.Event()
        self._proposing: asyncio.Task[None] | None = None
        self._reading: set[asyncio.Future[Any]] = set()
        self._stopped = False

    async def start(self) -> None:
        """Start the engine. Raises EngineStartError."""
        await self._engine.start()
        self._proposing = asyncio.create_task(self._proposer.run(), name="proposer")
        self._proposing.add_done_callback(_must_not_fail)

    async def stop(self) -> None:
        """Hand leadership over if it is ours, and end."""
        if self._proposing is not None:
            self._proposing.cancel()
            with suppress(asyncio.CancelledError):
                await self._proposing
        await self._engine.stop()
        self._stopped = True
        for seen in self._reading:
            _fail(seen, NotCommitted("this node has stopped; nothing was read"))

    @property
    def status(self) -> EngineStatus:
        """This member's own view of the cluster."""
        return self._engine.status

    async def propose(self, command: pb.Command, timeout_s: float) -> Outcome:
        """Get a command through the log and return its outcome. Raises ClusterError."""
        return await self._proposer.propose(command, timeout_s)

    async def barrier(self, timeout_s: float) -> None:
        """Return once the state here shows all that was acknowledged before the call.

        ReadIndex: the leader and a majority are asked, nothing is written. Raises NotCommitted.
        """
        try:
            async with asyncio.timeout(timeout_s):
                await self._become_current()
        except TimeoutError:
            raise NotCommitted("the cluster has no leader; nothing was read") from None

    async def _become_current(self) -> None:
        """Ask until an answer says so: one may be lost, or nobody may be able to tell yet."""
        waiting: set[asyncio.Future[bool]] = set()
        while True:
            told: asyncio.Future[bool] = self._loop.create_future()
            self._engine.read_index(partial(self._post_current, told))
            waiting.add(told)
            done, waiting = await asyncio.wait(
                waiting, timeout=ASK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED
            )
            if any(each.result() for each in done):
                return
            if done:
                await asyncio.sleep(RETRY_S)

    def _post_current(self, told: asyncio.Future[bool], current: bool) -> None:
        """Hand on, in the engine's thread, whether the state here is current."""
        self._post(partial(_settle, told, current))

    async def send_clock(self, timeout_s: float) -> None:
        """Get this member's clock reading through the log. Raises ClusterError."""
        await self._proposer.propose(None, timeout_s)

    async def digest(self) -> tuple[int, bytes]:
        """Return the SHA-256 of the whole state, and the index that it was at.

        The raft thread only freezes the state. Raises NotCommitted once this replica was stopped.
        """
        index, frozen = await self.read(lambda s: (self._engine.status.applied_index, s.freeze()))
        return index, await asyncio.to_thread(_digest, frozen)

    async def read(self, look: Callable[[Elections], T]) -> T:
        """Return what `look` sees in the state as it is here now, perhaps behind the others.

        Raises what `look` raises, and NotCommitted once this replica was stopped.
        """
        if self._stopped:
            raise NotCommitted("this node has stopped; nothing was read")
        seen: asyncio.Future[T] = self._loop.create_future()

        def job(state: Elections) -> None:  # in the engine's thread
            try:
                self._post(partial(_settle, seen, look(state)))
            except Exception as flaw:  # noqa: BLE001 - it belongs to the caller, whatever it is
                self._post(partial(_fail, seen, flaw))

        self._engine.inspect(job)
        self._reading.add(seen)
        try:
            return await seen
        finally:
            self._reading.discard(seen)

    async def read_latest(self, look: Callable[[Elections], T], timeout_s: float) -> T:
        """Return what `look` sees after a barrier: linearizable. Raises NotCommitted."""
        await self.barrier(timeout_s)
        return await self.read(look)

    async def change(self) -> None:
        """Wait until entries are applied after this call."""
        await self._changed.wait()

    def _applied(self) -> None:  # in the engine's thread
        self._post(self._announce)

    def _announce(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _post(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            log.debug("the loop was closed before the engine")


def _digest(frozen: FrozenElections) -> bytes:
    digest = snapshot.digest(frozen)
    for _ in frozen.dismantle():
        pass  # step by step: in one go it would hold up every thread
    return digest


def _settle(future: asyncio.Future[T], value: T) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[T], flaw: Exception) -> None:
    if not future.done():
        future.set_exception(flaw)


def _must_not_fail(proposing: asyncio.Task[None]) -> None:
    """Stop a node that could only pretend to propose."""
    if not proposing.cancelled() and proposing.exception() is not None:
        end_process(FailStop(f"the proposer raised {proposing.exception()!r}"))
