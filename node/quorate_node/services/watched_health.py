"""Health checking with a limit on those who watch: a watch holds a place until it ends."""

import grpc
from grpc_health.v1 import health, health_pb2

from quorate_node.services.calls import Context

MAX_WATCHES = 200


class WatchedHealth(health.aio.HealthServicer):
    """gRPC's own health service; the watch after the last one is refused."""

    def __init__(self) -> None:
        super().__init__()
        self._watches = 0

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Tell each change of a service's health until the caller goes."""
        if self._watches >= MAX_WATCHES:
            code = grpc.StatusCode.RESOURCE_EXHAUSTED
            await context.abort(code, "too many watch this node's health: check it instead")
        self._watches += 1
        try:
            await super().Watch(request, context)
        finally:
            self._watches -= 1
