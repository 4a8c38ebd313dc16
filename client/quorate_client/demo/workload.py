"""The voters of the demo: real keys, a client each, and one ballot each.

Rule 1. A voter makes one request id and repeats it until she has an answer.
Rule 2. What she was told goes into the ledger, and nothing else does.
"""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quorate_client.aio import AsyncClient
from quorate_client.demo.ledger import Ledger
from quorate_client.errors import NotDone, QuorateError, Unknown
from quorate_client.fields import new_request_id
from quorate_client.profile import Profile
from quorate_client.tokens import VoterKey
from quorate_client.up.waits import all_of
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome
from quorate_proto.v1.roll_pb2 import RegisterVoterOutcome

GROUP = "citizens"
CHOICES = ("Ada", "Barbara", "Grace", "Radia")
REGISTRATIONS_AT_ONCE = 32
_REJECTION = "CAST_BALLOT_OUTCOME_"


@dataclass(frozen=True, slots=True)
class Voter:
    """A voter, and the choice that she will make (which nothing prints)."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)
    choice: str = field(repr=False)


def make_voters(count: int, dice: random.Random) -> list[Voter]:
    """Make `count` voters; the dice decide what they choose, not their keys."""
    return [
        Voter(f"voter-{number:05}", Ed25519PrivateKey.generate(), dice.choice(CHOICES))
        for number in range(count)
    ]


async def register(profile: Profile, voters: Sequence[Voter], done: Callable[[], None]) -> None:
    """Put the voters on the roll as the registrar; `done()` after each. Raises QuorateError."""
    places = asyncio.Semaphore(REGISTRATIONS_AT_ONCE)
    async with AsyncClient(profile) as client:

        async def one(voter: Voter) -> None:
            async with places:
                outcome = await client.register_voter(
                    voter.name, group=GROUP, key=voter.key.public_key()
                )
            if outcome != RegisterVoterOutcome.REGISTER_VOTER_OUTCOME_REGISTERED:
                raise QuorateError(f"a voter was not registered: {outcome}")
            done()

        await all_of(one(voter) for voter in voters)


async def cast_all(  # noqa: PLR0913  what, whose, where to, and two times
    profile: Profile,
    election: str,
    voters: Sequence[Voter],
    ledger: Ledger,
    *,
    spread_s: float,
    give_up_at: float,
) -> None:
    """Let the voters cast at even intervals over `spread_s` seconds, however long each takes.

    Those without an answer at `give_up_at` (on the monotonic clock) give up.
    """
    began = time.monotonic()

    async def one(place: int, voter: Voter) -> None:
        await asyncio.sleep(began + spread_s * place / len(voters) - time.monotonic())
        await _cast(profile, election, voter, ledger, give_up_at)

    await all_of(one(place, voter) for place, voter in enumerate(voters))


async def _cast(
    profile: Profile, election: str, voter: Voter, ledger: Ledger, give_up_at: float
) -> None:
    request_id = new_request_id()
    by = VoterKey(voter.name, voter.key)
    began = time.monotonic()
    perhaps = False  # whether an earlier try may have been counted
    # A client of her own, as a voter has: it begins at a node of its own choice.
    async with AsyncClient(profile) as client:
        while True:
            try:
                answer = await client.cast_ballot(
                    election, voter.choice, by=by, request_id=request_id, repeated=perhaps
                )
            except QuorateError as error:
                perhaps = perhaps or isinstance(error, Unknown)
                if isinstance(error, NotDone | Unknown) and time.monotonic() < give_up_at:
                    continue
                ledger.no_answer(error.code, perhaps=perhaps)
            else:
                if answer.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED:
                    ledger.acknowledged[voter.choice] += 1
                else:
                    reason = CastBallotOutcome.Name(answer.outcome).removeprefix(_REJECTION)
                    ledger.rejected[reason] += 1
            ledger.settle(time.monotonic() - began)
            return
