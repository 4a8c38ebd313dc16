"""What requests and answers have in common: request ids, end times, outcomes."""

import secrets
from datetime import datetime
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp

from quorate_client.errors import Unknown

REQUEST_ID_BYTES = 16
MAX_REQUEST_ID_BYTES = 64  # that a node takes
T = TypeVar("T", bound=int)


def new_request_id() -> bytes:
    """Make a request id: under it, however often it is sent, a request is done at most once."""
    return secrets.token_bytes(REQUEST_ID_BYTES)


def timestamp(moment: datetime) -> Timestamp:
    """Convert a time with a zone; ValueError without one."""
    if moment.tzinfo is None:
        raise ValueError("an end time needs a time zone")
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def told(outcome: T, request_id: bytes) -> T:
    """Return the outcome, if there is one; else Unknown."""
    if outcome == 0:  # proto3 cannot tell it from silence
        raise Unknown("the node answered without an outcome; repeat it", request_id)
    return outcome
