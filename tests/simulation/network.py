"""Connections that are slow, break, stall and overtake one another; see `wire.network.Network`.

`Wires` is what lies between all nodes; a `SimNetwork` is one process's end of it.

Rule 1: a connection carries messages one way, whole and in order, each after a delay of its own.
Rule 2: across a cut nothing is delivered. What is on its way waits; the connection may outlive
the cut, or end in it.
Rule 3: of two connections of one dialler, the older one's messages arrive until the first of the
newer one has: the worst that the contract allows.
Rule 4: messages, and the greeting too, go through the real codec, and the greeting through the
node's real `Greeter`.
"""

import asyncio
import random
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeVar, cast

from quorate_replication.wire import codec
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.messages import Hello, Message, Refusal, TurnedAway, Welcome
from quorate_replication.wire.network import NetworkEvents
from simulation.life import Life
from simulation.loop import VirtualLoop
from simulation.trace import Trace

Answer = Welcome | TurnedAway

ROOM_BYTES = 1 << 20
"""A small queue, so that it is full at times."""
REDIAL_S = (0.02, 0.3)
DIAL_TIMEOUT_S = (0.2, 1.0)
CUT_TIMEOUT_S = (0.1, 8.0)
"""How long a connection bears a cut; the longest outlives most of them."""


@dataclass(slots=True)
class Weather:
    """How the network is just now."""

    delay_s: tuple[float, float] = (0.0005, 0.003)
    slow_share: float = 0.0
    """Of messages that take `slow_s` instead."""
    slow_s: tuple[float, float] = (0.02, 0.3)


@dataclass(eq=False)
class Connection:
    """From a dialler to an answerer; only the dialler sends."""

    dialler: "SimNetwork"
    answerer: "SimNetwork"
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


class Wires:
    """Every cable of the cluster."""

    def __init__(self, loop: VirtualLoop, dice: random.Random, trace: Trace) -> None:
        self.loop = loop
        self.dice = dice
        self.trace = trace
        self.weather = Weather()
        self.delivered = 0
        self.cuts: dict[tuple[str, str], int] = {}  # way: its serial
        self._listening: dict[str, SimNetwork] = {}
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

    def died(self, network: "SimNetwork", *, silently: bool) -> None:
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

    def listen(self, network: "SimNetwork") -> None:
        """Let others reach it."""
        self._listening[network.life.name] = network

    def reach(self, one: str, other: str) -> "SimNetwork | None":
        """Return who listens there, if a packet gets there now."""
        if (one, other) in self.cuts:
            return None
        network = self._listening.get(other)
        return network if network is not None and network.life.alive else None

    def delay(self) -> float:
        """Return how long the next thing takes."""
        slow = self.dice.random() < self.weather.slow_share
        return self.dice.uniform(*(self.weather.slow_s if slow else self.weather.delay_s))

    def connect(self, dialler: "SimNetwork", answerer: "SimNetwork") -> Connection:
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


class SimNetwork:
    """One process's connections; see `wire.network.Network`.

    Args:
        wires: what lies between.
        life: the process.
        peers: every other member.
        greeter: decides about callers.
    """

    def __init__(self, wires: Wires, life: Life, peers: Iterable[str], greeter: Greeter) -> None:
        self.life = life
        self._wires = wires
        self._peers = sorted(peers)
        self._greeter = greeter
        self._to: dict[str, Connection] = {}
        self._newest: dict[str, int] = {}
        self._events: NetworkEvents
        self._stopped = False

    async def start(self, events: NetworkEvents) -> None:
        """Listen and dial."""
        self._events = events
        self._wires.listen(self)
        for peer in self._peers:
            self._wires.loop.create_task(self._keep_connected(peer))

    def send(self, peer: str, message: Message) -> bool:
        """Queue a message; False if there is no connection, or no room for it."""
        connection = self._to.get(peer)
        if connection is None or not connection.open or self._stopped or not self.life.alive:
            return False
        data = codec.encode(message)
        if connection.queued + len(data) > ROOM_BYTES:
            return False
        self._wires.carry(connection, data)
        return True

    def room(self, peer: str) -> int:
        """Return how many bytes more may be queued now."""
        connection = self._to.get(peer)
        return 0 if connection is None or not connection.open else ROOM_BYTES - connection.queued

    async def stop(self) -> None:
        """Close everything; what is on its way arrives."""
        self._stopped = True
        await asyncio.sleep(0.01)
        self._wires.died(self, silently=False)

    # ------------------------------------------------------------------ the wires' side

    def take(self, connection: Connection, data: bytes) -> None:
        """Receive bytes, in this process."""
        peer = connection.dialler.life.name
        if self._stopped or connection.serial < self._newest.get(peer, 0):
            return
        self._newest[peer] = connection.serial
        self._events.received(peer, cast(Message, codec.decode(data)))

    def lost(self, connection: Connection) -> None:
        """Hear that a connection has ended, in this process."""
        peer = connection.answerer.life.name
        if self._to.get(peer) is connection:
            del self._to[peer]
            if not self._stopped:
                self._events.disconnected(peer)
        if not connection.ended.done():
            connection.ended.set_result(None)

    # ------------------------------------------------------------------ dialling

    async def _keep_connected(self, peer: str) -> None:
        dice = self._wires.dice
        while not self._stopped:
            connection = await self._dial(peer)
            if connection is not None:
                self._to[peer] = connection
                self._events.connected(peer)
                await connection.ended
            await asyncio.sleep(dice.uniform(*REDIAL_S))

    async def _dial(self, peer: str) -> Connection | None:
        wires, own = self._wires, self.life.name
        hello = _over_the_wire(self._greeter.hello())
        await asyncio.sleep(wires.delay())
        answerer = wires.reach(own, peer)
        if answerer is None:
            if (own, peer) not in wires.cuts and wires.dice.random() < 0.5:
                return None  # the machine is up and refuses
            await asyncio.sleep(wires.dice.uniform(*DIAL_TIMEOUT_S))
            return None
        answered: asyncio.Future[Answer] = wires.loop.create_future()
        wires.loop.call_soon(answerer.answer, self, hello, answered, context=answerer.life.context)
        try:
            async with asyncio.timeout(wires.dice.uniform(*DIAL_TIMEOUT_S)):
                answer = await answered
        except TimeoutError:
            return None
        return self._agree(answerer, answer)

    def _agree(self, answerer: "SimNetwork", answer: Answer) -> Connection | None:
        peer = answerer.life.name
        if isinstance(answer, TurnedAway):
            if answer.refusal is Refusal.OTHER_INCARNATION:
                self._events.refused(f"{peer} knows {self.life.name} with another disk")
            return None
        if not self._greeter.welcomed(peer, answer):
            return None
        if self._wires.reach(self.life.name, peer) is not answerer:
            return None
        return self._wires.connect(self, answerer)

    def answer(self, dialler: "SimNetwork", hello: Hello, answered: asyncio.Future[Answer]) -> None:
        """Answer a caller, in this process."""
        if self._stopped:
            return
        answer = _over_the_wire(self._greeter.greet(hello))
        if self._wires.reach(self.life.name, dialler.life.name) is None:
            return
        self._wires.loop.call_later(
            self._wires.delay(), _settle, answered, answer, context=dialler.life.context
        )


G = TypeVar("G", Hello, Welcome | TurnedAway)


def _over_the_wire(greeting: G) -> G:
    return cast(G, codec.decode(codec.encode(greeting)))


def _settle(answered: asyncio.Future[Answer], answer: Answer) -> None:
    if not answered.done():
        answered.set_result(answer)
