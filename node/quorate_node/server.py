"""The gRPC side of a node: its listeners and what they serve."""

import asyncio
import socket

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from quorate_node.application import Application
from quorate_node.config import NodeConfig
from quorate_node.credentials import Credentials
from quorate_node.errors import SetupError
from quorate_node.health import LIVENESS, READINESS
from quorate_node.own_status import OwnStatus
from quorate_node.peers import Peers
from quorate_node.services.calls import Officers
from quorate_node.services.course import CourseService
from quorate_node.services.gate import Gate
from quorate_node.services.officers import ClusterService, RollService
from quorate_node.services.voters import AuthService, BallotService, ElectionService
from quorate_node.services.watched_health import WatchedHealth
from quorate_proto import voting_pb2, voting_pb2_grpc
from quorate_proto.v1 import (
    auth_pb2_grpc,
    ballot_pb2_grpc,
    cluster_pb2_grpc,
    election_pb2_grpc,
    roll_pb2_grpc,
)

MAX_MESSAGE_BYTES = 256 * 1024  # the largest election that the state takes fits
MAX_CONCURRENT_RPCS = 4000

OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.so_reuseport", 0),  # a port in use is an error, not a port shared
    ("grpc.http2.min_ping_interval_without_data_ms", 5000),  # what clients' keepalive may do
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_metadata_size", 8192),
)
_SERVICES = (
    "voting.eVoting",
    "quorate.v1.AuthService",
    "quorate.v1.BallotService",
    "quorate.v1.ElectionService",
    "quorate.v1.RollService",
    "quorate.v1.ClusterService",
    "grpc.health.v1.Health",
    reflection.SERVICE_NAME,
)


class Servers:
    """One server per listener, the same services on each.

    Raises:
        SetupError: an address can't be listened on.
    """

    def __init__(
        self,
        config: NodeConfig,
        credentials: Credentials,
        application: Application,
        own: OwnStatus,
        peers: Peers,
    ) -> None:
        self._health = WatchedHealth()
        officers = Officers(lab=config.lab)
        self._servers: list[grpc.aio.Server] = []
        voters = None if config.lab else credentials.for_voters()
        listeners = [(config.listen.client, voters)]
        if config.listen.officer is not None:
            listeners.append((config.listen.officer, credentials.for_officers()))
        for address, tls in listeners:
            server = grpc.aio.server(
                interceptors=[Gate(own)],
                options=OPTIONS,
                maximum_concurrent_rpcs=MAX_CONCURRENT_RPCS,
            )
            voting_pb2_grpc.add_eVotingServicer_to_server(
                CourseService(application, officers), server
            )
            auth_pb2_grpc.add_AuthServiceServicer_to_server(AuthService(application), server)
            ballot_pb2_grpc.add_BallotServiceServicer_to_server(BallotService(application), server)
            election_pb2_grpc.add_ElectionServiceServicer_to_server(
                ElectionService(application), server
            )
            roll_pb2_grpc.add_RollServiceServicer_to_server(
                RollService(application, officers), server
            )
            cluster_pb2_grpc.add_ClusterServiceServicer_to_server(
                ClusterService(config.cluster_id, own, peers), server
            )
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
            reflection.enable_server_reflection(_SERVICES, server)
            _listen(server, address, tls)
            self._servers.append(server)

    async def start(self) -> None:
        """Begin to answer: alive, not ready yet."""
        await self.set_ready(ready=False)
        await self._health.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)
        for server in self._servers:
            await server.start()

    async def set_ready(self, *, ready: bool) -> None:
        """Say whether this node should get ballots now."""
        response = health_pb2.HealthCheckResponse
        status = response.SERVING if ready else response.NOT_SERVING
        for name in (READINESS, voting_pb2.DESCRIPTOR.services_by_name["eVoting"].full_name):
            await self._health.set(name, status)

    async def stop(self, grace_s: float) -> None:
        """Take no more calls; give those under way `grace_s` seconds."""
        await asyncio.gather(*(server.stop(grace_s) for server in self._servers))


def check_address(address: str, whom: str) -> None:
    """Try an address before gRPC or the raft thread does, which say less of why they can't.

    Raises:
        SetupError: it can't be listened on, for `whom`.
    """
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        family, kind, protocol, _, where = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as flaw:
        raise SetupError(f"cannot listen for {whom} on {address}: {flaw.strerror}") from None


def _listen(server: grpc.aio.Server, address: str, tls: grpc.ServerCredentials | None) -> None:
    check_address(address, "clients")
    try:
        if tls is None:
            port = server.add_insecure_port(address)
        else:
            port = server.add_secure_port(address, tls)
    except RuntimeError:
        port = 0
    if port == 0:
        raise SetupError(f"cannot listen for clients on {address}: is the port in use?")
