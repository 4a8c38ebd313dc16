"""The asynchronous client: one method per thing that people do with the cluster.

Every method fails over between the nodes by itself and raises the errors of `errors.py`. A
rejection by the cluster is not an error: it is the value that the method returns.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from quorate_client.calls import Call
from quorate_client.errors import Unknown
from quorate_client.fields import new_request_id, timestamp, told
from quorate_client.profile import Profile
from quorate_client.routes import Routes
from quorate_client.tokens import Credential, Tokens, VoterKey
from quorate_proto.v1.ballot_pb2 import (
    CastBallotOutcome,
    CastBallotRequest,
    CastBallotResponse,
    CheckBallotRequest,
    CheckBallotResponse,
)
from quorate_proto.v1.ballot_pb2_grpc import BallotServiceStub
from quorate_proto.v1.cluster_pb2 import GetClusterStatusRequest, GetClusterStatusResponse
from quorate_proto.v1.cluster_pb2_grpc import ClusterServiceStub
from quorate_proto.v1.election_pb2 import (
    CreateElectionOutcome,
    CreateElectionRequest,
    Election,
    ExtendElectionOutcome,
    ExtendElectionRequest,
    GetElectionRequest,
    GetResultsOutcome,
    GetResultsRequest,
    GetResultsResponse,
    ListElectionsRequest,
)
from quorate_proto.v1.election_pb2_grpc import ElectionServiceStub
from quorate_proto.v1.roll_pb2 import (
    ListVotersRequest,
    RegisterVoterOutcome,
    RegisterVoterRequest,
    UnregisterVoterOutcome,
    UnregisterVoterRequest,
    Voter,
)
from quorate_proto.v1.roll_pb2_grpc import RollServiceStub

__all__ = ["AsyncClient", "new_request_id"]

# Rejections that another moment may not repeat: the roll and the elections change.
_FOR_NOW = {
    CastBallotOutcome.CAST_BALLOT_OUTCOME_INVALID_TOKEN,
    CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_NOT_FOUND,
    CastBallotOutcome.CAST_BALLOT_OUTCOME_GROUP_NOT_ALLOWED,
}
FIRST_POLL_S = 0.2
MAX_POLL_S = 5.0  # someone may extend the election, and this machine's clock may be wrong


class AsyncClient:
    """A client of the cluster in `profile`, for `async with`.

    `timeout_s`: for a whole call, failover included; `attempt_timeout_s`: for one node. Times are
    timezone-aware datetimes. A `request_id` (16 to 64 unguessable bytes) is made where none is
    given; give the one of an Unknown error to repeat that call safely.
    """

    def __init__(
        self, profile: Profile, *, timeout_s: float = 30.0, attempt_timeout_s: float = 2.0
    ) -> None:
        self._timeout_s = timeout_s
        self._attempt_timeout_s = attempt_timeout_s
        self._routes = Routes(profile)
        self._tokens = Tokens()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection."""
        await self._routes.close()

    async def authenticate(self, voter: str, key: Ed25519PrivateKey) -> bytes:
        """Return the voter's token: a kept one, until five minutes before its end, or a new one."""
        return await self._tokens.get(self._call(), self._routes.clients(), VoterKey(voter, key))

    async def cast_ballot(
        self,
        election: str,
        choice: str,
        *,
        by: Credential,
        request_id: bytes | None = None,
        repeated: bool = True,
    ) -> CastBallotResponse:
        """Cast a ballot; return the outcome and, if it is COUNTED, a receipt.

        After Unknown, repeat it under the same id: it is counted at most once. `repeated=False`:
        the given request id was never sent before.
        """
        call = self._call(request_id, repeated=repeated)
        request_id = call.request_id

        async def send(token: bytes) -> CastBallotResponse:
            answer = await call.run(
                self._routes.clients(),
                lambda channel: BallotServiceStub(channel).CastBallot,
                CastBallotRequest(
                    request_id=request_id, election_name=election, choice=choice, token=token
                ),
                changes=True,
            )
            told(answer.outcome, request_id)
            return answer

        def refused(answer: CastBallotResponse) -> bool:
            return answer.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_INVALID_TOKEN

        answer = await self._tokens.send_as(by, call, self._routes.clients(), send, refused)
        if call.loose_ends and answer.outcome in _FOR_NOW:
            name = CastBallotOutcome.Name(answer.outcome).removeprefix("CAST_BALLOT_OUTCOME_")
            raise Unknown(f"{name}, but an earlier attempt may yet be carried out", request_id)
        return answer

    async def check_ballot(
        self, election: str, *, voter: str, ballot_id: bytes
    ) -> CheckBallotResponse:
        """Ask whether a ballot was counted; `ballot_id` is the request id of its casting.

        NOT_COUNTED is final, since the election is closed. NOT_COUNTED_YET is not: a request may
        still be under way; cast it again under its id, or ask again after the end.
        """
        return await self._call().run(
            self._routes.clients(),
            lambda channel: BallotServiceStub(channel).CheckBallot,
            CheckBallotRequest(election_name=election, voter_name=voter, ballot_id=ballot_id),
            changes=False,
        )

    async def create_election(  # noqa: PLR0913 - an election has that many properties
        self,
        name: str,
        *,
        groups: Sequence[str],
        choices: Sequence[str],
        end_time: datetime,
        by: Credential,
        request_id: bytes | None = None,
    ) -> CreateElectionOutcome.ValueType:
        """Create an election for the voters of `groups` that ends at `end_time`."""
        call = self._call(request_id)
        request_id = call.request_id

        async def send(token: bytes) -> CreateElectionOutcome.ValueType:
            answer = await call.run(
                self._routes.clients(),
                lambda channel: ElectionServiceStub(channel).CreateElection,
                CreateElectionRequest(
                    request_id=request_id,
                    name=name,
                    groups=groups,
                    choices=choices,
                    end_time=timestamp(end_time),
                    token=token,
                ),
                changes=True,
            )
            return told(answer.outcome, request_id)

        def refused(outcome: CreateElectionOutcome.ValueType) -> bool:
            return outcome == CreateElectionOutcome.CREATE_ELECTION_OUTCOME_INVALID_TOKEN

        return await self._tokens.send_as(by, call, self._routes.clients(), send, refused)

    async def extend_election(
        self, name: str, *, end_time: datetime, by: Credential, request_id: bytes | None = None
    ) -> ExtendElectionOutcome.ValueType:
        """Move the end of one's own open election to the later `end_time`."""
        call = self._call(request_id)
        request_id = call.request_id

        async def send(token: bytes) -> ExtendElectionOutcome.ValueType:
            answer = await call.run(
                self._routes.clients(),
                lambda channel: ElectionServiceStub(channel).ExtendElection,
                ExtendElectionRequest(
                    request_id=request_id, name=name, end_time=timestamp(end_time), token=token
                ),
                changes=True,
            )
            return told(answer.outcome, request_id)

        def refused(outcome: ExtendElectionOutcome.ValueType) -> bool:
            return outcome == ExtendElectionOutcome.EXTEND_ELECTION_OUTCOME_INVALID_TOKEN

        return await self._tokens.send_as(by, call, self._routes.clients(), send, refused)

    async def get_election(self, name: str) -> Election:
        """Return the election as it is now; NotFound."""
        answer = await self._call().run(
            self._routes.clients(),
            lambda channel: ElectionServiceStub(channel).GetElection,
            GetElectionRequest(name=name),
            changes=False,
        )
        return answer.election

    async def list_elections(self, *, page_size: int = 100) -> AsyncIterator[Election]:
        """Yield every election, by name, fetching a page (1 to 1000) at a time."""
        page_token = ""
        while True:
            page = await self._call().run(
                self._routes.clients(),
                lambda channel: ElectionServiceStub(channel).ListElections,
                ListElectionsRequest(page_size=page_size, page_token=page_token),
                changes=False,
            )
            for election in page.elections:
                yield election
            if not (page_token := page.next_page_token):
                return

    async def get_results(self, name: str) -> GetResultsResponse:
        """Return the outcome and, if it is AVAILABLE, the count of every choice in ballot order."""
        return await self._call().run(
            self._routes.clients(),
            lambda channel: ElectionServiceStub(channel).GetResults,
            GetResultsRequest(name=name),
            changes=False,
        )

    async def wait_results(self, name: str) -> GetResultsResponse:
        """Wait as long as the election is open, its extensions too; then as `get_results`."""
        poll_s = FIRST_POLL_S
        while True:
            results = await self.get_results(name)
            if results.outcome != GetResultsOutcome.GET_RESULTS_OUTCOME_ELECTION_OPEN:
                return results
            end_time = (await self.get_election(name)).end_time.ToDatetime(UTC)
            left_s = (end_time - datetime.now(UTC)).total_seconds()
            poll_s = min(left_s, MAX_POLL_S) if left_s > 0 else min(2 * poll_s, MAX_POLL_S)
            await asyncio.sleep(max(poll_s, FIRST_POLL_S))

    async def register_voter(
        self, name: str, *, group: str, key: Ed25519PublicKey, request_id: bytes | None = None
    ) -> RegisterVoterOutcome.ValueType:
        """Put a voter on the roll, or replace the group and key of one (registrar)."""
        call = self._call(request_id)
        request_id = call.request_id
        answer = await call.run(
            self._routes.officers("registrar"),
            lambda channel: RollServiceStub(channel).RegisterVoter,
            RegisterVoterRequest(
                request_id=request_id,
                name=name,
                group=group,
                public_key=key.public_bytes(Encoding.Raw, PublicFormat.Raw),
            ),
            changes=True,
        )
        return told(answer.outcome, request_id)

    async def unregister_voter(
        self, name: str, *, request_id: bytes | None = None
    ) -> UnregisterVoterOutcome.ValueType:
        """Strike a voter off the roll; her tokens end (registrar)."""
        call = self._call(request_id)
        request_id = call.request_id
        answer = await call.run(
            self._routes.officers("registrar"),
            lambda channel: RollServiceStub(channel).UnregisterVoter,
            UnregisterVoterRequest(request_id=request_id, name=name),
            changes=True,
        )
        return told(answer.outcome, request_id)

    async def list_voters(self, *, page_size: int = 100) -> AsyncIterator[Voter]:
        """Yield the roll, by name, fetching a page (1 to 1000) at a time (any officer)."""
        page_token = ""
        while True:
            page = await self._call().run(
                self._routes.officers("registrar", "operator"),
                lambda channel: RollServiceStub(channel).ListVoters,
                ListVotersRequest(page_size=page_size, page_token=page_token),
                changes=False,
            )
            for voter in page.voters:
                yield voter
            if not (page_token := page.next_page_token):
                return

    async def cluster_status(self, *, include_digest: bool = False) -> GetClusterStatusResponse:
        """Return every member as whichever node answers sees it.

        A digest is missing where making it takes longer than the call may.
        """
        # Hashing a large state takes seconds; `Failover` leaves time to ask others all the same.
        attempt_timeout_s = self._timeout_s if include_digest else self._attempt_timeout_s
        return await self._call(attempt_timeout_s=attempt_timeout_s).run(
            self._routes.clients(),
            lambda channel: ClusterServiceStub(channel).GetClusterStatus,
            GetClusterStatusRequest(include_digest=include_digest),
            changes=False,
            patience_s=attempt_timeout_s if include_digest else None,
        )

    def _call(
        self,
        request_id: bytes | None = None,
        *,
        repeated: bool = True,
        attempt_timeout_s: float | None = None,
    ) -> Call:
        return Call(
            timeout_s=self._timeout_s,
            attempt_timeout_s=attempt_timeout_s or self._attempt_timeout_s,
            request_id=request_id or new_request_id(),
            repeated=repeated and request_id is not None,
        )
