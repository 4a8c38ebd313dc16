"""Protobuf timestamps to microseconds and back."""

from google.protobuf.timestamp_pb2 import Timestamp

from quorate_replication.state import limits


def timestamp_us(timestamp: Timestamp) -> int:
    """Return microseconds since 1970 UTC; for no valid timestamp, a time that is refused."""
    if not 0 <= timestamp.nanos < 10**9:
        return limits.LATEST_US + 1
    moment_us = timestamp.seconds * 1_000_000 + timestamp.nanos // 1000
    return moment_us if limits.is_time(moment_us) else limits.LATEST_US + 1


def timestamp(moment_us: int) -> Timestamp:
    """Return a protobuf timestamp."""
    message = Timestamp()
    message.FromMicroseconds(moment_us)
    return message
