"""Readers: each asks one node for what it should know as well as all the others."""

import asyncio
import random

from chaos.load.elections import Elections
from chaos.load.recorder import Asked, Recorder, Said, named, pause
from chaos.load.voting import Voting
from chaos.records import Kind
from quorate_client import AsyncClient
from quorate_proto.v1.ballot_pb2 import CheckBallotOutcome
from quorate_proto.v1.election_pb2 import ElectionState, GetResultsOutcome


class Reader:
    """Asks `node`, through a client that knows no other."""

    def __init__(self, recorder: Recorder, node: str, client: AsyncClient) -> None:
        self._recorder = recorder
        self._node = node
        self._client = client

    async def keep_reading(
        self,
        elections: Elections,
        voting: Voting,
        dice: random.Random,
        pause_s: float,
        stopping: asyncio.Event,
    ) -> None:
        """Ask until it is time to stop, mostly for what has changed a moment ago."""
        while await pause(dice.expovariate(1 / pause_s), stopping):
            whim = dice.random()
            if voting.counted and whim < 0.4:
                ballot = dice.choice(voting.counted[-20:])
                await self.check(ballot.election, ballot.voter.name, ballot.request_id)
            elif elections.polls:
                poll = dice.choice(elections.polls[-10:])
                await (self.results if whim < 0.7 else self.election)(poll.name)

    async def check(self, election: str, voter: str, ballot_id: bytes) -> str:
        """Ask whether a ballot was counted."""

        async def answer() -> Said:
            told = await self._client.check_ballot(election, voter=voter, ballot_id=ballot_id)
            return named(CheckBallotOutcome, told.outcome)

        asked = self._asked("check", election, voter=voter, request_id=ballot_id)
        return await self._recorder.call(asked, answer())

    async def results(self, election: str) -> str:
        """Ask for the results."""

        async def answer() -> Said:
            told = await self._client.get_results(election)
            outcome = named(GetResultsOutcome, told.outcome).outcome
            return Said(outcome, counts={count.choice: count.count for count in told.counts})

        return await self._recorder.call(self._asked("results", election), answer())

    async def election(self, election: str) -> str:
        """Ask for the state and the end."""

        async def answer() -> Said:
            told = await self._client.get_election(election)
            end_us = told.end_time.ToMicroseconds()
            return Said(named(ElectionState, told.state).outcome, end_us=end_us)

        return await self._recorder.call(self._asked("election", election), answer())

    def _asked(
        self, kind: Kind, election: str, *, voter: str = "", request_id: bytes = b""
    ) -> Asked:
        return Asked(
            process=f"reader at {self._node}",
            kind=kind,
            election=election,
            voter=voter,
            request_id=request_id,
            node=self._node,
        )
