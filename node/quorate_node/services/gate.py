"""What every call passes on its way in and out, whatever the service.

Bytes that are no message are refused; a stopping node sends its callers elsewhere; and every
answer says who leads, so that a client whose node fails goes to the leader next.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol, cast

import grpc
from google.protobuf.message import DecodeError

from quorate_node.services.calls import DEFINITE, OUTCOME_KEY, Context

LEADER_KEY = "quorate-leader"

if TYPE_CHECKING:  # generic in its stubs only
    Handler = grpc.RpcMethodHandler[Any, Any]


class NodeView(Protocol):
    """What the gate needs to know of its node."""

    stopping: bool

    @property
    def leader_name(self) -> str:
        """The leader, or nothing."""
        ...


class Gate(grpc.aio.ServerInterceptor):
    """Wraps every unary method; streams (health watches, reflection) pass."""

    def __init__(self, node: NodeView) -> None:
        self._node = node

    async def intercept_service(
        self,
        continuation: "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]",
        handler_call_details: grpc.HandlerCallDetails,
    ) -> "Handler | None":
        """Return the wrapped method."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = cast(Callable[[object, Context], Awaitable[object]], handler.unary_unary)
        decode = cast(Callable[[bytes], object], handler.request_deserializer)

        async def pass_gate(request: object, context: Context) -> object:
            leader = self._node.leader_name
            hint = ((LEADER_KEY, leader),) if leader else ()
            refused = (*hint, (OUTCOME_KEY, DEFINITE))
            if request is None:
                code, why = grpc.StatusCode.INVALID_ARGUMENT, "the bytes are no such message"
                await context.abort(code, why, trailing_metadata=refused)
            if self._node.stopping and not handler_call_details.method.startswith("/grpc."):
                code, why = grpc.StatusCode.UNAVAILABLE, "this node is stopping: ask another"
                await context.abort(code, why, trailing_metadata=refused)
            context.set_trailing_metadata(hint)
            return await method(request, context)

        return grpc.unary_unary_rpc_method_handler(
            cast(Any, pass_gate), _lenient(decode), handler.response_serializer
        )


def _lenient(decode: Callable[[bytes], object]) -> Callable[[bytes], object]:
    """Return a decoder that gives None for what is no message.

    gRPC would answer INTERNAL and log a traceback for each such call.
    """

    def decoded(data: bytes) -> object:
        try:
            return decode(data)
        except DecodeError:
            return None

    return decoded
