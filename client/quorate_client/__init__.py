"""The client of a Quorate cluster: it fails over by itself and says definite or indefinite."""

import os

# grpc reads it when it is imported, and would write to standard error about each failed handshake:
# the errors of this package say it once.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")

from quorate_client.aio import AsyncClient
from quorate_client.errors import (
    InvalidRequest,
    LocalError,
    NotDone,
    NotFound,
    PermissionDenied,
    QuorateError,
    Unauthenticated,
    Unknown,
)
from quorate_client.fields import new_request_id
from quorate_client.profile import Profile
from quorate_client.sync import Client
from quorate_client.tokens import VoterKey

__all__ = [
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
