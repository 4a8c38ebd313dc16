"""The whole load: everybody at work until it is time to stop, and then the last questions."""

import asyncio
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from chaos.load.elections import Elections
from chaos.load.finale import final_of
from chaos.load.people import People
from chaos.load.reading import Reader
from chaos.load.recorder import Recorder
from chaos.load.voting import Voting
from chaos.records import NodeFinal, Op
from quorate_client import AsyncClient, Profile

CALL_S = 20.0  # longer than any fault lasts
IMPATIENT_S = 0.8  # every third voter gives up so soon, and is left with a question
ONE_NODE_S = 5.0  # a reader's node may be down
CLOSE_S = 30.0  # for the last elections to be closed everywhere


@dataclass(frozen=True, slots=True)
class Size:
    """How much load: voters at first and per second, casters and their mean pause in seconds."""

    voters: int = 1000
    more_voters_per_s: float = 5.0
    casters: int = 12
    pause_s: float = 0.05
    readers_pause_s: float = 0.15


class Workload:
    """The load on the cluster in `profile`, for `async with`; `dice` decide who does what when."""

    def __init__(self, profile: Profile, dice: random.Random, size: Size) -> None:
        self._profile = profile
        self._dice = dice
        self._size = size
        self._stack = AsyncExitStack()
        self._stopping = asyncio.Event()
        self._recorder = Recorder()
        self._people = People(self._recorder, dice)
        self._elections = Elections(self._recorder, self._people, dice)
        self._voting = Voting(self._recorder, self._people, self._elections, dice)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.aclose()

    @property
    def ops(self) -> Sequence[Op]:
        """The history so far."""
        return self._recorder.ops

    @property
    def counted(self) -> int:
        """How often a voter was told so."""
        return len(self._voting.counted)

    @property
    def unexpected(self) -> Sequence[str]:
        """Answers that no call should get."""
        return self._recorder.unexpected

    @property
    def began_us(self) -> int:
        """The wall clock at second 0, microseconds since 1970."""
        return self._recorder.began_us

    def now(self) -> float:
        """Seconds since the beginning: the clock of the whole run."""
        return self._recorder.now()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()

    async def prepare(self) -> None:
        """Fill the roll."""
        client = await self._client(self._profile, CALL_S)
        await self._people.register(client, self._size.voters)

    async def run(self) -> None:
        """Work until `stop`; every call that was begun is ended."""
        size, stopping = self._size, self._stopping
        officer, resolver = [await self._client(self._profile, CALL_S) for _ in range(2)]
        async with asyncio.TaskGroup() as tasks:
            begin = tasks.create_task
            begin(self._people.keep_registering(officer, size.more_voters_per_s, stopping))
            begin(self._elections.keep_creating(officer, stopping))
            begin(self._voting.keep_asking_again(resolver, stopping))
            for number in range(size.casters):
                patience_s = CALL_S if number % 3 else IMPATIENT_S
                clients = [await self._client(self._profile, patience_s) for _ in range(2)]
                process = f"caster-{number}"
                begin(self._voting.keep_casting(process, clients, size.pause_s, stopping))
            for node in self._profile.nodes:
                reader = Reader(self._recorder, node.name, await self._one_node(node.name))
                dice = random.Random(self._dice.random())  # noqa: S311 - dice, not keys
                begin(
                    reader.keep_reading(
                        self._elections, self._voting, dice, size.readers_pause_s, stopping
                    )
                )

    async def resolve(self) -> None:
        """Ask again for every ballot whose outcome is unknown, until it is not."""
        client = await self._client(self._profile, CALL_S)
        while self._voting.open_questions:
            await self._voting.ask_again(client)

    async def wait_until_closed(self) -> None:
        """Wait for the end of the last election."""
        left_s = self._elections.last_end - time.time()
        await asyncio.sleep(max(0.0, left_s))

    async def finals(self) -> tuple[NodeFinal, ...]:
        """Ask every node for everything that it knows."""
        clients = {node.name: await self._one_node(node.name) for node in self._profile.nodes}
        asked = (final_of(name, client, CLOSE_S) for name, client in clients.items())
        return tuple(await asyncio.gather(*asked))

    async def read_again(self) -> None:
        """Have every node asked for every result once more, as calls in the history."""
        for node in self._profile.nodes:
            reader = Reader(self._recorder, node.name, await self._one_node(node.name))
            for poll in self._elections.polls:
                await reader.results(poll.name)

    async def _one_node(self, name: str) -> AsyncClient:
        profile = self._profile
        [node] = [node for node in profile.nodes if node.name == name]
        alone = Profile((node,), lab=profile.lab, ca=profile.ca, ca_file=profile.ca_file)
        return await self._client(alone, ONE_NODE_S)

    async def _client(self, profile: Profile, timeout_s: float) -> AsyncClient:
        return await self._stack.enter_async_context(AsyncClient(profile, timeout_s=timeout_s))
