"""All clients of one run: who they are, when they work, and what they ask in the end.

They live outside every node. First the members are set; then all work at once, until the time is
up. In the calm after the trouble something is changed through every node, and all is read.
"""

import asyncio
import random
from collections.abc import Sequence

from quorate_replication.errors import NotCommitted, OutcomeUnknown
from simulation import commands, facts
from simulation.client_requests import Requests
from simulation.clients import Clients
from simulation.history import History
from simulation.loop import VirtualLoop
from simulation.rpc import Lost, Server, ask


class Workload:
    """All clients of one run.

    Args:
        loop: virtual time.
        servers: the nodes.
        history: what is asked and told.
        dice: every decision.
    """

    def __init__(
        self, loop: VirtualLoop, servers: Sequence[Server], history: History, dice: random.Random
    ) -> None:
        self._loop, self._servers = loop, servers
        self._requests = Requests(loop, servers, history, dice)
        self._clients = Clients(loop, self._requests, history, dice)

    async def run(self, until: float) -> None:
        """Work until then, and until all is answered or given up."""
        self._requests.until = until
        await self._set_members()
        kinds = self._clients
        clients = [kinds.voters(number) for number in range(8)]
        clients += [kinds.officer("creator-0"), kinds.officer("creator-1")]
        clients += [kinds.reader() for _ in range(4)]
        clients += [kinds.key_changer("changer-0"), kinds.key_changer("changer-1")]
        clients += [kinds.early_bird(0), kinds.early_bird(1)]
        tasks = [self._loop.create_task(client) for client in clients]
        for task in tasks:
            await task

    async def last_words(self, deadline: float) -> None:
        """In the calm, change something through every node, and read everything from one."""
        requests = self._requests
        requests.until = deadline
        for server in self._servers:
            request_id = requests.fresh_id()
            name = f"calm-{server.name}"
            command, fact = commands.register(name, request_id), facts.key(name, 1)
            while not requests.over:
                if await requests.attempt(command, request_id, fact, server) is not None:
                    break
                await asyncio.sleep(0.2)
        for server in self._servers:
            while not requests.over and not await requests.read(server, self._clients.scopes):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    async def _set_members(self) -> None:
        command = commands.set_members(server.name for server in self._servers)
        while not self._requests.over:
            server = self._requests.any_server()
            try:
                await ask(self._loop, server, lambda r: r.propose(command, 2.0), 3.0)
            except (NotCommitted, OutcomeUnknown, Lost):
                await asyncio.sleep(0.2)
            else:
                return
