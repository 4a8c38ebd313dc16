"""How clients ask: a change under one id until a node answers, a read once; all of it on record.

They know no more of a node than its address, give up, go elsewhere, and repeat. Whatever they ask
and are told goes into the `History`.
"""

import asyncio
import random
from collections.abc import Sequence

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.errors import NotCommitted, OutcomeUnknown
from quorate_replication.state.outcome import Outcome
from simulation import facts
from simulation.history import Fact, Fate, History
from simulation.loop import EPOCH_US, VirtualLoop
from simulation.rpc import Lost, Server, ask


class Requests:
    """Everything that the clients of one run ask.

    Args:
        loop: virtual time.
        servers: the nodes.
        history: what is asked and told.
        dice: every decision.
    """

    def __init__(
        self, loop: VirtualLoop, servers: Sequence[Server], history: History, dice: random.Random
    ) -> None:
        self._loop, self._servers, self._history, self._dice = loop, servers, history, dice
        self._count = 0
        self.until = 0.0
        """When clients ask nothing new any more."""

    async def insist(
        self, command: pb.Command, request_id: bytes, fact: Fact, tries: int
    ) -> Outcome | None:
        """Ask one node after another under one id until one answers; None: nobody did."""
        for _ in range(tries):
            if self.over:
                return None
            outcome = await self.attempt(command, request_id, fact)
            if outcome is not None:
                return outcome
            await asyncio.sleep(self._dice.uniform(0.01, 0.3))
        return None

    async def attempt(
        self, command: pb.Command, request_id: bytes, fact: Fact, server: Server | None = None
    ) -> Outcome | None:
        """Ask a node, or any, once; return its answer, if there was one."""
        server = server or self.any_server()
        if server.serving is None:
            return None
        timeout_s = self._dice.choice((0.3, 1.0, 3.0))
        patience_s = timeout_s * self._dice.choice((0.5, 1.5))
        history = self._history
        call = history.begin(server.name, request_id, fact)
        try:
            outcome = await ask(
                self._loop, server, lambda r: r.propose(command, timeout_s), patience_s
            )
        except NotCommitted:
            history.finish(call, Fate.DEFINITE)
        except (OutcomeUnknown, Lost):
            history.finish(call, Fate.UNKNOWN)
        else:
            history.finish(call, Fate.ANSWERED, outcome)
            return outcome
        return None

    async def read(self, server: Server, scopes: Sequence[str]) -> bool:
        """Read some scopes linearizably; tell whether it was answered."""
        history = self._history
        start = history.tick()
        try:
            seen = await ask(
                self._loop,
                server,
                lambda replica: replica.read_latest(lambda state: facts.look(state, scopes), 2.0),
                self._dice.choice((0.5, 3.0)),
            )
        except (NotCommitted, OutcomeUnknown, Lost):
            return False
        for scope, (there, closed) in seen.items():
            history.saw(server.name, scope, start, there, closed)
        return True

    @property
    def over(self) -> bool:
        """Whether clients ask nothing new any more."""
        return self._loop.now >= self.until

    def now_us(self) -> int:
        """Return the wall clock, microseconds."""
        return EPOCH_US + int(self._loop.now * 1e6)

    def any_server(self) -> Server:
        """Choose a node; rather one that answers."""
        up = [server for server in self._servers if server.serving is not None]
        return self._dice.choice(up or self._servers)

    def serial(self) -> int:
        """Return a number that nobody else was given."""
        self._count += 1
        return self._count

    def fresh_id(self) -> bytes:
        """Return a new request id."""
        return b"request-%06d" % self.serial()
