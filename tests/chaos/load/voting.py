"""Casting: once as a rule, and in every other way that voters, shops and attackers cast.

Rule 1. A ballot has one id, made before the first try; every repetition uses it.
Rule 2. Whoever is told that the outcome is unknown asks again, under the same id, until it is not.
"""

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass

from chaos.load.elections import CHOICES, Elections, Poll
from chaos.load.people import People, Voter
from chaos.load.recorder import Asked, Recorder, Said, named, pause
from chaos.records import NOT_DONE, UNKNOWN
from quorate_client import AsyncClient, new_request_id
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome, CheckBallotOutcome

SAME_TWICE = 0.1  # one ballot, sent twice at the same moment by two clients
TWO_BALLOTS = 0.1  # two ballots of one voter at the same moment
AGAIN_LATER = 0.1
CHECKED = 0.2
LATE = 0.05  # into an election that is over


@dataclass(frozen=True, slots=True)
class Ballot:
    """One that may be counted once, however often it is sent."""

    election: str
    voter: Voter
    choice: str
    request_id: bytes


class Voting:
    """The ballots that were cast. `open_questions` are those whose outcome is unknown so far."""

    def __init__(
        self, recorder: Recorder, people: People, elections: Elections, dice: random.Random
    ) -> None:
        self.open_questions: list[Ballot] = []
        self.counted: list[Ballot] = []
        self._tried: set[bytes] = set()
        self._recorder = recorder
        self._people = people
        self._elections = elections
        self._dice = dice

    async def keep_casting(
        self,
        process: str,
        clients: Sequence[AsyncClient],
        pause_s: float,
        stopping: asyncio.Event,
    ) -> None:
        """Take voters to the polls until it is time to stop; the second client is the accomplice's.

        `pause_s`: the mean time between two voters.
        """
        dice = self._dice
        while await pause(dice.expovariate(1 / pause_s), stopping):
            poll = self._choose_poll()
            if poll is None:
                continue
            voter = poll.waiting.pop()
            ballot = self._ballot(poll, voter)
            whim = dice.random()
            if whim < SAME_TWICE:
                await self._at_once(process, clients, (ballot, ballot))
            elif whim < SAME_TWICE + TWO_BALLOTS:
                await self._at_once(process, clients, (ballot, self._ballot(poll, voter)))
            else:
                await self.cast(process, clients[0], ballot)
            if dice.random() < AGAIN_LATER:
                await self.cast(process, dice.choice(clients), ballot)
            if dice.random() < CHECKED:
                await self.check(process, dice.choice(clients), ballot)

    def _choose_poll(self) -> Poll | None:
        dice, polls = self._dice, self._elections.open_now()
        if dice.random() < LATE:
            polls = self._elections.polls[-20:]
        polls = [poll for poll in polls if poll.waiting]
        return dice.choice(polls) if polls else None

    def _ballot(self, poll: Poll, voter: Voter) -> Ballot:
        return Ballot(poll.name, voter, self._dice.choice(CHOICES), new_request_id())

    async def _at_once(
        self, process: str, clients: Sequence[AsyncClient], ballots: Sequence[Ballot]
    ) -> None:
        names = (process, f"{process}'s accomplice")
        await asyncio.gather(*map(self.cast, names, clients, ballots))

    async def cast(self, process: str, client: AsyncClient, ballot: Ballot) -> str:
        """Cast a ballot, or cast it again; return the outcome."""
        token = await self._people.token_of(ballot.voter, client)
        if token is None:
            return NOT_DONE
        asked = Asked(
            process=process,
            kind="cast",
            election=ballot.election,
            voter=ballot.voter.name,
            request_id=ballot.request_id,
            choice=ballot.choice,
        )

        repeated = ballot.request_id in self._tried
        self._tried.add(ballot.request_id)

        async def answer() -> Said:
            told = await client.cast_ballot(
                ballot.election,
                ballot.choice,
                by=token,
                request_id=ballot.request_id,
                repeated=repeated,
            )
            if told.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED:
                self._look_at(ballot, told.receipt.election_name, told.receipt.ballot_id)
            return named(CastBallotOutcome, told.outcome)

        outcome = await self._recorder.call(asked, answer())
        if outcome == UNKNOWN:
            self.open_questions.append(ballot)
        elif outcome == "COUNTED":
            self.counted.append(ballot)
        return outcome

    def _look_at(self, ballot: Ballot, election: str, ballot_id: bytes) -> None:
        if (election, ballot_id) != (ballot.election, ballot.request_id):
            what = f"a ballot in {ballot.election} got the receipt of one in {election}"
            self._recorder.unexpected.append(what)

    async def check(self, process: str, client: AsyncClient, ballot: Ballot) -> str:
        """Ask whether a ballot was counted."""
        asked = Asked(
            process=process,
            kind="check",
            election=ballot.election,
            voter=ballot.voter.name,
            request_id=ballot.request_id,
        )

        async def answer() -> Said:
            told = await client.check_ballot(
                ballot.election, voter=ballot.voter.name, ballot_id=ballot.request_id
            )
            return named(CheckBallotOutcome, told.outcome)

        return await self._recorder.call(asked, answer())

    async def keep_asking_again(self, client: AsyncClient, stopping: asyncio.Event) -> None:
        """Resolve what is unknown while the run goes on."""
        while await pause(0.2, stopping):
            if self.open_questions:
                await self.ask_again(client)

    async def ask_again(self, client: AsyncClient) -> None:
        """Cast one ballot whose outcome is unknown again; without an answer it stays unknown."""
        ballot = self.open_questions.pop(0)
        if await self.cast("resolver", client, ballot) == NOT_DONE:
            self.open_questions.append(ballot)
