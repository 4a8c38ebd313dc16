"""The kinds of clients: officers create, voters cast, readers look, and some mean trouble.

Officers and readers do what they are there for. Of the voters some ask twice at once on purpose,
some change their keys again and again, and some cast before they are registered.
"""

import asyncio
import random
from dataclasses import dataclass

from quorate_replication.state.outcome import Outcome
from simulation import commands, facts
from simulation.client_requests import Requests
from simulation.history import History
from simulation.loop import VirtualLoop

VOTERS_PER_CLIENT = 6


@dataclass(slots=True)
class _Known:
    """An election that a client was told of."""

    name: str
    end_us: int


class Clients:
    """What each client of one run does, and what they know of one another's elections.

    Args:
        loop: virtual time.
        requests: how they ask.
        history: who was told what can't be.
        dice: every decision.
    """

    def __init__(
        self, loop: VirtualLoop, requests: Requests, history: History, dice: random.Random
    ) -> None:
        self._loop, self._requests, self._history, self._dice = loop, requests, history, dice
        self._elections: list[_Known] = []

    @property
    def scopes(self) -> list[str]:
        """Return all that can be read."""
        return [facts.ROLL, *(election.name for election in self._elections)]

    async def officer(self, creator: str) -> None:
        """Create elections, extend some."""
        dice = self._dice
        await self._register(creator)
        while not self._requests.over:
            name = f"e{self._requests.serial():03d}"
            end_us = self._requests.now_us() + int(dice.uniform(3, 15) * 1e6)
            if not await self._create(creator, name, end_us):
                continue
            self._elections.append(_Known(name, end_us))
            await asyncio.sleep(dice.uniform(0.5, 3.0))
            if dice.random() < 0.4:
                await self._extend(creator, name, end_us + int(dice.uniform(1, 5) * 1e6))

    async def voters(self, number: int) -> None:
        """Register a few voters, then cast their ballots."""
        dice = self._dice
        names = [f"v{number}-{serial}" for serial in range(VOTERS_PER_CLIENT)]
        for name in names:
            await self._register(name)
        done = set[tuple[str, str]]()
        while not self._requests.over:
            await asyncio.sleep(dice.expovariate(3.0))
            recent = [e for e in self._elections[-6:] if e.end_us > self._requests.now_us()]
            todo = [(e.name, n) for e in recent for n in names if (e.name, n) not in done]
            if not todo:
                continue
            election, voter = dice.choice(todo)
            done.add((election, voter))
            await self._cast(election, voter)

    async def _cast(self, election: str, voter: str) -> None:
        """Cast a ballot; sometimes twice at once, as one request or as two."""
        dice = self._dice
        request_id = self._requests.fresh_id()
        choice = dice.choice(commands.CHOICES)
        first = self._requests.insist(
            commands.cast(election, voter, choice, request_id),
            request_id,
            facts.ballot(election, voter, request_id),
            tries=dice.randint(1, 6),
        )
        how = dice.random()
        if how < 0.6:
            await first
            return
        if how < 0.8:
            other_id, other_choice = request_id, choice
        else:
            other_id, other_choice = self._requests.fresh_id(), dice.choice(commands.CHOICES)
        second = self._requests.insist(
            commands.cast(election, voter, other_choice, other_id),
            other_id,
            facts.ballot(election, voter, other_id),
            tries=dice.randint(1, 4),
        )
        tasks = [self._loop.create_task(first), self._loop.create_task(second)]
        for task in tasks:
            await task

    async def key_changer(self, name: str) -> None:
        """Register one voter again and again: what is told depends on all that came before."""
        version = 0
        while not self._requests.over:
            request_id, version = self._requests.fresh_id(), version + 1
            command = commands.register(name, request_id)
            fact = facts.key(name, version)
            outcome = await self._requests.insist(command, request_id, fact, tries=1000)
            expected = Outcome.ACCEPTED if version == 1 else Outcome.REPLACED
            if outcome is None:
                return
            if outcome is not expected:
                told = f"{name}'s registration {version} was told {outcome.name}"
                self._history.expectations.append(f"{told} instead of {expected.name}")
            await asyncio.sleep(self._dice.expovariate(1.5))

    async def early_bird(self, number: int) -> None:
        """Cast before, while, and after the voter is registered: rejected, then not.

        Who was told no casts again under a new id; the old request must never count.
        """
        dice = self._dice
        while not self._requests.over:
            await asyncio.sleep(dice.expovariate(0.7))
            if not self._elections:
                continue
            election, voter = self._elections[-1].name, f"early-{number}-{self._requests.serial()}"
            registering = self._loop.create_task(self._register_later(voter))
            outcome = Outcome.INVALID_TOKEN
            while outcome is Outcome.INVALID_TOKEN and not self._requests.over:
                await asyncio.sleep(dice.uniform(0.0, 0.5))
                request_id = self._requests.fresh_id()
                command = commands.cast(election, voter, dice.choice(commands.CHOICES), request_id)
                fact = facts.ballot(election, voter, request_id)
                told = await self._requests.insist(command, request_id, fact, dice.randint(1, 3))
                outcome = Outcome.INVALID_TOKEN if told is None else told
            await registering

    async def _register_later(self, name: str) -> None:
        await asyncio.sleep(self._dice.uniform(0.0, 1.0))
        await self._register(name)

    async def reader(self) -> None:
        """Read some elections, or the roll, over and over."""
        while not self._requests.over:
            await asyncio.sleep(self._dice.expovariate(6.0))
            server = self._requests.any_server()
            scopes = self.scopes[-5:] if self._dice.random() < 0.9 else [facts.ROLL]
            await self._requests.read(server, scopes)

    async def _register(self, name: str) -> None:
        request_id = self._requests.fresh_id()
        command, fact = commands.register(name, request_id), facts.key(name, 1)
        await self._requests.insist(command, request_id, fact, tries=1000)

    async def _create(self, creator: str, name: str, end_us: int) -> bool:
        request_id = self._requests.fresh_id()
        command = commands.create(creator, name, end_us, request_id)
        fact = facts.created(name, request_id)
        outcome = await self._requests.insist(command, request_id, fact, tries=20)
        return outcome is not None and outcome.is_acceptance

    async def _extend(self, creator: str, name: str, end_us: int) -> None:
        request_id = self._requests.fresh_id()
        command = commands.extend(creator, name, end_us, request_id)
        fact = facts.extended(name, request_id)
        await self._requests.insist(command, request_id, fact, tries=5)
