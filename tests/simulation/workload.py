"""Clients: officers that register and create, voters that cast, readers that look.

They live outside every node, know only its address, give up, go elsewhere and repeat under the
same request id; some ask twice at once on purpose. All that they ask and are told goes into the
`History`.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from quorate_proto.internal import command_pb2 as pb
from quorate_replication import Replica
from quorate_replication.errors import NotCommitted, OutcomeUnknown
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from simulation import facts
from simulation.history import Call, Fact, Fate, History
from simulation.life import Life
from simulation.loop import VirtualLoop

T = TypeVar("T")

EPOCH_US = 1_800_000_000_000_000
"""Wall clocks begin here."""
GROUP, CHOICES = "staff", ("yes", "no", "abstain")
VOTERS_PER_CLIENT = 6
KEY = bytes(32)


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


@dataclass(slots=True)
class _Known:
    """An election that a client was told of."""

    name: str
    end_us: int


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
        self._loop, self._servers, self._history, self._dice = loop, servers, history, dice
        self._elections: list[_Known] = []
        self._registered: list[str] = []
        self._serial = 0
        self.until = 0.0
        """When clients ask nothing new any more."""

    async def run(self, until: float) -> None:
        """Work until then, and until all is answered or given up."""
        self.until = until
        await self._set_members()
        clients = [self._voters(number) for number in range(8)]
        clients += [
            self._officer("creator-0"),
            self._officer("creator-1"),
            *(self._reader() for _ in range(4)),
        ]
        clients += [self._key_changer("changer-0"), self._key_changer("changer-1")]
        clients += [self._early_bird(0), self._early_bird(1)]
        tasks = [self._loop.create_task(client) for client in clients]
        for task in tasks:
            await task

    # ------------------------------------------------------------------ clients

    async def _set_members(self) -> None:
        members = pb.SetMembers(members=[server.name for server in self._servers])
        command = pb.Command(set_members=members)
        while not self._over:
            try:
                await ask(self._loop, self._any(), lambda r: r.propose(command, 2.0), 3.0)
            except (NotCommitted, OutcomeUnknown, Lost):
                await asyncio.sleep(0.2)
            else:
                return

    async def _officer(self, creator: str) -> None:
        """Create elections, extend some."""
        dice = self._dice
        await self._register(creator)
        while not self._over:
            name = f"e{self._next():03d}"
            end_us = self._now_us() + int(dice.uniform(3, 15) * 1e6)
            if not await self._create(creator, name, end_us):
                continue
            self._elections.append(_Known(name, end_us))
            await asyncio.sleep(dice.uniform(0.5, 3.0))
            if dice.random() < 0.4:
                await self._extend(creator, name, end_us + int(dice.uniform(1, 5) * 1e6))

    async def _voters(self, number: int) -> None:
        """Register a few voters, then cast their ballots."""
        dice = self._dice
        names = [f"v{number}-{serial}" for serial in range(VOTERS_PER_CLIENT)]
        for name in names:
            if await self._register(name):
                self._registered.append(name)
        done = set[tuple[str, str]]()
        while not self._over:
            await asyncio.sleep(dice.expovariate(3.0))
            recent = [e for e in self._elections[-6:] if e.end_us > self._now_us()]
            todo = [(e.name, n) for e in recent for n in names if (e.name, n) not in done]
            if not todo:
                continue
            election, voter = dice.choice(todo)
            done.add((election, voter))
            await self._cast(election, voter)

    async def _cast(self, election: str, voter: str) -> None:
        """Cast a ballot; sometimes twice at once, as one request or as two."""
        dice = self._dice
        request_id = self._fresh()
        choice = dice.choice(CHOICES)
        first = self._insist(
            _cast(election, voter, choice, request_id),
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
            other_id, other_choice = self._fresh(), dice.choice(CHOICES)
        second = self._insist(
            _cast(election, voter, other_choice, other_id),
            other_id,
            facts.ballot(election, voter, other_id),
            tries=dice.randint(1, 4),
        )
        tasks = [self._loop.create_task(first), self._loop.create_task(second)]
        for task in tasks:
            await task

    async def _key_changer(self, name: str) -> None:
        """Register one voter again and again: what is told depends on all that came before."""
        version = 0
        while not self._over:
            request_id, version = self._fresh(), version + 1
            command = _register(name, request_id)
            fact = facts.key(name, version)
            outcome = await self._insist(command, request_id, fact, tries=1000)
            expected = Outcome.ACCEPTED if version == 1 else Outcome.REPLACED
            if outcome is None:
                return
            if outcome is not expected:
                told = f"{name}'s registration {version} was told {outcome.name}"
                self._history.expectations.append(f"{told} instead of {expected.name}")
            await asyncio.sleep(self._dice.expovariate(1.5))

    async def _early_bird(self, number: int) -> None:
        """Cast before, while, and after the voter is registered: rejected, then not.

        Who was told no casts again under a new id; the old request must never count.
        """
        dice = self._dice
        while not self._over:
            await asyncio.sleep(dice.expovariate(0.7))
            if not self._elections:
                continue
            election, voter = self._elections[-1].name, f"early-{number}-{self._next()}"
            registering = self._loop.create_task(self._register_later(voter))
            outcome = Outcome.INVALID_TOKEN
            while outcome is Outcome.INVALID_TOKEN and not self._over:
                await asyncio.sleep(dice.uniform(0.0, 0.5))
                request_id = self._fresh()
                command = _cast(election, voter, dice.choice(CHOICES), request_id)
                fact = facts.ballot(election, voter, request_id)
                told = await self._insist(command, request_id, fact, dice.randint(1, 3))
                outcome = Outcome.INVALID_TOKEN if told is None else told
            await registering

    async def _register_later(self, name: str) -> None:
        await asyncio.sleep(self._dice.uniform(0.0, 1.0))
        await self._register(name)

    async def _reader(self) -> None:
        while not self._over:
            await asyncio.sleep(self._dice.expovariate(6.0))
            await self.read(self._any())

    async def read(self, server: Server, scopes: Sequence[str] = ()) -> bool:
        """Read some elections, or the roll, linearizably; tell whether it was answered."""
        dice, history = self._dice, self._history
        if not scopes:
            scopes = self.scopes[-5:] if dice.random() < 0.9 else [facts.ROLL]
        start = history.tick()
        try:
            seen = await ask(
                self._loop,
                server,
                lambda replica: replica.read_latest(lambda state: _look(state, scopes), 2.0),
                dice.choice((0.5, 3.0)),
            )
        except (NotCommitted, OutcomeUnknown, Lost):
            return False
        for scope, (there, closed) in seen.items():
            history.saw(server.name, scope, start, there, closed)
        return True

    async def last_words(self, deadline: float) -> None:
        """In the calm, change something through every node, and read everything from one."""
        self.until = deadline
        for server in self._servers:
            request_id = self._fresh()
            name = f"calm-{server.name}"
            command, fact = _register(name, request_id), facts.key(name, 1)
            while not self._over:
                if await self._attempt(command, request_id, fact, server) is not None:
                    break
                await asyncio.sleep(0.2)
        for server in self._servers:
            while not self._over and not await self.read(server, self.scopes):  # noqa: ASYNC110
                await asyncio.sleep(0.2)

    # ------------------------------------------------------------------ changes

    async def _register(self, name: str) -> bool:
        request_id = self._fresh()
        fact = facts.key(name, 1)
        outcome = await self._insist(_register(name, request_id), request_id, fact, tries=1000)
        return outcome is not None

    async def _create(self, creator: str, name: str, end_us: int) -> bool:
        request_id = self._fresh()
        command = pb.CreateElection(
            request_id=request_id,
            bearer=pb.Bearer(voter_name=creator, key_version=1),
            name=name,
            groups=[GROUP],
            choices=CHOICES,
            end_us=end_us,
        )
        fact = facts.created(name, request_id)
        outcome = await self._insist(
            pb.Command(create_election=command), request_id, fact, tries=20
        )
        return outcome is not None and outcome.is_acceptance

    async def _extend(self, creator: str, name: str, end_us: int) -> None:
        request_id = self._fresh()
        command = pb.ExtendElection(
            request_id=request_id,
            bearer=pb.Bearer(voter_name=creator, key_version=1),
            name=name,
            end_us=end_us,
        )
        fact = facts.extended(name, request_id)
        await self._insist(pb.Command(extend_election=command), request_id, fact, tries=5)

    async def _insist(
        self, command: pb.Command, request_id: bytes, fact: Fact, tries: int
    ) -> Outcome | None:
        """Ask one node after another under one id until one answers; None: nobody did."""
        for _ in range(tries):
            if self._over:
                return None
            outcome = await self._attempt(command, request_id, fact)
            if outcome is not None:
                return outcome
            await asyncio.sleep(self._dice.uniform(0.01, 0.3))
        return None

    async def _attempt(
        self, command: pb.Command, request_id: bytes, fact: Fact, server: Server | None = None
    ) -> Outcome | None:
        server = server or self._any()
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

    # ------------------------------------------------------------------ small things

    @property
    def _over(self) -> bool:
        return self._loop.now >= self.until

    def _now_us(self) -> int:
        return EPOCH_US + int(self._loop.now * 1e6)

    def _any(self) -> Server:
        """Choose a node; rather one that answers."""
        up = [server for server in self._servers if server.serving is not None]
        return self._dice.choice(up or self._servers)

    def _next(self) -> int:
        self._serial += 1
        return self._serial

    def _fresh(self) -> bytes:
        return b"request-%06d" % self._next()

    @property
    def scopes(self) -> list[str]:
        """Return all that can be read."""
        return [facts.ROLL, *(election.name for election in self._elections)]


def describe(call: Call) -> str:
    """Return a call in words, for the trace."""
    told = call.outcome.name if call.outcome is not None else call.fate.value
    return f"{call.request_id.decode()} {call.fact.scope} {call.fact.what}: {told}"


_Seen = tuple[frozenset[Fact], tuple[int, ...] | None]


def _look(state: Elections, scopes: Sequence[str]) -> dict[str, _Seen]:
    return {scope: _look_at(state, scope) for scope in scopes}


def _look_at(state: Elections, scope: str) -> _Seen:
    if scope == facts.ROLL:
        return facts.of_roll(state), None
    election = state.elections.get(scope)
    closed = election is not None and state.is_closed(election)
    counts = tuple(election.tally) if election is not None and closed else None
    return facts.of_election(state, scope), counts


def _register(name: str, request_id: bytes) -> pb.Command:
    command = pb.RegisterVoter(request_id=request_id, name=name, group=GROUP, public_key=KEY)
    return pb.Command(register_voter=command)


def _cast(election: str, voter: str, choice: str, request_id: bytes) -> pb.Command:
    command = pb.CastBallot(
        request_id=request_id,
        bearer=pb.Bearer(voter_name=voter, key_version=1),
        election_name=election,
        choice=choice,
    )
    return pb.Command(cast_ballot=command)
