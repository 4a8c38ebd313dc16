"""What lies between all nodes: connections that are slow, stall, and break.

Rule 1: a connection carries messages whole and in order, each after a delay of its own.
Rule 2: across a cut nothing is delivered. What is on its way waits; the connection may outlive
the cut, or end in it.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass

from simulation.connection import Connection, End
from simulation.loop import VirtualLoop
from simulation.trace import Trace

CUT_TIMEOUT_S = (0.1, 8.0)
"""How long a connection bears a cut; the longest outlives most of them."""


@dataclass(slots=True)
class Weather:
    """How the network is just now."""

    delay_s: tuple[float, float] = (0.0005, 0.003)
    slow_share: float = 0.0
    """Of messages that take `slow_s` instead."""
    slow_s: tuple[float, float] = (0.02, 0.3)


class Wires:
    """Every cable of the cluster."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, trace: Trace) -> None:
        self.loop = loop
        self.dice = dice
        self.trace = trace
        self.weather = Weather()
        self.delivered = 0
        self.cuts: dict[tuple[str, str], int] = {}  # way: its serial
        self._listening: dict[str, End] = {}
        self._connections: list[Connection] = []
        self._serial = 0

    # ------------------------------------------------------------------ nemesis' side

    def cut(self, ways: Iterable[tuple[str, str]]) -> None:
        """Let nothing pass these ways any more."""
        for way in ways:
            if way in self.cuts:
                continue
            self._serial += 1
            self.cuts[way] = self._serial
            for connection in list(self._connections):
                if way in (connection.way, connection.way_back):
                    patience = self.dice.uniform(*CUT_TIMEOUT_S)
                    self.loop.call_later(
                        patience, self._give_up, connection, self._serial, context=self.loop.outside
                    )

    def heal(self, ways: Iterable[tuple[str, str]] | None = None) -> None:
        """Let everything pass these ways, or all."""
        for way in list(self.cuts) if ways is None else ways:
            self.cuts.pop(way, None)
        for connection in list(self._connections):
            while connection.held and connection.way not in self.cuts:
                self._dispatch(connection, connection.held.popleft(), self.loop.now)

    @property
    def is_cut(self) -> bool:
        """Whether anything is."""
        return bool(self.cuts)

    def break_one(self) -> str | None:
        """End a connection by chance; return which."""
        if not self._connections:
            return None
        connection = self.dice.choice(self._connections)
        self.end(connection)
        return "->".join(connection.way)

    def died(self, network: End, *, silently: bool) -> None:
        """Take a dead process off; its peers hear of it at once, or by and by (power cut)."""
        if self._listening.get(network.life.name) is network:
            del self._listening[network.life.name]
        for connection in list(self._connections):
            if connection.answerer is network:
                delay = self.dice.uniform(0.05, 2.0) if silently else self.delay()
                self.loop.call_later(delay, self.end, connection, context=self.loop.outside)
            elif connection.dialler is network and self.dice.random() < 0.5:
                self.end(connection)  # else what it had sent arrives

    # ------------------------------------------------------------------ the networks' side

    def listen(self, network: End) -> None:
        """Let others reach it."""
        self._listening[network.life.name] = network

    def reach(self, one: str, other: str) -> End | None:
        """Return who listens there, if a packet gets there now."""
        if (one, other) in self.cuts:
            return None
        network = self._listening.get(other)
        return network if network is not None and network.life.alive else None

    def delay(self) -> float:
        """Return how long the next thing takes."""
        slow = self.dice.random() < self.weather.slow_share
        return self.dice.uniform(*(self.weather.slow_s if slow else self.weather.delay_s))

    def connect(self, dialler: End, answerer: End) -> Connection:
        """Make a connection that was agreed upon."""
        self._serial += 1
        connection = Connection(dialler, answerer, self._serial, self.loop.create_future())
        self._connections.append(connection)
        return connection

    def carry(self, connection: Connection, data: bytes) -> None:
        """Put bytes on their way."""
        connection.queued += len(data)
        self._dispatch(connection, data, connection.dialler.life.now())

    def end(self, connection: Connection) -> None:
        """End a connection: what is on its way is lost."""
        if not connection.open:
            return
        connection.open = False
        connection.held.clear()
        self._connections.remove(connection)
        dialler = connection.dialler
        if dialler.life.alive:
            self.loop.call_soon(dialler.lost, connection, context=dialler.life.context)

    def _dispatch(self, connection: Connection, data: bytes, start: float) -> None:
        arrival = max(connection.last_arrival, start + self.delay())
        connection.last_arrival = arrival
        context = connection.answerer.life.context
        self.loop.call_at(arrival, self._arrive, connection, data, context=context)

    def _arrive(self, connection: Connection, data: bytes) -> None:
        if not connection.open:
            return
        if connection.way in self.cuts or connection.held:
            connection.held.append(data)
            return
        connection.queued -= len(data)
        self.delivered += 1
        self.trace.note_bytes(connection.way, data)
        connection.answerer.take(connection, data)

    def _give_up(self, connection: Connection, cut: int) -> None:
        if any(self.cuts.get(way) == cut for way in (connection.way, connection.way_back)):
            self.end(connection)
