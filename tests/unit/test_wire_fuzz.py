"""Whatever bytes come, the codec says WireError or gives a message that it would have sent.

Run it long: HYPOTHESIS_PROFILE=long pytest --timeout=0 tests/unit/test_wire_fuzz.py
"""

import pickle
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_replication.wire.codec import decode, encode
from quorate_replication.wire.framing import Deframer, framed
from quorate_replication.wire.limits import MAX_FRAME_BYTES, WireError
from quorate_replication.wire.messages import Greeting, Message

from .wire_messages import anything

KINDS = range(0x50)  # all that there are, and more
UNPICKLED: list[str] = []


def note_pickle(event: str, args: tuple[object, ...]) -> None:
    if event == "pickle.find_class":
        UNPICKLED.append(f"{event} {args}")


sys.addaudithook(note_pickle)  # for the life of the process: hooks can't be taken away


def check(frame: bytes) -> None:
    """Decode: only WireError may come, or a message that encodes to the very frame."""
    try:
        message = decode(frame)
    except WireError:
        return
    assert encode(message) == frame


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    frame = bytearray(encode(draw(anything)))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(frame)))
        match draw(st.sampled_from(("set", "cut", "insert", "ones"))):
            case "set" if at < len(frame):
                frame[at] = draw(st.integers(0, 255))
            case "cut":
                del frame[at : at + draw(st.integers(1, 9))]
            case "insert":
                frame[at:at] = draw(st.binary(max_size=9))
            case _:
                frame[at : at + 4] = b"\xff\xff\xff\xff"
    return bytes(frame)


@given(st.binary(max_size=400))
def test_random_bytes_raise_nothing_but_wire_errors(frame: bytes) -> None:
    check(frame)


@given(st.sampled_from(KINDS), st.binary(max_size=200))
def test_random_bytes_of_every_kind_raise_nothing_but_wire_errors(kind: int, rest: bytes) -> None:
    check(bytes((kind,)) + rest)


@given(mutated())
def test_mutated_frames_raise_nothing_but_wire_errors(frame: bytes) -> None:
    check(frame)


@given(anything, st.data())
def test_a_truncated_frame_is_never_taken_for_another_message(
    message: Message | Greeting, data: st.DataObject
) -> None:
    frame = encode(message)
    check(frame[: data.draw(st.integers(0, len(frame) - 1))])


@given(st.lists(anything, max_size=5), st.data())
def test_a_stream_in_any_pieces_gives_the_same_messages(
    messages: list[Message | Greeting], data: st.DataObject
) -> None:
    stream = b"".join(framed(encode(each)) for each in messages)
    deframer, found = Deframer(), list[object]()
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        deframer.feed(stream[:size])
        stream = stream[size:]
        while (frame := deframer.next_frame()) is not None:
            found.append(decode(frame))
    assert found == messages


@given(st.binary(max_size=300))
def test_a_random_stream_raises_nothing_but_wire_errors(stream: bytes) -> None:
    deframer = Deframer()
    deframer.feed(stream)
    try:
        while (frame := deframer.next_frame()) is not None:
            check(frame)
    except WireError:
        pass


@pytest.mark.parametrize("kind", KINDS)
def test_no_length_in_a_frame_makes_decoding_allocate_more_than_it_holds(kind: int) -> None:
    frame = bytes((kind,)) + b"\xff" * 200
    tracemalloc.start()
    try:
        check(frame)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < MAX_FRAME_BYTES


class Evil:
    """What a pickle could do: call anything."""

    def __reduce__(self) -> tuple[object, ...]:
        return len, ("",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_is_never_loaded(protocol: int) -> None:
    payload = pickle.dumps(Evil(), protocol)
    UNPICKLED.clear()
    check(payload)
    for kind in KINDS:
        for gap in range(40):
            check(bytes((kind,)) + bytes(gap) + payload)
    assert UNPICKLED == []
    pickle.loads(payload)  # noqa: S301 - the proof that it would have been noticed
    assert UNPICKLED
