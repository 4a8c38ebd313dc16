"""`voting.eVoting`, the course's contract: integers for outcomes, no request ids.

A request gets an id here, so that this node's own retries inside the cluster are safe. A course
client that repeats a ballot itself cannot be told from one that votes twice: it gets code 4.
"""

import secrets

from quorate_node.application import Application
from quorate_node.credentials import REGISTRAR
from quorate_node.services.calls import Context, Officers, answers, invalid, time_for
from quorate_node.services.times import timestamp_us
from quorate_proto import voting_pb2 as course
from quorate_proto import voting_pb2_grpc
from quorate_proto.internal import command_pb2 as commands
from quorate_replication import Outcome

MAX_COUNT = 2**31 - 1

_REGISTER = {Outcome.ACCEPTED: 0, Outcome.REPLACED: 1}
_UNREGISTER = {Outcome.ACCEPTED: 0, Outcome.VOTER_NOT_FOUND: 1}
_CREATE = {
    Outcome.ACCEPTED: 0,
    Outcome.INVALID_TOKEN: 1,
    Outcome.GROUPS_OR_CHOICES_MISSING: 2,
}
_CAST = {
    Outcome.ACCEPTED: 0,
    Outcome.INVALID_TOKEN: 1,
    Outcome.ELECTION_NOT_FOUND: 2,
    Outcome.GROUP_NOT_ALLOWED: 3,
    Outcome.ELECTION_CLOSED: 2,
    Outcome.ALREADY_CAST: 4,
}
REGISTER_UNDEFINED, UNREGISTER_UNDEFINED, CREATE_UNKNOWN, CAST_OTHER = 2, 2, 3, 5
RESULT_AVAILABLE, RESULT_NO_ELECTION, RESULT_ONGOING = 0, 1, 2


class CourseService(voting_pb2_grpc.eVotingServicer):
    """Serves the course's clients unchanged."""

    def __init__(self, application: Application, officers: Officers) -> None:
        self._application = application
        self._officers = officers

    @answers
    async def PreAuth(self, request: course.VoterName, context: Context) -> course.Challenge:
        """Give any name a challenge."""
        return course.Challenge(value=self._application.challenge(_text(request.name)))

    @answers
    async def Auth(self, request: course.AuthRequest, context: Context) -> course.AuthToken:
        """Exchange a signed challenge for a token."""
        token, _ = await self._application.authenticate(
            _text(request.name.name), request.response.value, time_for(context)
        )
        return course.AuthToken(value=token)

    @answers
    async def CreateElection(self, request: course.Election, context: Context) -> course.Status:
        """Create an election."""
        command = commands.CreateElection(
            request_id=_own_id(),
            name=_text(request.name),
            groups=map(_text, request.groups),
            choices=map(_text, request.choices),
            end_us=timestamp_us(request.end_date),
        )
        outcome = await self._application.create(request.token.value, command, time_for(context))
        return course.Status(code=_CREATE.get(outcome, CREATE_UNKNOWN))

    @answers
    async def CastVote(self, request: course.Vote, context: Context) -> course.Status:
        """Cast a ballot."""
        command = commands.CastBallot(
            request_id=_own_id(),
            election_name=_text(request.election_name),
            choice=_text(request.choice_name),
        )
        outcome = await self._application.cast(request.token.value, command, time_for(context))
        return course.Status(code=_CAST.get(outcome, CAST_OTHER))

    @answers
    async def GetResult(
        self, request: course.ElectionName, context: Context
    ) -> course.ElectionResult:
        """Return the counts of a closed election."""
        view = await self._application.results(_text(request.name), time_for(context))
        if view is None:
            return course.ElectionResult(status=RESULT_NO_ELECTION)
        if not view.closed:
            return course.ElectionResult(status=RESULT_ONGOING)
        counts = [
            course.VoteCount(choice_name=choice, count=min(count, MAX_COUNT))
            for choice, count in zip(view.choices, view.counts, strict=True)
        ]
        return course.ElectionResult(status=RESULT_AVAILABLE, counts=counts)

    @answers
    async def RegisterVoter(self, request: course.Voter, context: Context) -> course.Status:
        """Put a voter on the roll."""
        self._officers.check(context, REGISTRAR)
        outcome = await self._application.register(
            _own_id(),
            _text(request.name),
            _text(request.group),
            request.public_key,
            time_for(context),
        )
        return course.Status(code=_REGISTER.get(outcome, REGISTER_UNDEFINED))

    @answers
    async def UnregisterVoter(self, request: course.VoterName, context: Context) -> course.Status:
        """Take a voter off the roll."""
        self._officers.check(context, REGISTRAR)
        outcome = await self._application.unregister(
            _own_id(), _text(request.name), time_for(context)
        )
        return course.Status(code=_UNREGISTER.get(outcome, UNREGISTER_UNDEFINED))


def _text(field: str | bytes) -> str:
    """Return a text of a request. Raises Refusal if it is not UTF-8.

    A proto2 parser lets any bytes in, and the field then is `bytes`, whatever its type says.
    """
    if isinstance(field, bytes):
        raise invalid("a text is not UTF-8")
    return field


def _own_id() -> bytes:
    return secrets.token_bytes(16)
