"""`quorate.v1` for voters: AuthService, BallotService, ElectionService."""

import grpc

from quorate_node.application import Application, ElectionView
from quorate_node.errors import Refusal
from quorate_node.services.calls import (
    Context,
    answers,
    check_page,
    check_request_id,
    check_well_formed,
    time_for,
)
from quorate_node.services.times import timestamp, timestamp_us
from quorate_proto.internal import command_pb2 as commands
from quorate_proto.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    ballot_pb2,
    ballot_pb2_grpc,
    election_pb2,
    election_pb2_grpc,
)
from quorate_replication import Outcome

PAGE_BYTES = 1 << 20  # a page of long elections ends early

_CAST = {
    Outcome.ACCEPTED: ballot_pb2.CAST_BALLOT_OUTCOME_COUNTED,
    Outcome.INVALID_TOKEN: ballot_pb2.CAST_BALLOT_OUTCOME_INVALID_TOKEN,
    Outcome.ELECTION_NOT_FOUND: ballot_pb2.CAST_BALLOT_OUTCOME_ELECTION_NOT_FOUND,
    Outcome.GROUP_NOT_ALLOWED: ballot_pb2.CAST_BALLOT_OUTCOME_GROUP_NOT_ALLOWED,
    Outcome.ELECTION_CLOSED: ballot_pb2.CAST_BALLOT_OUTCOME_ELECTION_CLOSED,
    Outcome.ALREADY_CAST: ballot_pb2.CAST_BALLOT_OUTCOME_ALREADY_CAST,
    Outcome.CHOICE_NOT_FOUND: ballot_pb2.CAST_BALLOT_OUTCOME_CHOICE_NOT_FOUND,
}
_CREATE = {
    Outcome.ACCEPTED: election_pb2.CREATE_ELECTION_OUTCOME_CREATED,
    Outcome.INVALID_TOKEN: election_pb2.CREATE_ELECTION_OUTCOME_INVALID_TOKEN,
    Outcome.GROUPS_OR_CHOICES_MISSING: (
        election_pb2.CREATE_ELECTION_OUTCOME_GROUPS_OR_CHOICES_MISSING
    ),
    Outcome.NAME_INVALID: election_pb2.CREATE_ELECTION_OUTCOME_NAME_INVALID,
    Outcome.GROUP_INVALID: election_pb2.CREATE_ELECTION_OUTCOME_GROUPS_INVALID,
    Outcome.CHOICES_INVALID: election_pb2.CREATE_ELECTION_OUTCOME_CHOICES_INVALID,
    Outcome.END_TIME_INVALID: election_pb2.CREATE_ELECTION_OUTCOME_END_TIME_INVALID,
    Outcome.NAME_TAKEN: election_pb2.CREATE_ELECTION_OUTCOME_NAME_TAKEN,
    Outcome.TOO_MANY_ELECTIONS: election_pb2.CREATE_ELECTION_OUTCOME_TOO_MANY_ELECTIONS,
}
_EXTEND = {
    Outcome.ACCEPTED: election_pb2.EXTEND_ELECTION_OUTCOME_EXTENDED,
    Outcome.INVALID_TOKEN: election_pb2.EXTEND_ELECTION_OUTCOME_INVALID_TOKEN,
    Outcome.ELECTION_NOT_FOUND: election_pb2.EXTEND_ELECTION_OUTCOME_ELECTION_NOT_FOUND,
    Outcome.NOT_CREATOR: election_pb2.EXTEND_ELECTION_OUTCOME_NOT_CREATOR,
    Outcome.ELECTION_CLOSED: election_pb2.EXTEND_ELECTION_OUTCOME_ELECTION_CLOSED,
    Outcome.END_TIME_INVALID: election_pb2.EXTEND_ELECTION_OUTCOME_END_TIME_INVALID,
    Outcome.END_TIME_NOT_LATER: election_pb2.EXTEND_ELECTION_OUTCOME_END_TIME_NOT_LATER,
    Outcome.TOO_MANY_EXTENSIONS: election_pb2.EXTEND_ELECTION_OUTCOME_TOO_MANY_EXTENSIONS,
}


class AuthService(auth_pb2_grpc.AuthServiceServicer):
    """Challenges and tokens."""

    def __init__(self, application: Application) -> None:
        self._application = application

    @answers
    async def GetChallenge(
        self, request: auth_pb2.GetChallengeRequest, context: Context
    ) -> auth_pb2.GetChallengeResponse:
        """Give any name a challenge."""
        challenge = self._application.challenge(request.voter_name)
        return auth_pb2.GetChallengeResponse(challenge=challenge)

    @answers
    async def Authenticate(
        self, request: auth_pb2.AuthenticateRequest, context: Context
    ) -> auth_pb2.AuthenticateResponse:
        """Exchange a signed challenge for a token."""
        token, expiry_us = await self._application.authenticate(
            request.voter_name, request.signature, time_for(context)
        )
        return auth_pb2.AuthenticateResponse(token=token, expire_time=timestamp(expiry_us))


class BallotService(ballot_pb2_grpc.BallotServiceServicer):
    """Casting, and asking what became of it."""

    def __init__(self, application: Application) -> None:
        self._application = application

    @answers
    async def CastBallot(
        self, request: ballot_pb2.CastBallotRequest, context: Context
    ) -> ballot_pb2.CastBallotResponse:
        """Cast a ballot, once, however often it is asked for under one id."""
        command = commands.CastBallot(
            request_id=check_request_id(request.request_id),
            election_name=request.election_name,
            choice=request.choice,
        )
        outcome = await self._application.cast(request.token, command, time_for(context))
        reply = ballot_pb2.CastBallotResponse(outcome=_CAST[check_well_formed(outcome)])
        if outcome is Outcome.ACCEPTED:
            reply.receipt.CopyFrom(self._receipt(request.election_name, request.request_id))
        return reply

    @answers
    async def CheckBallot(
        self, request: ballot_pb2.CheckBallotRequest, context: Context
    ) -> ballot_pb2.CheckBallotResponse:
        """Tell whether a ballot was counted."""
        ballot_id = check_request_id(request.ballot_id)
        view = await self._application.ballot(
            request.election_name, request.voter_name, ballot_id, time_for(context)
        )
        if view is None:
            outcome = ballot_pb2.CHECK_BALLOT_OUTCOME_ELECTION_NOT_FOUND
            return ballot_pb2.CheckBallotResponse(outcome=outcome)
        if view.counted:
            outcome = ballot_pb2.CHECK_BALLOT_OUTCOME_COUNTED
            receipt = self._receipt(request.election_name, ballot_id)
            return ballot_pb2.CheckBallotResponse(outcome=outcome, receipt=receipt)
        if view.closed:
            outcome = ballot_pb2.CHECK_BALLOT_OUTCOME_NOT_COUNTED
        else:
            outcome = ballot_pb2.CHECK_BALLOT_OUTCOME_NOT_COUNTED_YET
        return ballot_pb2.CheckBallotResponse(outcome=outcome)

    def _receipt(self, election: str, ballot_id: bytes) -> ballot_pb2.Receipt:
        when = timestamp(self._application.receipt_us())
        return ballot_pb2.Receipt(election_name=election, ballot_id=ballot_id, cluster_time=when)


class ElectionService(election_pb2_grpc.ElectionServiceServicer):
    """Creating elections, extending them, looking at them."""

    def __init__(self, application: Application) -> None:
        self._application = application

    @answers
    async def CreateElection(
        self, request: election_pb2.CreateElectionRequest, context: Context
    ) -> election_pb2.CreateElectionResponse:
        """Create an election."""
        command = commands.CreateElection(
            request_id=check_request_id(request.request_id),
            name=request.name,
            groups=request.groups,
            choices=request.choices,
            end_us=timestamp_us(request.end_time),
        )
        outcome = await self._application.create(request.token, command, time_for(context))
        return election_pb2.CreateElectionResponse(outcome=_CREATE[check_well_formed(outcome)])

    @answers
    async def ExtendElection(
        self, request: election_pb2.ExtendElectionRequest, context: Context
    ) -> election_pb2.ExtendElectionResponse:
        """Move an election's end later."""
        command = commands.ExtendElection(
            request_id=check_request_id(request.request_id),
            name=request.name,
            end_us=timestamp_us(request.end_time),
        )
        outcome = await self._application.extend(request.token, command, time_for(context))
        return election_pb2.ExtendElectionResponse(outcome=_EXTEND[check_well_formed(outcome)])

    @answers
    async def GetElection(
        self, request: election_pb2.GetElectionRequest, context: Context
    ) -> election_pb2.GetElectionResponse:
        """Return one election."""
        view = await self._application.election(request.name, time_for(context))
        if view is None:
            raise Refusal(grpc.StatusCode.NOT_FOUND, "there is no election of that name")
        return election_pb2.GetElectionResponse(election=election_message(view))

    @answers
    async def ListElections(
        self, request: election_pb2.ListElectionsRequest, context: Context
    ) -> election_pb2.ListElectionsResponse:
        """Return a page of elections by name."""
        size, after = check_page(request.page_size, request.page_token)
        views = await self._application.elections(after, size + 1, time_for(context))
        reply = election_pb2.ListElectionsResponse()
        room = PAGE_BYTES
        for view in views[:size]:
            message = election_message(view)
            room -= message.ByteSize()
            if room < 0 and reply.elections:
                break
            reply.elections.append(message)
        if len(reply.elections) < len(views):
            reply.next_page_token = reply.elections[-1].name
        return reply

    @answers
    async def GetResults(
        self, request: election_pb2.GetResultsRequest, context: Context
    ) -> election_pb2.GetResultsResponse:
        """Return the counts of a closed election."""
        view = await self._application.results(request.name, time_for(context))
        if view is None:
            outcome = election_pb2.GET_RESULTS_OUTCOME_ELECTION_NOT_FOUND
            return election_pb2.GetResultsResponse(outcome=outcome)
        if not view.closed:
            outcome = election_pb2.GET_RESULTS_OUTCOME_ELECTION_OPEN
            return election_pb2.GetResultsResponse(outcome=outcome)
        counts = [
            election_pb2.ChoiceCount(choice=choice, count=count)
            for choice, count in zip(view.choices, view.counts, strict=True)
        ]
        outcome = election_pb2.GET_RESULTS_OUTCOME_AVAILABLE
        return election_pb2.GetResultsResponse(outcome=outcome, counts=counts)


def election_message(view: ElectionView) -> election_pb2.Election:
    """Return an election as the API shows it."""
    state = election_pb2.ELECTION_STATE_CLOSED if view.closed else election_pb2.ELECTION_STATE_OPEN
    return election_pb2.Election(
        name=view.name,
        groups=view.groups,
        choices=view.choices,
        end_time=timestamp(view.end_us),
        creator=view.creator,
        state=state,
    )
