"""Nodes that play the cluster to the client: real gRPC, scripted faults, a few dicts for state."""

# ruff: noqa: N802 - gRPC dictates these names

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import Enum, auto
from types import TracebackType
from typing import Never, Self, TypeVar, cast

import grpc

from quorate_client.profile import Node, Profile
from quorate_client.provision.certificates import Authority
from quorate_proto.v1 import (
    auth_pb2,
    auth_pb2_grpc,
    ballot_pb2,
    ballot_pb2_grpc,
    cluster_pb2,
    cluster_pb2_grpc,
    election_pb2,
    election_pb2_grpc,
    roll_pb2,
    roll_pb2_grpc,
)

A = TypeVar("A")


class Fault(Enum):
    """What a node does instead of just answering."""

    PASS = auto()  # no fault
    FREEZE = auto()  # never answers, does nothing
    LOSE_REPLY = auto()  # does it, and loses the connection before it answers
    NO_LEADER = auto()  # definite
    HINT_N2 = auto()  # definite, and says that n2 is the leader
    MAYBE = auto()  # indefinite
    DENY = auto()
    UNAUTHENTICATED = auto()
    INVALID = auto()
    OVERLOADED = auto()


_CODES = {
    Fault.LOSE_REPLY: grpc.StatusCode.UNAVAILABLE,
    Fault.NO_LEADER: grpc.StatusCode.UNAVAILABLE,
    Fault.HINT_N2: grpc.StatusCode.UNAVAILABLE,
    Fault.MAYBE: grpc.StatusCode.UNAVAILABLE,
    Fault.DENY: grpc.StatusCode.PERMISSION_DENIED,
    Fault.UNAUTHENTICATED: grpc.StatusCode.UNAUTHENTICATED,
    Fault.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Fault.OVERLOADED: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
_TRAILING: dict[Fault, tuple[tuple[str, str], ...]] = {
    Fault.NO_LEADER: (("quorate-outcome", "definite"),),
    Fault.HINT_N2: (("quorate-outcome", "definite"), ("quorate-leader", "n2")),
    Fault.MAYBE: (("quorate-outcome", "indefinite"),),
}


@dataclass
class State:
    """What the nodes agree on, being one object."""

    ballots: dict[bytes, str] = field(default_factory=dict[bytes, str])  # choice by request id
    voters: dict[str, roll_pb2.Voter] = field(default_factory=dict[str, roll_pb2.Voter])
    elections: dict[str, election_pb2.Election] = field(
        default_factory=dict[str, election_pb2.Election]
    )
    tally: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    looks_until_closed: int = 0  # how often GetResults says that the election is open
    tokens: int = 0  # bought so far
    tokens_left: int = 1000
    token_end_s: float = 2.0**32
    refused_tokens: set[bytes] = field(default_factory=set[bytes])
    cast_outcome: ballot_pb2.CastBallotOutcome.ValueType = ballot_pb2.CAST_BALLOT_OUTCOME_COUNTED
    check_outcome: ballot_pb2.CheckBallotOutcome.ValueType = (
        ballot_pb2.CHECK_BALLOT_OUTCOME_NOT_COUNTED_YET
    )
    ready: set[str] = field(default_factory=lambda: {"n1", "n2", "n3"})


class FakeNode(
    auth_pb2_grpc.AuthServiceServicer,
    ballot_pb2_grpc.BallotServiceServicer,
    cluster_pb2_grpc.ClusterServiceServicer,
    election_pb2_grpc.ElectionServiceServicer,
    roll_pb2_grpc.RollServiceServicer,
):
    """One node. `faults` are its next behaviours, in order; `seen` is what it was asked."""

    def __init__(self, name: str, state: State, authority: Authority | None = None) -> None:
        self.name = name
        self.peers: list[str] = []  # the connection of each request in `seen`
        self.callers: set[bytes] = set()  # the names in the certificates of those who called
        self.state = state
        self.faults: deque[Fault] = deque()
        self.lose_ballots = False  # counts every ballot and loses its reply
        self.seen: list[object] = []
        self._thaw = threading.Event()
        self._server = grpc.server(ThreadPoolExecutor(8))
        auth_pb2_grpc.add_AuthServiceServicer_to_server(self, self._server)
        ballot_pb2_grpc.add_BallotServiceServicer_to_server(self, self._server)
        cluster_pb2_grpc.add_ClusterServiceServicer_to_server(self, self._server)
        election_pb2_grpc.add_ElectionServiceServicer_to_server(self, self._server)
        roll_pb2_grpc.add_RollServiceServicer_to_server(self, self._server)
        plain = None if authority is None else _credentials(authority, officers=False)
        mutual = None if authority is None else _credentials(authority, officers=True)
        self.endpoint = self._listen(plain)
        self.officer_endpoint = self._listen(mutual)
        self._server.start()

    def _listen(self, credentials: grpc.ServerCredentials | None) -> str:
        if credentials is None:
            port = self._server.add_insecure_port("127.0.0.1:0")
        else:
            port = self._server.add_secure_port("127.0.0.1:0", credentials)
        return f"127.0.0.1:{port}"

    def die(self) -> None:
        """Stop at once; connections break."""
        self._thaw.set()
        self._server.stop(None).wait()

    def asked(self, kind: type[A]) -> list[A]:
        """Return the requests of that kind."""
        return [request for request in self.seen if isinstance(request, kind)]

    def _answer(self, request: object, context: grpc.ServicerContext, do: Callable[[], A]) -> A:
        self.seen.append(request)
        names = cast("dict[str, list[bytes]]", context.auth_context())
        self.callers.update(names.get("x509_subject_alternative_name", []))
        self.peers.append(context.peer())
        if self.faults and (fault := self.faults.popleft()) is not Fault.PASS:
            self._fail(fault, context, do)
        return do()

    def _fail(self, fault: Fault, context: grpc.ServicerContext, do: Callable[[], object]) -> Never:
        if fault is Fault.LOSE_REPLY:
            do()
        if fault is Fault.FREEZE:
            self._thaw.wait()
            context.abort(grpc.StatusCode.CANCELLED, "thawed")
        context.set_trailing_metadata(_TRAILING.get(fault, ()))
        context.abort(_CODES[fault], fault.name.lower().replace("_", " "))

    def GetChallenge(
        self, request: auth_pb2.GetChallengeRequest, context: grpc.ServicerContext
    ) -> auth_pb2.GetChallengeResponse:
        reply = auth_pb2.GetChallengeResponse(challenge=b"sign me")
        return self._answer(request, context, lambda: reply)

    def Authenticate(
        self, request: auth_pb2.AuthenticateRequest, context: grpc.ServicerContext
    ) -> auth_pb2.AuthenticateResponse:
        def do() -> auth_pb2.AuthenticateResponse:
            if self.state.tokens_left == 0:
                context.abort(grpc.StatusCode.UNAUTHENTICATED, "no such voter or a wrong signature")
            self.state.tokens_left -= 1
            self.state.tokens += 1
            reply = auth_pb2.AuthenticateResponse(token=b"token %d" % self.state.tokens)
            reply.expire_time.seconds = int(self.state.token_end_s)
            return reply

        return self._answer(request, context, do)

    def CastBallot(
        self, request: ballot_pb2.CastBallotRequest, context: grpc.ServicerContext
    ) -> ballot_pb2.CastBallotResponse:
        def do() -> ballot_pb2.CastBallotResponse:
            if request.token in self.state.refused_tokens:
                invalid = ballot_pb2.CAST_BALLOT_OUTCOME_INVALID_TOKEN
                return ballot_pb2.CastBallotResponse(outcome=invalid)
            self.state.ballots[request.request_id] = request.choice
            if self.lose_ballots:
                context.abort(grpc.StatusCode.UNAVAILABLE, "connection lost")
            reply = ballot_pb2.CastBallotResponse(outcome=self.state.cast_outcome)
            if reply.outcome == ballot_pb2.CAST_BALLOT_OUTCOME_COUNTED:
                reply.receipt.CopyFrom(_receipt(request.election_name, request.request_id))
            return reply

        return self._answer(request, context, do)

    def CheckBallot(
        self, request: ballot_pb2.CheckBallotRequest, context: grpc.ServicerContext
    ) -> ballot_pb2.CheckBallotResponse:
        def do() -> ballot_pb2.CheckBallotResponse:
            if request.ballot_id not in self.state.ballots:
                return ballot_pb2.CheckBallotResponse(outcome=self.state.check_outcome)
            return ballot_pb2.CheckBallotResponse(
                outcome=ballot_pb2.CHECK_BALLOT_OUTCOME_COUNTED,
                receipt=_receipt(request.election_name, request.ballot_id),
            )

        return self._answer(request, context, do)

    def GetClusterStatus(
        self, request: cluster_pb2.GetClusterStatusRequest, context: grpc.ServicerContext
    ) -> cluster_pb2.GetClusterStatusResponse:
        def do() -> cluster_pb2.GetClusterStatusResponse:
            nodes = [
                cluster_pb2.NodeStatus(
                    name=name,
                    reachable=name in self.state.ready,
                    ready=name in self.state.ready,
                    role=cluster_pb2.ROLE_LEADER if name == "n1" else cluster_pb2.ROLE_FOLLOWER,
                    digest=b"\x01\x02" if request.include_digest else b"",
                )
                for name in ("n1", "n2", "n3")
            ]
            return cluster_pb2.GetClusterStatusResponse(answered_by=self.name, nodes=nodes)

        return self._answer(request, context, do)

    def GetNodeStatus(
        self, request: cluster_pb2.GetNodeStatusRequest, context: grpc.ServicerContext
    ) -> cluster_pb2.GetNodeStatusResponse:
        return self._answer(request, context, cluster_pb2.GetNodeStatusResponse)

    def CreateElection(
        self, request: election_pb2.CreateElectionRequest, context: grpc.ServicerContext
    ) -> election_pb2.CreateElectionResponse:
        def do() -> election_pb2.CreateElectionResponse:
            self.state.elections[request.name] = election_pb2.Election(
                name=request.name,
                groups=request.groups,
                choices=request.choices,
                end_time=request.end_time,
                state=election_pb2.ELECTION_STATE_OPEN,
            )
            created = election_pb2.CREATE_ELECTION_OUTCOME_CREATED
            return election_pb2.CreateElectionResponse(outcome=created)

        return self._answer(request, context, do)

    def ExtendElection(
        self, request: election_pb2.ExtendElectionRequest, context: grpc.ServicerContext
    ) -> election_pb2.ExtendElectionResponse:
        extended = election_pb2.EXTEND_ELECTION_OUTCOME_EXTENDED
        reply = election_pb2.ExtendElectionResponse(outcome=extended)
        return self._answer(request, context, lambda: reply)

    def GetElection(
        self, request: election_pb2.GetElectionRequest, context: grpc.ServicerContext
    ) -> election_pb2.GetElectionResponse:
        def do() -> election_pb2.GetElectionResponse:
            if request.name not in self.state.elections:
                context.abort(grpc.StatusCode.NOT_FOUND, "no such election")
            return election_pb2.GetElectionResponse(election=self.state.elections[request.name])

        return self._answer(request, context, do)

    def ListElections(
        self, request: election_pb2.ListElectionsRequest, context: grpc.ServicerContext
    ) -> election_pb2.ListElectionsResponse:
        def do() -> election_pb2.ListElectionsResponse:
            names = sorted(name for name in self.state.elections if name > request.page_token)
            page = names[: request.page_size]
            return election_pb2.ListElectionsResponse(
                elections=[self.state.elections[name] for name in page],
                next_page_token=page[-1] if len(names) > len(page) else "",
            )

        return self._answer(request, context, do)

    def GetResults(
        self, request: election_pb2.GetResultsRequest, context: grpc.ServicerContext
    ) -> election_pb2.GetResultsResponse:
        def do() -> election_pb2.GetResultsResponse:
            if self.state.looks_until_closed > 0:
                self.state.looks_until_closed -= 1
                still_open = election_pb2.GET_RESULTS_OUTCOME_ELECTION_OPEN
                return election_pb2.GetResultsResponse(outcome=still_open)
            return election_pb2.GetResultsResponse(
                outcome=election_pb2.GET_RESULTS_OUTCOME_AVAILABLE,
                counts=[
                    election_pb2.ChoiceCount(choice=choice, count=count)
                    for choice, count in self.state.tally
                ],
            )

        return self._answer(request, context, do)

    def RegisterVoter(
        self, request: roll_pb2.RegisterVoterRequest, context: grpc.ServicerContext
    ) -> roll_pb2.RegisterVoterResponse:
        def do() -> roll_pb2.RegisterVoterResponse:
            self.state.voters[request.name] = roll_pb2.Voter(
                name=request.name, group=request.group, public_key=request.public_key
            )
            registered = roll_pb2.REGISTER_VOTER_OUTCOME_REGISTERED
            return roll_pb2.RegisterVoterResponse(outcome=registered)

        return self._answer(request, context, do)

    def UnregisterVoter(
        self, request: roll_pb2.UnregisterVoterRequest, context: grpc.ServicerContext
    ) -> roll_pb2.UnregisterVoterResponse:
        def do() -> roll_pb2.UnregisterVoterResponse:
            known = self.state.voters.pop(request.name, None) is not None
            outcome = (
                roll_pb2.UNREGISTER_VOTER_OUTCOME_UNREGISTERED
                if known
                else roll_pb2.UNREGISTER_VOTER_OUTCOME_VOTER_NOT_FOUND
            )
            return roll_pb2.UnregisterVoterResponse(outcome=outcome)

        return self._answer(request, context, do)

    def ListVoters(
        self, request: roll_pb2.ListVotersRequest, context: grpc.ServicerContext
    ) -> roll_pb2.ListVotersResponse:
        voters = [self.state.voters[name] for name in sorted(self.state.voters)]
        reply = roll_pb2.ListVotersResponse(voters=voters)
        return self._answer(request, context, lambda: reply)


def _receipt(election: str, ballot_id: bytes) -> ballot_pb2.Receipt:
    receipt = ballot_pb2.Receipt(election_name=election, ballot_id=ballot_id)
    receipt.cluster_time.FromSeconds(2**31)
    return receipt


def _credentials(authority: Authority, *, officers: bool) -> grpc.ServerCredentials:
    node = authority.node("n1", "127.0.0.1")
    return grpc.ssl_server_credentials(
        [(node.key, node.certificate)],
        root_certificates=authority.identity.certificate if officers else None,
        require_client_auth=officers,
    )


class FakeCluster:
    """Nodes n1, n2, n3 over one state, for `with`."""

    def __init__(self) -> None:
        self.state = State()
        self.nodes = [FakeNode(name, self.state) for name in ("n1", "n2", "n3")]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for node in self.nodes:
            node.die()

    @property
    def profile(self) -> Profile:
        """The lab profile of these nodes."""
        return Profile(tuple(Node(node.name, node.endpoint) for node in self.nodes), lab=True)

    @property
    def flags(self) -> list[str]:
        """The command line's flags that lead here."""
        return ["--plaintext", "--endpoints", ",".join(node.endpoint for node in self.nodes)]

    def everywhere(self, *faults: Fault) -> None:
        """Script the same faults at every node."""
        for node in self.nodes:
            node.faults.extend(faults)

    def asked(self, kind: type[A]) -> list[A]:
        """Return the requests of that kind that any node saw."""
        return [request for node in self.nodes for request in node.asked(kind)]
