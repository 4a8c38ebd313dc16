"""What the nodes of a stage say of themselves: their status, asked of each one alone."""

from collections import Counter
from contextlib import suppress

import grpc

from quorate_client.profile import Profile
from quorate_proto.v1 import cluster_pb2, cluster_pb2_grpc

TIMEOUT_S = 1.0
_OPTIONS = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 300),
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),  # no backoff in common with the workload's channels
)


class Views:
    """Asks the nodes of a cluster. Use it in one event loop, and `close` it."""

    def __init__(self, profile: Profile) -> None:
        credentials = grpc.ssl_channel_credentials(root_certificates=profile.ca)
        self._size = len(profile.nodes)
        self._channels = {
            node.name: grpc.aio.secure_channel(node.client, credentials, options=_OPTIONS)
            for node in profile.nodes
        }

    async def status(
        self, name: str, *, include_digest: bool = False, timeout_s: float = TIMEOUT_S
    ) -> cluster_pb2.NodeStatus | None:
        """Return what a node says of itself; None if it does not answer."""
        stub = cluster_pb2_grpc.ClusterServiceStub(self._channels[name])
        request = cluster_pb2.GetNodeStatusRequest(include_digest=include_digest)
        with suppress(grpc.aio.AioRpcError):
            return (await stub.GetNodeStatus(request, timeout=timeout_s)).node
        return None

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels.values():
            await channel.close()


def agreed_leader(views: list[cluster_pb2.NodeStatus], nodes: int) -> str:
    """Return whom a majority of `nodes` takes for the leader; empty if there is none."""
    named = Counter(view.leader_name for view in views if view.leader_name)
    return next((name for name, count in named.items() if 2 * count > nodes), "")
