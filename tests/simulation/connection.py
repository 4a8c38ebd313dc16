"""One connection, and what the wires and the networks at its ends know of one another.

A connection carries messages one way: only the dialler sends. What is on its way, and what a cut
holds up, belongs to it, and is lost with it.
"""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Protocol

from quorate_replication.wire.messages import Hello, TurnedAway, Welcome
from simulation.life import Life

Answer = Welcome | TurnedAway


class End(Protocol):
    """A process's network, as the wires and its peers see it."""

    @property
    def life(self) -> Life:
        """The process."""
        ...

    def take(self, connection: "Connection", data: bytes) -> None:
        """Receive bytes, in this process."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Hear that a connection has ended, in this process."""
        ...

    def answer(self, dialler: "End", hello: Hello, answered: asyncio.Future[Answer]) -> None:
        """Answer a caller, in this process."""
        ...


@dataclass(eq=False)
class Connection:
    """From a dialler to an answerer; only the dialler sends."""

    dialler: End
    answerer: End
    serial: int
    ended: asyncio.Future[None]
    open: bool = True
    queued: int = 0
    last_arrival: float = 0.0
    held: deque[bytes] = field(default_factory=deque[bytes])

    @property
    def way(self) -> tuple[str, str]:
        """The names at its ends."""
        return self.dialler.life.name, self.answerer.life.name

    @property
    def way_back(self) -> tuple[str, str]:
        """The same, the other way round."""
        return self.answerer.life.name, self.dialler.life.name
