"""Tells every caller who leads, so that a client whose node fails goes to the leader next."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

import grpc

LEADER_KEY = "quorate-leader"

Handler = grpc.RpcMethodHandler[Any, Any]
Context = grpc.aio.ServicerContext[Any, Any]


class LeaderHint(grpc.aio.ServerInterceptor):
    """Adds trailing metadata `quorate-leader: NAME` to answers, where a leader is known.

    Args:
        leader: returns the leader's name, or nothing.
    """

    def __init__(self, leader: Callable[[], str]) -> None:
        self._leader = leader

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Wrap unary methods; streams (health watches, reflection) pass."""
        handler = await continuation(handler_call_details)
        if handler is None or handler.unary_unary is None:
            return handler
        method = cast(Callable[[Any, Context], Awaitable[Any]], handler.unary_unary)

        async def hinted(request: object, context: Context) -> object:
            if leader := self._leader():
                context.set_trailing_metadata(((LEADER_KEY, leader),))
            return await method(request, context)

        return grpc.unary_unary_rpc_method_handler(
            cast(Any, hinted), handler.request_deserializer, handler.response_serializer
        )
