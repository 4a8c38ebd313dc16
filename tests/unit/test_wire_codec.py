"""Messages to bytes and back; what is out of bounds is refused on both sides."""

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_replication.wire.codec import decode, encode
from quorate_replication.wire.limits import (
    ENTRY_OVERHEAD_BYTES,
    MAX_CHUNK_BYTES,
    MAX_ENTRY_BYTES,
    MAX_FRAME_BYTES,
    MAX_NUMBER,
    MAX_PROPOSAL_BYTES,
    PROTOCOL_VERSION,
    WireError,
)
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    Entry,
    Greeting,
    Hello,
    Message,
    Propose,
    SnapshotChunk,
    Standing,
    TurnedAway,
    Vote,
    Welcome,
)

from .wire_messages import ALL, ONE_OF_EACH

HELLO = Hello("c1", "n1", bytes(16), Standing.VOTER)
CHUNK = SnapshotChunk(9, 4, 3, 0, 1 << 30, b"")


def entries(*commands: bytes, first: int = 2, term: int = 3) -> AppendEntries:
    made = tuple(Entry(command, first + place, term) for place, command in enumerate(commands))
    return AppendEntries(9, 0, 1, 1, made)


def test_every_kind_of_message_is_tried_here() -> None:
    assert set(ALL) == set(get_args(Message)) | set(get_args(Greeting))
    assert {type(message) for message in ONE_OF_EACH} == set(get_args(Message))


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
@given(data=st.data())
def test_what_is_encoded_decodes_to_the_same(
    kind: type[Message | Greeting], data: st.DataObject
) -> None:
    message = data.draw(ALL[kind])
    found = decode(encode(message))
    assert found == message
    assert type(found) is kind


def test_the_bytes_of_each_kind_stay_as_they_are() -> None:
    """A member of the last release must understand this one: a change here breaks the wire."""
    assert encode(HELLO).hex() == "010001" + "00" * 16 + "01" + "026331" + "026e31"
    assert encode(Welcome(bytes(16), Standing.REPLACING)).hex() == "02" + "00" * 16 + "03"
    assert encode(Vote(1)).hex() == "110000000000000001"
    assert [encode(message)[0] for message in ONE_OF_EACH] == [
        *(0x10, 0x11, 0x12, 0x13, 0x14, 0x20, 0x21, 0x22, 0x23),
        *(0x30, 0x31, 0x32, 0x40, 0x41, 0x42, 0x43, 0x44),
    ]


def test_an_entry_takes_up_what_the_limits_say_besides_its_command() -> None:
    grown = len(encode(entries(b"\0abc"))) - len(encode(entries()))
    assert grown == ENTRY_OVERHEAD_BYTES + 4


@pytest.mark.parametrize(
    "message",
    [
        entries(b"\0" * MAX_ENTRY_BYTES),
        Propose(1, 1, b"x" * MAX_PROPOSAL_BYTES),
        replace(CHUNK, data=b"x" * MAX_CHUNK_BYTES),
        replace(HELLO, name="n" * 64),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_is_as_long_as_it_may_be_passes(message: Message | Greeting) -> None:
    assert decode(encode(message)) == message


@pytest.mark.parametrize(
    "message",
    [
        Vote(-1),
        Vote(MAX_NUMBER + 1),
        replace(HELLO, name=""),
        replace(HELLO, name="n" * 65),
        replace(HELLO, cluster_id="\udc80"),
        replace(HELLO, incarnation=bytes(15)),
        replace(HELLO, incarnation=bytes(17)),
        Propose(1, 1, b""),
        Propose(1, 1, b"x" * (MAX_PROPOSAL_BYTES + 1)),
        replace(CHUNK, data=b"x" * (MAX_CHUNK_BYTES + 1)),
        replace(CHUNK, offset=1 << 30, data=b"x"),
        replace(CHUNK, last_term=10),
        entries(b""),
        entries(b"\0" * (MAX_ENTRY_BYTES + 1)),
        entries(b"\2"),
        entries(b"\3"),
        entries(b"\0", first=3),
        entries(b"\0", term=10),
        entries(b"\0", term=0),
        AppendEntries(9, 0, MAX_NUMBER, 1, (Entry(b"\0", MAX_NUMBER + 1, 3),)),
        AppendEntries(9, 0, 1, 1, (Entry(b"\0", 2, 3), Entry(b"\0", 3, 2))),
        AppendEntries(9, 0, 1, 1, (Entry(b"\0", 2, 3), Entry(b"\0", 2, 3))),
        AppendEntries(9, 0, 1, 10),
        entries(*[b"\0" * MAX_ENTRY_BYTES] * 8),
    ],
    ids=lambda message: type(message).__name__,
)
def test_what_the_receiver_would_refuse_is_not_sent(message: Message | Greeting) -> None:
    with pytest.raises(WireError):
        encode(message)


def test_what_is_no_message_is_not_sent() -> None:
    with pytest.raises(WireError, match="str is no message"):
        encode("Vote")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


VOTE = encode(Vote(1))
APPEND = encode(entries(b"\0abc", b"\1"))
REPLY = encode(AppendReply(9, 5, success=True, reset=False))
FIRST_ENTRY = 33
"""Where the first entry of APPEND begins: its term, its length, its command."""


def cut_in(frame: bytes, at: int, new: bytes) -> bytes:
    return frame[:at] + new + frame[at + len(new) :]


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "1 to"),
        (b"\0" * (MAX_FRAME_BYTES + 1), "1 to"),
        (b"\0", "no kind"),
        (b"\xff" + VOTE[1:], "no kind"),
        (VOTE[:-1], "Vote"),
        (VOTE + b"\0", "follow"),
        (encode(HELLO) + b"\0", "follow"),
        (encode(HELLO)[:-1], "cut short|name"),
        (encode(HELLO)[:-2], "name"),
        (encode(TurnedAway(refusal=1))[:1] + b"\x09", "9 is not a valid Refusal"),  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        (cut_in(encode(HELLO), 19, b"\0"), "0 is not a valid Standing"),
        (cut_in(encode(HELLO), 21, b"\xff\xff"), "utf-8"),
        (cut_in(REPLY, 17, b"\2"), "flag"),
        (cut_in(REPLY, 18, b"\xff"), "flag"),
        (APPEND[:-1], "cut short"),
        (APPEND + b"\0", "AppendEntries"),
        (cut_in(APPEND, FIRST_ENTRY + 8, b"\xff\xff\xff\xff"), "cut short"),
        (cut_in(APPEND, FIRST_ENTRY + 8, b"\0\0\0\0"), "AppendEntries"),
        (cut_in(APPEND, FIRST_ENTRY + 12, b"\2"), "type 2 is not admitted"),
        (cut_in(APPEND, FIRST_ENTRY + 7, b"\4"), "fall"),
        (cut_in(APPEND, FIRST_ENTRY, b"\1"), "fall|later"),
        (encode(Propose(1, 1, b"x"))[:-1], "0 bytes"),
        (encode(CHUNK) + b"\0" * (MAX_CHUNK_BYTES + 1), "bytes"),
    ],
)
def test_a_malformed_frame_is_refused_and_says_why(frame: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        decode(frame)


def test_a_newer_protocol_is_told_apart_whatever_its_greeting_looks_like() -> None:
    newer = b"\x01" + (PROTOCOL_VERSION + 1).to_bytes(2, "big") + b"?"
    with pytest.raises(WireError, match=r"version 2 of the protocol.*upgrade this member"):
        decode(newer)
    with pytest.raises(WireError, match="no version 0"):
        decode(b"\x01\0\0" + encode(HELLO)[3:])
