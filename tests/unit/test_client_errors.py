"""The public names of the client, and what its errors promise."""

import pytest

import quorate_client
from quorate_client import (
    InvalidRequest,
    LocalError,
    NotDone,
    NotFound,
    PermissionDenied,
    QuorateError,
    Unauthenticated,
    Unknown,
)


def test_the_public_names_are_these() -> None:
    assert sorted(quorate_client.__all__) == [
        "AsyncClient",
        "Client",
        "InvalidRequest",
        "LocalError",
        "NotDone",
        "NotFound",
        "PermissionDenied",
        "Profile",
        "QuorateError",
        "Unauthenticated",
        "Unknown",
        "VoterKey",
        "new_request_id",
    ]
    assert all(hasattr(quorate_client, name) for name in quorate_client.__all__)


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (QuorateError, 1),
        (InvalidRequest, 2),
        (NotFound, 3),
        (NotDone, 4),
        (Unknown, 5),
        (LocalError, 6),
        (Unauthenticated, 7),
        (PermissionDenied, 7),
    ],
)
def test_each_error_has_its_documented_exit_code(error: type[QuorateError], exit_code: int) -> None:
    assert error.exit_code == exit_code
    assert issubclass(error, QuorateError)


def test_definite_and_indefinite_are_never_mistaken_for_each_other() -> None:
    assert not issubclass(Unknown, NotDone)
    assert not issubclass(NotDone, Unknown)


def test_an_unknown_outcome_carries_the_id_that_makes_repeating_it_safe() -> None:
    request_id = quorate_client.new_request_id()
    assert len(request_id) == 16
    assert Unknown("it may have been done", request_id).request_id == request_id
