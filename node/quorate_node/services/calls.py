"""What every call of every service has in common: time, errors, officers, limits."""

import functools
import logging
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, ParamSpec, TypeVar, cast

import grpc

from quorate_node.credentials import officer_role
from quorate_node.errors import Refusal
from quorate_replication import NotCommitted, Outcome, OutcomeUnknown, Overloaded
from quorate_replication.state import limits

log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
P = ParamSpec("P")
Reply = TypeVar("Reply")

LONGEST_S = 10.0  # how long a call is worked on, whatever the client's own deadline
MARGIN = 0.9  # of the client's time: our answer must arrive before it gives up
MIN_REQUEST_ID_BYTES = 16
MAX_PAGE, DEFAULT_PAGE = 1000, 100

OUTCOME_KEY, DEFINITE, INDEFINITE = "quorate-outcome", "definite", "indefinite"


def time_for(context: Context) -> float:
    """Return the seconds that this call may take."""
    remaining = cast(float | None, context.time_remaining())  # None: the stubs forget it
    return LONGEST_S if remaining is None else max(0.0, min(LONGEST_S, remaining * MARGIN))


def answers(
    method: Callable[P, Coroutine[Any, Any, Reply]],
) -> Callable[P, Coroutine[Any, Any, Reply]]:
    """Turn the errors of a service method into gRPC statuses with a stated outcome."""

    @functools.wraps(method)
    async def answer(*args: P.args, **kwargs: P.kwargs) -> Reply:
        try:
            return await method(*args, **kwargs)
        except grpc.aio.AbortError:
            raise
        except Exception as flaw:  # noqa: BLE001 - every failure has a status
            context = cast(Context, args[-1])  # gRPC passes (service, request, context)
            await _abort(context, *_status_of(flaw))

    return answer


def _status_of(flaw: Exception) -> tuple[grpc.StatusCode, str, str]:
    match flaw:
        case Refusal():
            return flaw.code, str(flaw), DEFINITE
        case Overloaded():
            return grpc.StatusCode.RESOURCE_EXHAUSTED, str(flaw), DEFINITE
        case NotCommitted():
            return grpc.StatusCode.UNAVAILABLE, str(flaw), DEFINITE
        case OutcomeUnknown():
            return grpc.StatusCode.UNAVAILABLE, str(flaw), INDEFINITE
        case _:
            log.error("a call failed inside this node", exc_info=flaw)
            return grpc.StatusCode.INTERNAL, "internal error", INDEFINITE


async def _abort(context: Context, code: grpc.StatusCode, message: str, outcome: str) -> NoReturn:
    known = cast(tuple[tuple[str, str], ...], context.trailing_metadata() or ())
    await context.abort(code, message, trailing_metadata=(*known, (OUTCOME_KEY, outcome)))
    raise AssertionError  # abort always raises; the type does not say so


def invalid(what: str) -> Refusal:
    """Return the refusal of a malformed request."""
    return Refusal(grpc.StatusCode.INVALID_ARGUMENT, what)


def check_request_id(request_id: bytes) -> bytes:
    """Return a client's request id. Raises Refusal if it could be guessed or is too long."""
    if not MIN_REQUEST_ID_BYTES <= len(request_id) <= limits.REQUEST_ID_BYTES:
        raise invalid(
            f"request_id must have {MIN_REQUEST_ID_BYTES} to {limits.REQUEST_ID_BYTES} bytes, "
            f"not {len(request_id)}"
        )
    return request_id


def check_page(size: int, after: str) -> tuple[int, str]:
    """Return a page's size and where it begins. Raises Refusal."""
    if not 0 <= size <= MAX_PAGE:
        raise invalid(f"page_size must be 0 (for {DEFAULT_PAGE}) to {MAX_PAGE}, not {size}")
    if len(after.encode()) > limits.NAME_BYTES:
        raise invalid("page_token is not one that a previous page returned")
    return size or DEFAULT_PAGE, after


def check_well_formed(outcome: Outcome) -> Outcome:
    """Return the outcome. Raises Refusal for MALFORMED, which no API has a name for."""
    if outcome is Outcome.MALFORMED:
        raise invalid("the request is malformed")
    return outcome


class Officers:
    """Who may do officers' work.

    Args:
        lab: whether registration is open to anyone.
    """

    def __init__(self, *, lab: bool) -> None:
        self._lab = lab

    def check(self, context: Context, *roles: str) -> None:
        """Let a call pass if the caller has one of the roles. Raises Refusal."""
        if self._lab or officer_role(context) in roles:
            return
        raise Refusal(
            grpc.StatusCode.PERMISSION_DENIED,
            f"this needs the certificate of the {' or the '.join(roles)}, on the officers' port",
        )
