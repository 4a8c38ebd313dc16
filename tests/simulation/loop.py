"""An asyncio loop under virtual time: one callback after another, in an order that never varies.

Rule 1: time passes only when nothing is left to do at this moment; then it is the next timer's.
Rule 2: callbacks run in the order in which they became due; the hash seed has no say in it.
Rule 3: between any two callbacks of a process it can crash. What a dead process has scheduled
never runs, and what it schedules is forgotten.
Rule 4: no sockets, no threads, no waiting: whatever needs them raises.
"""

import asyncio
import contextlib
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from heapq import heappop, heappush
from typing import Any, NamedTuple, NoReturn, TypeVar, TypeVarTuple, Unpack

from simulation.life import LIFE, Crash, Ending, Life

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

EPOCH_US = 1_800_000_000_000_000
"""Wall clocks begin here, where virtual time is 0."""


class _Due(NamedTuple):
    """A callback whose time has come, or will come."""

    handle: asyncio.Handle
    life: Life | None
    callback: Callable[..., object]
    args: tuple[Any, ...]
    context: contextvars.Context


class StuckError(RuntimeError):
    """Nothing is scheduled any more, or far too much was done."""


class VirtualLoop(asyncio.BaseEventLoop):
    """The loop of a whole simulated cluster.

    Attributes:
        died: called after the callback in which a process ended, or was found to crash.
        ran: called after each callback of a living process.
        raised: called with what a process's callback raised.
    """

    def __init__(self, most_callbacks: int = 10_000_000) -> None:
        super().__init__()
        self.now = 0.0
        self.callbacks = 0
        self.complaints: list[str] = []
        self.outside = contextvars.Context()
        """For what belongs to no process, though one may be running just now."""
        self.died: Callable[[Life], None] = _nothing
        self.ran: Callable[[Life], None] = _nothing
        self.raised: Callable[[Life, Exception], None] = _raise
        self._most_callbacks = most_callbacks
        self._due: deque[_Due] = deque()
        self._timers: list[tuple[float, int, _Due]] = []
        self._serial = 0

    # ------------------------------------------------------------------ asyncio's side

    def time(self) -> float:
        """Return virtual seconds, as the process that asks feels them."""
        life = LIFE.get()
        return self.now if life is None else max(self.now, life.busy_until)

    def call_soon(
        self,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        """Run it after all that is due already."""
        context = contextvars.copy_context() if context is None else context
        handle = asyncio.Handle(callback, args, self, context)
        life = context.get(LIFE)
        if life is None or life.alive:
            self._due.append(_Due(handle, life, callback, args, context))
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self,
        delay: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run it after `delay` virtual seconds."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self,
        when: float,
        callback: Callable[[Unpack[Ts]], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run it at a virtual time."""
        context = contextvars.copy_context() if context is None else context
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        life = context.get(LIFE)
        if life is None or life.alive:
            self._serial += 1
            due = _Due(handle, life, callback, args, context)
            heappush(self._timers, (when, self._serial, due))
        return handle

    def create_task(
        self,
        coro: Generator[Any, None, T] | Coroutine[Any, Any, T],
        *,
        name: object = None,
        context: contextvars.Context | None = None,
    ) -> asyncio.Task[T]:
        """Start a task; a process's are remembered, to be put away after its death."""
        task = asyncio.Task(
            coro, loop=self, name=None if name is None else str(name), context=context
        )
        life = LIFE.get() if context is None else context.get(LIFE)
        if life is not None:
            life.tasks.append(task)
        return task

    def run_in_executor(
        self, executor: object, func: Callable[[Unpack[Ts]], object], *args: *Ts
    ) -> NoReturn:
        """Refuse: threads aren't deterministic."""
        raise RuntimeError(f"simulation: {func} wants a thread of {executor} for {args}")

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Note what asyncio complains of, except that the dead left their work undone."""
        flaw = context.get("exception")
        if "destroyed but it is pending" in context["message"] or isinstance(flaw, Crash):
            return
        self.complaints.append(f"{context['message']}: {flaw!r}")

    # ------------------------------------------------------------------ the clockwork

    def _run_once(self) -> None:
        """Run the next callback; BaseEventLoop calls this until it is stopped."""
        if not self._due:
            if not self._timers:
                raise StuckError("simulation: nothing is scheduled any more")
            self.now = max(self.now, self._timers[0][0])
        while self._timers and self._timers[0][0] <= self.now:
            self._due.append(heappop(self._timers)[2])
        due = self._due.popleft()
        if due.handle.cancelled():
            return
        self.callbacks += 1
        if self.callbacks > self._most_callbacks:
            raise StuckError(f"simulation: {self.callbacks} callbacks by {self.now:.3f} s")
        if due.life is None:
            due.context.run(due.callback, *due.args)
        elif due.life.alive:
            self._run_in(due.life, due)

    def _run_in(self, life: Life, due: _Due) -> None:
        if life.busy_until > self.now:
            if not life.waiting:
                self.call_at(life.busy_until, self._go_on, life, context=self.outside)
            life.waiting.append(due)
            return
        life.callbacks += 1
        if life.crash_at is not None and life.callbacks >= life.crash_at:
            life.end(life.crash_as)
        else:
            try:
                due.context.run(due.callback, *due.args)
            except Crash:
                life.end(Ending.KILLED)
            except Exception as flaw:  # noqa: BLE001 - whatever a process raises is a finding
                self.raised(life, flaw)
        (self.ran if life.alive else self.died)(life)

    def _go_on(self, life: Life) -> None:
        """Let a process that was busy catch up, in order."""
        self._due.extendleft(reversed(life.waiting))
        life.waiting.clear()


def put_away(life: Life) -> None:
    """Close what a dead process left undone, so that the collector need not."""
    for task in life.tasks:
        if not task.done():
            with contextlib.suppress(BaseException):  # its last words count for nothing
                task.get_coro().close()
    life.tasks.clear()


def _nothing(_life: Life) -> None:
    """Nobody listens."""


def _raise(life: Life, flaw: Exception) -> NoReturn:
    raise RuntimeError(f"simulation: {life.name} raised") from flaw
