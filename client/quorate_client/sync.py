"""The synchronous client: `AsyncClient` in an event loop of its own.

One thread at a time. Ctrl-C during a call cancels it and raises KeyboardInterrupt.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from quorate_client.aio import AsyncClient
from quorate_client.profile import Profile
from quorate_client.tokens import Credential
from quorate_proto.v1.ballot_pb2 import CastBallotResponse, CheckBallotResponse
from quorate_proto.v1.cluster_pb2 import GetClusterStatusResponse
from quorate_proto.v1.election_pb2 import (
    CreateElectionOutcome,
    Election,
    ExtendElectionOutcome,
    GetResultsResponse,
)
from quorate_proto.v1.roll_pb2 import RegisterVoterOutcome, UnregisterVoterOutcome, Voter

T = TypeVar("T")


class Client:
    """A client of the cluster in `profile`, for `with`; see AsyncClient for every method."""

    def __init__(
        self, profile: Profile, *, timeout_s: float = 30.0, attempt_timeout_s: float = 2.0
    ) -> None:
        self._client = AsyncClient(
            profile, timeout_s=timeout_s, attempt_timeout_s=attempt_timeout_s
        )
        self._runner = asyncio.Runner()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection, and the event loop."""
        try:
            self._runner.run(self._client.close())
        finally:
            self._runner.close()

    def authenticate(self, voter: str, key: Ed25519PrivateKey) -> bytes:
        """Return the voter's token."""
        return self._runner.run(self._client.authenticate(voter, key))

    def cast_ballot(
        self,
        election: str,
        choice: str,
        *,
        by: Credential,
        request_id: bytes | None = None,
        repeated: bool = True,
    ) -> CastBallotResponse:
        """Cast a ballot; return the outcome and, if it is COUNTED, a receipt."""
        return self._runner.run(
            self._client.cast_ballot(
                election, choice, by=by, request_id=request_id, repeated=repeated
            )
        )

    def check_ballot(self, election: str, *, voter: str, ballot_id: bytes) -> CheckBallotResponse:
        """Ask whether a ballot was counted."""
        return self._runner.run(
            self._client.check_ballot(election, voter=voter, ballot_id=ballot_id)
        )

    def create_election(  # noqa: PLR0913 - an election has that many properties
        self,
        name: str,
        *,
        groups: Sequence[str],
        choices: Sequence[str],
        end_time: datetime,
        by: Credential,
        request_id: bytes | None = None,
    ) -> CreateElectionOutcome.ValueType:
        """Create an election."""
        return self._runner.run(
            self._client.create_election(
                name,
                groups=groups,
                choices=choices,
                end_time=end_time,
                by=by,
                request_id=request_id,
            )
        )

    def extend_election(
        self, name: str, *, end_time: datetime, by: Credential, request_id: bytes | None = None
    ) -> ExtendElectionOutcome.ValueType:
        """Move the end of an election to a later time."""
        return self._runner.run(
            self._client.extend_election(name, end_time=end_time, by=by, request_id=request_id)
        )

    def get_election(self, name: str) -> Election:
        """Return the election as it is now."""
        return self._runner.run(self._client.get_election(name))

    def list_elections(self) -> list[Election]:
        """Return every election, by name."""
        return self._runner.run(_all(self._client.list_elections()))

    def get_results(self, name: str) -> GetResultsResponse:
        """Return the results, if there are any yet."""
        return self._runner.run(self._client.get_results(name))

    def wait_results(self, name: str) -> GetResultsResponse:
        """Wait for the end of the election, then return the results."""
        return self._runner.run(self._client.wait_results(name))

    def register_voter(
        self, name: str, *, group: str, key: Ed25519PublicKey, request_id: bytes | None = None
    ) -> RegisterVoterOutcome.ValueType:
        """Put a voter on the roll, or replace the group and key of one."""
        return self._runner.run(
            self._client.register_voter(name, group=group, key=key, request_id=request_id)
        )

    def unregister_voter(
        self, name: str, *, request_id: bytes | None = None
    ) -> UnregisterVoterOutcome.ValueType:
        """Strike a voter off the roll."""
        return self._runner.run(self._client.unregister_voter(name, request_id=request_id))

    def list_voters(self) -> list[Voter]:
        """Return the roll, by name."""
        return self._runner.run(_all(self._client.list_voters()))

    def cluster_status(self, *, include_digest: bool = False) -> GetClusterStatusResponse:
        """Return every member as whichever node answers sees it."""
        return self._runner.run(self._client.cluster_status(include_digest=include_digest))


async def _all(items: AsyncIterator[T]) -> list[T]:
    return [item async for item in items]
