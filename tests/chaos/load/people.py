"""The voters: their keys, their tokens, and the roll, which grows all the time."""

import asyncio
import random
import time
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chaos.load.recorder import Asked, Recorder, Said, named, pause, until_known
from quorate_client import AsyncClient, NotDone, QuorateError, new_request_id
from quorate_proto.v1.roll_pb2 import RegisterVoterOutcome

GROUP = "people"
TOKEN_LIFE_S = 1800.0  # half of what the cluster gives
REGISTERING_AT_ONCE = 8


@dataclass(eq=False, slots=True)
class Voter:
    """Somebody on the roll."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    token: bytes = field(default=b"", repr=False)
    token_ends: float = 0.0


class People:
    """Everyone who is on the roll by now."""

    def __init__(self, recorder: Recorder, dice: random.Random) -> None:
        self.everyone: list[Voter] = []
        self._recorder = recorder
        self._dice = dice
        self._made = 0

    async def register(self, client: AsyncClient, count: int) -> None:
        """Put `count` more voters on the roll."""
        places = asyncio.Semaphore(REGISTERING_AT_ONCE)

        async def one(place: int) -> None:
            async with places:
                await self._register(client, f"registrar-{place % REGISTERING_AT_ONCE}-{place}")

        await asyncio.gather(*map(one, range(count)))

    async def keep_registering(
        self, client: AsyncClient, per_s: float, stopping: asyncio.Event
    ) -> None:
        """Put more and more voters on the roll until it is time to stop."""
        while await pause(self._dice.expovariate(per_s), stopping):
            await self._register(client, "registrar")

    async def _register(self, client: AsyncClient, process: str) -> None:
        self._made += 1
        voter = Voter(f"voter-{self._made:06}", Ed25519PrivateKey.generate())
        request_id = new_request_id()
        asked = Asked(process=process, kind="register", voter=voter.name, request_id=request_id)

        async def answer() -> Said:
            outcome = await client.register_voter(
                voter.name, group=GROUP, key=voter.key.public_key(), request_id=request_id
            )
            return named(RegisterVoterOutcome, outcome)

        if await until_known(lambda: self._recorder.call(asked, answer())) == "REGISTERED":
            self.everyone.append(voter)

    async def token_of(self, voter: Voter, client: AsyncClient) -> bytes | None:
        """Return the voter's token; None if the cluster gave none in time.

        It is valid on every node, and a registration that was acknowledged is known everywhere.
        """
        if time.monotonic() < voter.token_ends:
            return voter.token
        began = self._recorder.now()
        try:
            voter.token = await client.authenticate(voter.name, voter.key)
        except NotDone:
            return None
        except QuorateError as error:
            what = f"{voter.name} was given no token ({began:.2f} to {self._recorder.now():.2f} s)"
            self._recorder.unexpected.append(f"{what}: {error}")
            return None
        voter.token_ends = time.monotonic() + TOKEN_LIFE_S
        return voter.token
