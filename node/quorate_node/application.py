"""What a node does for its callers, in the protocol of neither API.

Both gRPC services, the course's and the native one, translate to and from this.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import grpc

from quorate_node import shorten
from quorate_node.errors import Refusal
from quorate_node.identity import MAX_RESPONSE_BYTES, Identity
from quorate_proto.internal import command_pb2 as pb
from quorate_replication import Elections, NotCommitted, Outcome, Replica
from quorate_replication.state import limits
from quorate_replication.state.election import Election
from quorate_replication.state.voter import Voter

CLOSING_S = 3.0  # how long a question for results waits for a close that is due
MINUTE_US = 60_000_000
LOOK_AGAIN_S = 0.05  # the close may come between a look and the wait for a change
NOBODY = bytes(32)  # a key to check against, so that strangers take as long as voters


@dataclass(frozen=True, slots=True)
class ElectionView:
    """An election as it was at one point in the log."""

    name: str
    creator: str
    groups: Sequence[str]
    choices: Sequence[str]
    end_us: int
    closed: bool
    counts: Sequence[int]
    """Parallel to `choices`; empty while it is open."""


@dataclass(frozen=True, slots=True)
class BallotView:
    """Whether a ballot was counted at one point in the log, and whether the election was over."""

    counted: bool
    closed: bool


class Application:
    """One node's answers.

    Args:
        replica: the replicated state.
        identity: challenges and tokens.
        clock_us: this machine's clock, microseconds since 1970 UTC.
        clock_is_sane: whether that clock agrees with the other members'.
    """

    def __init__(
        self,
        replica: Replica,
        identity: Identity,
        clock_us: Callable[[], int],
        clock_is_sane: Callable[[], bool],
    ) -> None:
        self._replica = replica
        self._identity = identity
        self._clock_us = clock_us
        self._clock_is_sane = clock_is_sane

    # ------------------------------------------------------------------ who is it

    def challenge(self, name: str) -> bytes:
        """Return what `name` must sign; any name gets one. Raises NotCommitted."""
        self._check_clock()
        return self._identity.challenge(name, self._clock_us())

    async def authenticate(self, name: str, response: bytes, timeout_s: float) -> tuple[bytes, int]:
        """Return a token and its expiry (microseconds) for the right signature.

        What does not fit the roll as it is here is looked at again after a barrier: this node
        may lag behind the registration.

        Raises:
            Refusal: UNAUTHENTICATED.
            NotCommitted: no leader.
        """
        self._check_clock()
        if len(response) <= MAX_RESPONSE_BYTES:
            token = await self._token_for(name, response)
            if token is not None:
                return token
            await self._replica.barrier(timeout_s)
            token = await self._token_for(name, response)
            if token is not None:
                return token
        raise Refusal(
            grpc.StatusCode.UNAUTHENTICATED,
            "the signature is not that of a voter on the roll for a challenge of the last minute",
        )

    async def _token_for(self, name: str, response: bytes) -> tuple[bytes, int] | None:
        key, version = await self._replica.read(lambda state: _key_of(state, name))
        now_us = self._clock_us()
        if not self._identity.answers(name, key, response, now_us) or not version:
            return None
        return self._identity.token(name, version, now_us)

    def _bearer(self, token: bytes) -> pb.Bearer | None:
        bearer = self._identity.bearer(token, self._clock_us())
        if bearer is None:
            return None
        return pb.Bearer(voter_name=bearer.voter_name, key_version=bearer.key_version)

    def _check_clock(self) -> None:
        if not self._clock_is_sane():
            raise NotCommitted("this node cannot trust its clock: ask another")

    # ------------------------------------------------------------------ changing

    async def register(
        self, request_id: bytes, name: str, group: str, public_key: bytes, timeout_s: float
    ) -> Outcome:
        """Put a voter on the roll, or give her a new key and group. Raises ClusterError."""
        self._check_clock()  # a reading goes with everything that is proposed
        command = pb.RegisterVoter(
            request_id=request_id,
            name=shorten.name(name),
            group=shorten.name(group),
            public_key=shorten.public_key(public_key),
        )
        return await self._replica.propose(pb.Command(register_voter=command), timeout_s)

    async def unregister(self, request_id: bytes, name: str, timeout_s: float) -> Outcome:
        """Take a voter off the roll. Raises ClusterError."""
        self._check_clock()
        command = pb.UnregisterVoter(request_id=request_id, name=shorten.name(name))
        return await self._replica.propose(pb.Command(unregister_voter=command), timeout_s)

    async def create(self, token: bytes, command: pb.CreateElection, timeout_s: float) -> Outcome:
        """Create an election; the command comes without its bearer. Raises ClusterError."""
        self._check_clock()
        bearer = self._bearer(token)
        if bearer is None:
            return Outcome.INVALID_TOKEN
        groups = dict.fromkeys(command.groups)  # one named twice is one
        sane = pb.CreateElection(
            request_id=command.request_id,
            bearer=bearer,
            name=shorten.name(command.name),
            groups=shorten.names(groups, limits.GROUPS_PER_ELECTION),
            choices=shorten.names(command.choices, limits.CHOICES_PER_ELECTION),
            end_us=command.end_us,
        )
        return await self._replica.propose(pb.Command(create_election=sane), timeout_s)

    async def extend(self, token: bytes, command: pb.ExtendElection, timeout_s: float) -> Outcome:
        """Extend an election; the command comes without its bearer. Raises ClusterError."""
        self._check_clock()
        bearer = self._bearer(token)
        if bearer is None:
            return Outcome.INVALID_TOKEN
        sane = pb.ExtendElection(
            request_id=command.request_id,
            bearer=bearer,
            name=shorten.name(command.name),
            end_us=command.end_us,
        )
        return await self._replica.propose(pb.Command(extend_election=sane), timeout_s)

    async def cast(self, token: bytes, command: pb.CastBallot, timeout_s: float) -> Outcome:
        """Cast a ballot; the command comes without its bearer. Raises ClusterError."""
        self._check_clock()
        bearer = self._bearer(token)
        if bearer is None:
            return Outcome.INVALID_TOKEN
        sane = pb.CastBallot(
            request_id=command.request_id,
            bearer=bearer,
            election_name=shorten.name(command.election_name),
            choice=shorten.name(command.choice),
        )
        return await self._replica.propose(pb.Command(cast_ballot=sane), timeout_s)

    # ------------------------------------------------------------------ reading

    async def election(self, name: str, timeout_s: float) -> ElectionView | None:
        """Return an election as it is now. Raises NotCommitted."""
        return await self._replica.read_latest(lambda state: _view(state, name), timeout_s)

    async def elections(self, after: str, size: int, timeout_s: float) -> list[ElectionView]:
        """Return a page of elections by name. Raises NotCommitted."""
        return await self._replica.read_latest(
            lambda state: [_view_of(state, election) for election in state.page(after, size)],
            timeout_s,
        )

    async def voters(self, after: str, size: int, timeout_s: float) -> list[Voter]:
        """Return a page of the roll by name. Raises NotCommitted."""
        return await self._replica.read_latest(
            lambda state: state.roll.page(after, size), timeout_s
        )

    async def ballot(
        self, election: str, voter: str, ballot_id: bytes, timeout_s: float
    ) -> BallotView | None:
        """Look for a ballot; None if there is no such election. Raises NotCommitted."""
        self._check_clock()
        return await self._replica.read_latest(
            lambda state: _ballot(state, election, voter, ballot_id), timeout_s
        )

    def receipt_us(self) -> int:
        """Return the time for a receipt, microseconds since 1970 UTC.

        This node's clock, which agrees with the members' median or it would answer nothing; in
        whole minutes, so that receipts do not tell the order of casting. When a ballot was cast is
        kept nowhere.
        """
        return self._clock_us() // MINUTE_US * MINUTE_US

    async def results(self, name: str, timeout_s: float) -> ElectionView | None:
        """Return an election, with its counts once it is closed. Raises NotCommitted.

        A closed election never changes, so it is answered from here. One whose end has come by
        this node's clock is about to close: the answer waits for that.
        """
        began = monotonic()
        view = await self._replica.read(lambda state: _view(state, name))
        if view is not None and view.closed:
            return view
        view = await self.election(name, timeout_s)
        left_s = timeout_s - (monotonic() - began)
        try:
            async with asyncio.timeout(min(CLOSING_S, left_s)):
                while view is not None and not view.closed and self._clock_us() >= view.end_us:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_AGAIN_S):
                            await self._replica.change()
                    view = await self._replica.read(lambda state: _view(state, name))
        except TimeoutError:
            pass
        return view


def _key_of(state: Elections, name: str) -> tuple[bytes, int]:
    voter = state.roll.get(name)
    return (NOBODY, 0) if voter is None else (voter.public_key, voter.key_version)


def _ballot(state: Elections, name: str, voter: str, ballot_id: bytes) -> BallotView | None:
    election = state.elections.get(name)
    if election is None:
        return None
    counted = election.participation.get(voter) == ballot_id
    return BallotView(counted=counted, closed=state.is_closed(election))


def _view(state: Elections, name: str) -> ElectionView | None:
    election = state.elections.get(name)
    return None if election is None else _view_of(state, election)


def _view_of(state: Elections, election: Election) -> ElectionView:
    closed = state.is_closed(election)
    return ElectionView(
        name=election.name,
        creator=election.creator,
        groups=election.groups,
        choices=election.choices,
        end_us=election.end_us,
        closed=closed,
        counts=tuple(election.tally) if closed else (),
    )
