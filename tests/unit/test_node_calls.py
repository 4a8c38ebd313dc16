"""What every call has in common: deadlines, statuses with a stated outcome, officers, limits."""

import logging
from types import SimpleNamespace
from typing import Any, cast

import grpc
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.credentials import OPERATOR, REGISTRAR, officer_role
from quorate_node.errors import Refusal
from quorate_node.services.calls import (
    LONGEST_S,
    Context,
    Officers,
    answers,
    check_page,
    check_request_id,
    check_well_formed,
    time_for,
)
from quorate_node.services.times import timestamp_us
from quorate_replication import NotCommitted, Outcome, OutcomeUnknown, Overloaded
from quorate_replication.state import limits


class Aborted(Exception):  # noqa: N818 - gRPC's AbortError, made where we can see it
    """A call ended with a status."""


class FakeContext:
    """A servicer's context, as far as the node looks at it."""

    def __init__(self, remaining_s: float | None = None, names: tuple[bytes, ...] = ()) -> None:
        self._remaining_s = remaining_s
        self._names = names
        self.status: grpc.StatusCode | None = None
        self.trailers: dict[str, str] = {}

    def time_remaining(self) -> float | None:
        return self._remaining_s

    def auth_context(self) -> dict[str, list[bytes]]:
        return {"x509_subject_alternative_name": list(self._names)} if self._names else {}

    def trailing_metadata(self) -> tuple[tuple[str, str], ...]:
        return (("quorate-leader", "n2"),)

    async def abort(
        self, code: grpc.StatusCode, details: str, trailing_metadata: tuple[tuple[str, str], ...]
    ) -> None:
        self.status, self.trailers = code, dict(trailing_metadata)
        raise Aborted(details)


def context(remaining_s: float | None = None, *names: bytes) -> Context:
    return cast(Context, FakeContext(remaining_s, names))


# ------------------------------------------------------------------ time


def test_a_call_without_a_deadline_has_ours() -> None:
    assert time_for(context(None)) == LONGEST_S


@given(st.floats(-1e6, 0) | st.floats(1e-6, 1e6))
def test_we_answer_before_the_caller_gives_up(remaining_s: float) -> None:
    given_s = time_for(context(remaining_s))
    assert 0 <= given_s <= LONGEST_S
    assert given_s < remaining_s or remaining_s <= 0


# ------------------------------------------------------------------ statuses


@pytest.mark.parametrize(
    ("flaw", "code", "outcome"),
    [
        (Refusal(grpc.StatusCode.NOT_FOUND, "x"), grpc.StatusCode.NOT_FOUND, "definite"),
        (Overloaded("x"), grpc.StatusCode.RESOURCE_EXHAUSTED, "definite"),
        (NotCommitted("x"), grpc.StatusCode.UNAVAILABLE, "definite"),
        (OutcomeUnknown("x"), grpc.StatusCode.UNAVAILABLE, "indefinite"),
        (ValueError("ann voted yes"), grpc.StatusCode.INTERNAL, "indefinite"),
    ],
)
async def test_every_failure_is_a_status_with_a_stated_outcome(
    flaw: Exception, code: grpc.StatusCode, outcome: str, caplog: pytest.LogCaptureFixture
) -> None:
    @answers
    async def method(*_: object) -> None:
        raise flaw

    where = FakeContext()
    with caplog.at_level(logging.CRITICAL), pytest.raises(Aborted) as caught:
        await method(SimpleNamespace(), None, cast(Context, where))
    assert where.status is code
    assert where.trailers == {"quorate-leader": "n2", "quorate-outcome": outcome}
    assert "ann" not in str(caught.value)


async def test_an_answer_is_passed_on() -> None:
    @answers
    async def method(_service: object, request: int, _context: Context) -> int:
        return request + 1

    assert await method(SimpleNamespace(), 1, context()) == 2


# ------------------------------------------------------------------ officers


@pytest.mark.parametrize(
    ("names", "role"),
    [
        ((), None),
        ((b"urn:quorate:officer:registrar",), "registrar"),
        ((b"n1", b"localhost", b"urn:quorate:node:n1"), None),
        ((b"registrar",), None),
        ((b"x-urn:quorate:officer:registrar",), None),
        ((b"\xff\xfe", b"urn:quorate:officer:operator"), "operator"),
    ],
)
def test_a_role_is_what_the_certificate_says_and_nothing_else(
    names: tuple[bytes, ...], role: str | None
) -> None:
    assert officer_role(context(None, *names)) == role


@pytest.mark.parametrize("role", [b"registrar", b"operator", b"", b"Registrar", b"registrar "])
def test_only_the_roles_that_a_call_names_pass(role: bytes) -> None:
    where = context(None, b"urn:quorate:officer:" + role)
    if role == b"registrar":
        Officers(lab=False).check(where, REGISTRAR)
    else:
        with pytest.raises(Refusal) as caught:
            Officers(lab=False).check(where, REGISTRAR)
        assert caught.value.code is grpc.StatusCode.PERMISSION_DENIED
    if role == b"operator":
        Officers(lab=False).check(where, REGISTRAR, OPERATOR)
    Officers(lab=True).check(where, REGISTRAR)


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize("length", [0, 1, 15, 65, 1000])
def test_a_request_id_that_can_be_guessed_or_is_too_long_is_malformed(length: int) -> None:
    with pytest.raises(Refusal) as caught:
        check_request_id(bytes(length))
    assert caught.value.code is grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("length", [16, 64])
def test_a_request_id_is_taken_as_it_is(length: int) -> None:
    assert check_request_id(bytes(length)) == bytes(length)


def test_a_page_has_1_to_1000_items_and_100_if_not_said() -> None:
    assert check_page(0, "") == (100, "")
    assert check_page(1000, "after") == (1000, "after")
    wrong: list[Any] = [(-1, ""), (1001, ""), (10, "x" * 257), (10, "ö" * 129)]
    for size, after in wrong:
        with pytest.raises(Refusal):
            check_page(size, after)


def test_malformed_has_no_name_in_any_api() -> None:
    with pytest.raises(Refusal):
        check_well_formed(Outcome.MALFORMED)
    for outcome in set(Outcome) - {Outcome.MALFORMED}:
        assert check_well_formed(outcome) is outcome


@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**31), 2**31 - 1))
def test_a_timestamp_becomes_microseconds_or_a_time_that_is_refused(
    seconds: int, nanos: int
) -> None:
    moment_us = timestamp_us(Timestamp(seconds=seconds, nanos=nanos))
    exact_us = seconds * 10**6 + nanos // 1000
    if 0 <= nanos < 10**9 and limits.is_time(exact_us):
        assert moment_us == exact_us
    else:
        assert not limits.is_time(moment_us)
