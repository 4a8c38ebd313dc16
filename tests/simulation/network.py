"""One process's end of the wires: it dials, greets, sends and receives; see `wire.network.Network`.

Rule 1: of two connections of one dialler, the older one's messages arrive until the first of the
newer one has: the worst that the contract allows.
Rule 2: messages, and the greeting too, go through the real codec, and the greeting through the
node's real `Greeter`.
"""

import asyncio
from collections.abc import Iterable
from typing import TypeVar, cast

from quorate_replication.wire import codec
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.messages import Hello, Message, Refusal, TurnedAway, Welcome
from quorate_replication.wire.network import NetworkEvents
from simulation.connection import Answer, Connection, End
from simulation.life import Life
from simulation.wires import Wires

ROOM_BYTES = 1 << 20
"""A small queue, so that it is full at times."""
REDIAL_S = (0.02, 0.3)
DIAL_TIMEOUT_S = (0.2, 1.0)


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

    def _agree(self, answerer: End, answer: Answer) -> Connection | None:
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

    def answer(self, dialler: End, hello: Hello, answered: asyncio.Future[Answer]) -> None:
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
