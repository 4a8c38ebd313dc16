"""Proof of who a voter is: signing a challenge, and keeping the token it buys."""

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quorate_client.calls import Call, Route
from quorate_proto.v1.auth_pb2 import (
    AuthenticateRequest,
    GetChallengeRequest,
)
from quorate_proto.v1.auth_pb2_grpc import AuthServiceStub

RENEW_BEFORE_END_S = 300.0


@dataclass(frozen=True, slots=True)
class VoterKey:
    """A voter who can prove it: her name on the roll and her private key."""

    name: str
    key: Ed25519PrivateKey

    @property
    def public_bytes(self) -> bytes:
        """The raw 32-byte public key."""
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


# A voter's key, which buys a token when one is needed; or a token that was bought before.
Credential = VoterKey | bytes
T = TypeVar("T")


class Tokens:
    """The tokens bought so far. One is valid on every node, so it survives any failover.

    Its end is told by the nodes' clock and compared with this machine's: where they differ by
    more than RENEW_BEFORE_END_S, a token is bought too often, or refused and bought anew.
    """

    def __init__(self) -> None:
        self._tokens: dict[tuple[str, bytes], tuple[bytes, float]] = {}

    async def get(self, call: Call, route: Route, voter: VoterKey) -> bytes:
        """Return the voter's token, authenticating within `call` if there is none in force."""
        kept = self._tokens.get((voter.name, voter.public_bytes))
        if kept is not None and time.time() < kept[1] - RENEW_BEFORE_END_S:
            return kept[0]
        challenge = await call.run(
            route,
            lambda channel: AuthServiceStub(channel).GetChallenge,
            GetChallengeRequest(voter_name=voter.name),
            changes=False,
        )
        proof = AuthenticateRequest(
            voter_name=voter.name, signature=voter.key.sign(challenge.challenge)
        )
        answer = await call.run(
            route, lambda channel: AuthServiceStub(channel).Authenticate, proof, changes=False
        )
        end_s = answer.expire_time.seconds
        self._tokens[voter.name, voter.public_bytes] = (answer.token, end_s)
        return answer.token

    async def send_as(
        self,
        by: Credential,
        call: Call,
        route: Route,
        send: Callable[[bytes], Awaitable[T]],
        refused: Callable[[T], bool],
    ) -> T:
        """Do `send(token)`; once more, with a fresh token, if the answer says `refused`."""
        if isinstance(by, bytes):
            return await send(by)
        answer = await send(await self.get(call, route, by))
        if refused(answer):
            self._tokens.pop((by.name, by.public_bytes), None)
            answer = await send(await self.get(call, route, by))
        return answer
