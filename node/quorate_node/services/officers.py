"""`quorate.v1` for officers and clients' routing: RollService, ClusterService."""

import asyncio

from quorate_node.application import Application
from quorate_node.credentials import OPERATOR, REGISTRAR
from quorate_node.own_status import OwnStatus
from quorate_node.peers import Peers
from quorate_node.services.calls import (
    Context,
    Officers,
    answers,
    check_page,
    check_request_id,
    check_well_formed,
    time_for,
)
from quorate_proto.v1 import cluster_pb2, cluster_pb2_grpc, roll_pb2, roll_pb2_grpc
from quorate_replication import Outcome

_REGISTER = {
    Outcome.ACCEPTED: roll_pb2.REGISTER_VOTER_OUTCOME_REGISTERED,
    Outcome.REPLACED: roll_pb2.REGISTER_VOTER_OUTCOME_REPLACED,
    Outcome.NAME_INVALID: roll_pb2.REGISTER_VOTER_OUTCOME_NAME_INVALID,
    Outcome.GROUP_INVALID: roll_pb2.REGISTER_VOTER_OUTCOME_GROUP_INVALID,
    Outcome.PUBLIC_KEY_INVALID: roll_pb2.REGISTER_VOTER_OUTCOME_PUBLIC_KEY_INVALID,
    Outcome.ROLL_FULL: roll_pb2.REGISTER_VOTER_OUTCOME_ROLL_FULL,
}
_UNREGISTER = {
    Outcome.ACCEPTED: roll_pb2.UNREGISTER_VOTER_OUTCOME_UNREGISTERED,
    Outcome.VOTER_NOT_FOUND: roll_pb2.UNREGISTER_VOTER_OUTCOME_VOTER_NOT_FOUND,
}


class RollService(roll_pb2_grpc.RollServiceServicer):
    """The roll."""

    def __init__(self, application: Application, officers: Officers) -> None:
        self._application = application
        self._officers = officers

    @answers
    async def RegisterVoter(
        self, request: roll_pb2.RegisterVoterRequest, context: Context
    ) -> roll_pb2.RegisterVoterResponse:
        """Put a voter on the roll, or give her a new key and group."""
        self._officers.check(context, REGISTRAR)
        outcome = await self._application.register(
            check_request_id(request.request_id),
            request.name,
            request.group,
            request.public_key,
            time_for(context),
        )
        return roll_pb2.RegisterVoterResponse(outcome=_REGISTER[check_well_formed(outcome)])

    @answers
    async def UnregisterVoter(
        self, request: roll_pb2.UnregisterVoterRequest, context: Context
    ) -> roll_pb2.UnregisterVoterResponse:
        """Take a voter off the roll."""
        self._officers.check(context, REGISTRAR)
        outcome = await self._application.unregister(
            check_request_id(request.request_id), request.name, time_for(context)
        )
        return roll_pb2.UnregisterVoterResponse(outcome=_UNREGISTER[check_well_formed(outcome)])

    @answers
    async def ListVoters(
        self, request: roll_pb2.ListVotersRequest, context: Context
    ) -> roll_pb2.ListVotersResponse:
        """Return a page of the roll by name."""
        self._officers.check(context, REGISTRAR, OPERATOR)
        size, after = check_page(request.page_size, request.page_token)
        voters = await self._application.voters(after, size + 1, time_for(context))
        return roll_pb2.ListVotersResponse(
            voters=[
                roll_pb2.Voter(name=voter.name, group=voter.group, public_key=voter.public_key)
                for voter in voters[:size]
            ],
            next_page_token=voters[size - 1].name if len(voters) > size else "",
        )


class ClusterService(cluster_pb2_grpc.ClusterServiceServicer):
    """How the cluster is."""

    def __init__(self, cluster_id: str, own: OwnStatus, peers: Peers) -> None:
        self._cluster_id = cluster_id
        self._own = own
        self._peers = peers

    @answers
    async def GetClusterStatus(
        self, request: cluster_pb2.GetClusterStatusRequest, context: Context
    ) -> cluster_pb2.GetClusterStatusResponse:
        """Ask every member now."""
        within_s = time_for(context) if request.include_digest else None
        own, others = await asyncio.gather(
            self._own.report(digest_within_s=within_s), self._peers.ask(digest_within_s=within_s)
        )
        return cluster_pb2.GetClusterStatusResponse(
            cluster_id=self._cluster_id,
            answered_by=own.name,
            nodes=sorted([own, *others], key=lambda node: node.name),
        )

    @answers
    async def GetNodeStatus(
        self, request: cluster_pb2.GetNodeStatusRequest, context: Context
    ) -> cluster_pb2.GetNodeStatusResponse:
        """Answer for this node alone."""
        within_s = time_for(context) if request.include_digest else None
        report = await self._own.report(digest_within_s=within_s)
        return cluster_pb2.GetNodeStatusResponse(node=report)
