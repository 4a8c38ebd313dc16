"""The demo from its beginning to its end: a cluster, a roll, an election, a murder, a verdict."""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from quorate_client.aio import AsyncClient
from quorate_client.demo.ask import ask_every_node
from quorate_client.demo.checker import NodeAnswer, Told, problems
from quorate_client.demo.faults import kill_the_leader
from quorate_client.demo.ledger import Ledger
from quorate_client.demo.ports import plan_on_free_ports
from quorate_client.demo.report import Report
from quorate_client.demo.stage import Stage
from quorate_client.demo.workload import CHOICES, GROUP, Voter, cast_all, make_voters, register
from quorate_client.errors import QuorateError
from quorate_client.profile import Profile
from quorate_client.provision import provision
from quorate_client.tokens import VoterKey
from quorate_client.up import Supervisor
from quorate_client.up.events import Died, Event, Started
from quorate_client.up.waits import all_of, first_of
from quorate_client.up.watch import wait_until_ready
from quorate_proto.v1.election_pb2 import CreateElectionOutcome

NODES = 3
ELECTION = "demo"
READY_WITHIN_S = 60.0
AFTER_END_S = 30.0  # for ballots without an answer, and for the results
STRAGGLERS_S = 7.0  # between the last voter's start and the end, but at most half of it all
VOTERS_PER_S = 50  # two cores carry that, with a TLS connection for each
SHORTEST_S = 15.0


@dataclass(frozen=True, slots=True)
class Options:
    """`voters`; `seconds` that the election is open (None: enough for them); the dice's `seed`."""

    voters: int
    seconds: float | None
    seed: int

    @property
    def open_s(self) -> float:
        """How many seconds the election is open."""
        return self.seconds or max(SHORTEST_S, self.voters / VOTERS_PER_S + STRAGGLERS_S)

    @property
    def casting_s(self) -> float:
        """Over how many seconds the voters come."""
        return max(self.open_s / 2, self.open_s - STRAGGLERS_S)


async def run_demo(directory: Path, options: Options, stage: Stage) -> Report:
    """Make a cluster in `directory` (which does not exist), hold an election, end the cluster.

    Raises QuorateError if it cannot be carried out. No node runs any more when it returns.
    """
    began = time.monotonic()
    provision(directory, plan_on_free_ports(NODES))
    demo = _Demo(Profile.load(directory), options, stage)
    async with Supervisor(
        directory, demo.profile, demo.note, restart=True, needed=NODES
    ) as supervisor:
        await first_of(demo.hold(supervisor), supervisor.failed())
    return demo.report(time.monotonic() - began)


class _Demo:
    """One election: `hold` it, then ask for the `report`."""

    def __init__(self, profile: Profile, options: Options, stage: Stage) -> None:
        self.profile = profile
        self._options = options
        self._stage = stage
        self._ledger = Ledger()
        self._answers: dict[str, NodeAnswer] = {}
        self._killed = ""
        self._quiet = True  # about nodes that start, until all have started once

    def note(self, event: Event) -> None:
        """Show what becomes of the nodes while the election goes on."""
        if isinstance(event, Died) or (isinstance(event, Started) and not self._quiet):
            self._stage.say(event.line, style=event.style)

    async def hold(self, supervisor: Supervisor) -> None:
        """Hold the election, from the roll to the results of every node."""
        await self._until_ready()
        self._quiet = False
        voters = await self._fill_the_roll()
        open_s = self._options.open_s
        end = time.monotonic() + open_s
        await self._open_election(voters[0], datetime.now(UTC) + timedelta(seconds=open_s))
        await self._cast(supervisor, voters, end)
        await self._ask(end)

    def report(self, took_s: float) -> Report:
        """Compare what the voters were told with what the nodes answered."""
        ledger = self._ledger
        told = Told(
            acknowledged=dict(ledger.acknowledged),
            rejected=dict(ledger.rejected),
            not_cast=dict(ledger.not_cast),
            unknown=ledger.unknown,
        )
        return Report(
            voters=self._options.voters,
            seed=self._options.seed,
            choices=CHOICES,
            told=told,
            answers=self._answers,
            problems=tuple(problems(told, self._answers)),
            killed=self._killed,
            longest_wait_s=ledger.longest_wait_s,
            took_s=took_s,
        )

    async def _until_ready(self) -> None:
        self._stage.say(f"starting {NODES} nodes")
        try:
            async with asyncio.timeout(READY_WITHIN_S):
                ready = await wait_until_ready(self.profile, self.note)
        except TimeoutError as error:
            raise QuorateError(f"no leader served within {READY_WITHIN_S:.0f} s") from error
        self._stage.say(ready.line, style=ready.style)

    async def _fill_the_roll(self) -> list[Voter]:
        count = self._options.voters
        dice = random.Random(self._options.seed)  # noqa: S311  it decides choices, not keys
        voters = make_voters(count, dice)
        registered = 0

        def one_more() -> None:
            nonlocal registered
            registered += 1

        job = register(self.profile, voters, one_more)
        await self._shown(f"registering {count} voters", lambda: registered, [job])
        return voters

    async def _open_election(self, creator: Voter, end_time: datetime) -> None:
        async with AsyncClient(self.profile) as client:
            outcome = await client.create_election(
                ELECTION,
                groups=[GROUP],
                choices=CHOICES,
                end_time=end_time,
                by=VoterKey(creator.name, creator.key),
            )
        if outcome != CreateElectionOutcome.CREATE_ELECTION_OUTCOME_CREATED:
            name = CreateElectionOutcome.Name(outcome)
            raise QuorateError(f"the election was not created: {name}")

    async def _cast(self, supervisor: Supervisor, voters: Sequence[Voter], end: float) -> None:
        casting = cast_all(
            self.profile,
            ELECTION,
            voters,
            self._ledger,
            spread_s=self._options.casting_s,
            give_up_at=end + AFTER_END_S,
        )
        title = f"casting {len(voters)} ballots"
        await self._shown(
            title, lambda: self._ledger.settled, [casting, self._murder(supervisor, len(voters))]
        )

    async def _ask(self, end: float) -> None:
        """Wait for the election's `end` (on the monotonic clock) and get every node's answers."""
        began = time.monotonic()
        left_s = max(0.0, end - began)

        async def ask() -> None:
            within_s = left_s + AFTER_END_S
            self._answers = await ask_every_node(self.profile, ELECTION, within_s=within_s)

        def waited() -> int:
            return min(total, int(time.monotonic() - began))

        total = max(1, round(left_s))
        with self._stage.part(f"waiting {total} s for the end of the election", total) as show:
            await first_of(ask(), self._stage.follow(waited, show))
            show(total)

    async def _murder(self, supervisor: Supervisor, voters: int) -> None:
        self._killed = await kill_the_leader(
            self.profile, supervisor, self._ledger, voters, self._stage
        )

    async def _shown(
        self, title: str, done: Callable[[], int], jobs: Sequence[Coroutine[None, None, None]]
    ) -> None:
        """Do the jobs while a bar shows how many of the voters are `done`."""
        with self._stage.part(title, self._options.voters) as show:
            await first_of(all_of(jobs), self._stage.follow(done, show))
            show(done())
