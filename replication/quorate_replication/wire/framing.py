"""Frames in a stream of bytes: four bytes of length, big-endian, then so many bytes."""

from quorate_replication.wire.limits import MAX_FRAME_BYTES, WireError

_LENGTH_BYTES = 4


def framed(frame: bytes) -> bytes:
    """Return a frame with its length before it."""
    return len(frame).to_bytes(_LENGTH_BYTES, "big") + frame


class Deframer:
    """Cuts a stream into frames; does no I/O. Holds at most one frame and what was last fed."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take bytes in; `next_frame` gives what they complete."""
        self._buffer += data

    def next_frame(self) -> bytes | None:
        """Return the next frame, or None until more is fed.

        Raises:
            WireError: a length is out of bounds; said as soon as the length is there.
        """
        if len(self._buffer) < _LENGTH_BYTES:
            return None
        length = int.from_bytes(self._buffer[:_LENGTH_BYTES], "big")
        if not 1 <= length <= MAX_FRAME_BYTES:
            raise WireError(f"a frame of {length} bytes, not 1 to {MAX_FRAME_BYTES}")
        end = _LENGTH_BYTES + length
        if len(self._buffer) < end:
            return None
        frame = bytes(memoryview(self._buffer)[_LENGTH_BYTES:end])
        del self._buffer[:end]
        return frame
