"""Elections: several are open at any time, each for some seconds; some are extended."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chaos.load.people import GROUP, People, Voter
from chaos.load.recorder import Asked, Recorder, Said, named, pause, until_known
from quorate_client import AsyncClient, new_request_id
from quorate_proto.v1.election_pb2 import CreateElectionOutcome, ExtendElectionOutcome

CHOICES = ("Ada", "Barbara", "Grace")
OPEN_AT_ONCE = 4
OPEN_S = (3.0, 10.0)
VOTERS = (100, 500)
LONGER_S = (1.0, 4.0)  # by an extension
TWO_CREATORS = 0.1  # how often a name is fought for
EXTENDED = 0.4  # how often an election is extended once; and again


@dataclass(eq=False, slots=True)
class Poll:
    """One election, as its creator means it: open until `ends_at` (the wall clock), perhaps."""

    name: str
    creator: Voter
    ends_at: float
    waiting: list[Voter]  # who has not cast yet
    request_id: bytes = field(default_factory=new_request_id)


class Elections:
    """Everything that was created. `open_now` are those that voters may still cast in."""

    def __init__(self, recorder: Recorder, people: People, dice: random.Random) -> None:
        self.polls: list[Poll] = []
        self.last_end = 0.0  # on the wall clock
        self._recorder = recorder
        self._people = people
        self._dice = dice
        self._made = 0

    def open_now(self) -> list[Poll]:
        """Return the elections that are open by this machine's clock."""
        return [poll for poll in self.polls[-4 * OPEN_AT_ONCE :] if time.time() < poll.ends_at]

    async def keep_creating(self, client: AsyncClient, stopping: asyncio.Event) -> None:
        """Keep some elections open until it is time to stop."""
        async with asyncio.TaskGroup() as extending:
            while await pause(0.1, stopping):
                if len(self.open_now()) >= OPEN_AT_ONCE:
                    continue
                poll = self._new()
                if await self._create(client, "creator", poll) != "CREATED":
                    continue  # somebody else has the name, or it is unknown: not voted in
                self.polls.append(poll)
                if self._dice.random() < EXTENDED:
                    extending.create_task(self._extend(client, poll, stopping))

    def _new(self) -> Poll:
        self._made += 1
        dice, everyone = self._dice, self._people.everyone
        count = min(len(everyone), dice.randint(*VOTERS))
        return Poll(
            name=f"election-{self._made:05}",
            creator=dice.choice(everyone),
            ends_at=time.time() + dice.uniform(*OPEN_S),
            waiting=dice.sample(everyone, count),
        )

    async def _create(self, client: AsyncClient, process: str, poll: Poll) -> str:
        if self._dice.random() < TWO_CREATORS:
            rival = Poll(poll.name, self._dice.choice(self._people.everyone), poll.ends_at, [])
            told, _ = await asyncio.gather(
                self._create_once(client, process, poll),
                self._create_once(client, f"{process}'s rival", rival),
            )
            return told
        return await self._create_once(client, process, poll)

    async def _create_once(self, client: AsyncClient, process: str, poll: Poll) -> str:
        token = await self._people.token_of(poll.creator, client)
        if token is None:
            return ""
        end_time = datetime.fromtimestamp(poll.ends_at, UTC)
        self.last_end = max(self.last_end, poll.ends_at)
        asked = Asked(
            process=process,
            kind="create",
            election=poll.name,
            voter=poll.creator.name,
            request_id=poll.request_id,
            end_us=_microseconds(end_time),
        )

        async def answer() -> Said:
            outcome = await client.create_election(
                poll.name,
                groups=[GROUP],
                choices=CHOICES,
                end_time=end_time,
                by=token,
                request_id=poll.request_id,
            )
            return named(CreateElectionOutcome, outcome)

        return await until_known(lambda: self._recorder.call(asked, answer()))

    async def _extend(self, client: AsyncClient, poll: Poll, stopping: asyncio.Event) -> None:
        dice, number = self._dice, 0
        while dice.random() < EXTENDED ** min(number, 1):
            number += 1
            if not await pause(dice.uniform(0.0, 1.2) * (poll.ends_at - time.time()), stopping):
                return
            await self._extend_once(client, poll, f"extender of {poll.name}")

    async def _extend_once(self, client: AsyncClient, poll: Poll, process: str) -> None:
        token = await self._people.token_of(poll.creator, client)
        if token is None:
            return
        end_time = datetime.fromtimestamp(poll.ends_at + self._dice.uniform(*LONGER_S), UTC)
        self.last_end = max(self.last_end, end_time.timestamp())
        request_id = new_request_id()
        asked = Asked(
            process=process,
            kind="extend",
            election=poll.name,
            voter=poll.creator.name,
            request_id=request_id,
            end_us=_microseconds(end_time),
        )

        async def answer() -> Said:
            outcome = await client.extend_election(
                poll.name, end_time=end_time, by=token, request_id=request_id
            )
            return named(ExtendElectionOutcome, outcome)

        if await until_known(lambda: self._recorder.call(asked, answer())) == "EXTENDED":
            poll.ends_at = end_time.timestamp()


def _microseconds(moment: datetime) -> int:
    whole = int(moment.replace(microsecond=0).timestamp())
    return whole * 1_000_000 + moment.microsecond
