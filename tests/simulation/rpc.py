"""A client's call to a node, as over a network.

The question runs in the node's process, and the answer comes back to a caller outside of it: or it
never does, for the process ends, or the caller loses patience first. A caller that gives up says
so to the node.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, TypeVar

from quorate_replication import Replica
from quorate_replication.errors import NotCommitted, OutcomeUnknown
from simulation.life import Life
from simulation.loop import VirtualLoop

T = TypeVar("T")


class Server(Protocol):
    """A node as clients see it."""

    @property
    def name(self) -> str:
        """Whose it is."""
        ...

    @property
    def serving(self) -> tuple[Life, Replica] | None:
        """The process that answers there, if one does."""
        ...

    def when_gone(self, life: Life, call: Callable[[], None]) -> None:
        """Have `call` made when that process ends."""
        ...


class Lost(Exception):  # noqa: N818 - what a client sees
    """The connection broke, or the caller lost patience."""


async def ask(
    loop: VirtualLoop,
    server: Server,
    question: Callable[[Replica], Coroutine[Any, Any, T]],
    patience_s: float,
) -> T:
    """Call a node as over a network: it runs in the node's process, and may never answer.

    Raises what the node raises; Lost if it died, or patience ended (then the node is told).
    """
    serving = server.serving
    if serving is None:
        raise NotCommitted("simulation: nobody listens there")
    life, replica = serving
    answer: asyncio.Future[T] = loop.create_future()
    task = loop.create_task(_serve(question, replica, answer), context=life.context)
    server.when_gone(life, lambda: _fail(answer, Lost()))
    timer = loop.call_later(patience_s, lambda: _fail(answer, Lost()))
    try:
        return await answer
    except Lost:
        if life.alive:
            loop.call_soon(task.cancel, context=life.context)
        raise
    finally:
        timer.cancel()


async def _serve(
    question: Callable[[Replica], Coroutine[Any, Any, T]],
    replica: Replica,
    answer: asyncio.Future[T],
) -> None:
    """In the node's process: work, and send the answer."""
    try:
        value = await question(replica)
    except (NotCommitted, OutcomeUnknown) as flaw:
        _fail(answer, flaw)
    else:
        if not answer.done():
            answer.set_result(value)


def _fail(answer: asyncio.Future[T], flaw: Exception) -> None:
    if not answer.done():
        answer.set_exception(flaw)
