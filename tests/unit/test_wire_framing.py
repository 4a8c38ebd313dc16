"""Frames in a stream."""

import pytest

from quorate_replication.wire.framing import Deframer, framed
from quorate_replication.wire.limits import MAX_FRAME_BYTES, WireError


def test_a_frame_is_complete_with_its_last_byte() -> None:
    deframer = Deframer()
    stream = framed(b"abc")
    for place in range(len(stream) - 1):
        deframer.feed(stream[place : place + 1])
        assert deframer.next_frame() is None
    deframer.feed(stream[-1:] + framed(b"d"))
    assert deframer.next_frame() == b"abc"
    assert deframer.next_frame() == b"d"
    assert deframer.next_frame() is None


def test_the_longest_frame_passes() -> None:
    deframer = Deframer()
    deframer.feed(framed(b"x" * MAX_FRAME_BYTES))
    assert deframer.next_frame() == b"x" * MAX_FRAME_BYTES


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1, 2**32 - 1])
def test_a_length_out_of_bounds_is_refused_before_anything_follows_it(length: int) -> None:
    deframer = Deframer()
    deframer.feed(framed(b"good") + length.to_bytes(4, "big"))
    assert deframer.next_frame() == b"good"
    with pytest.raises(WireError, match=f"a frame of {length} bytes"):
        deframer.next_frame()
