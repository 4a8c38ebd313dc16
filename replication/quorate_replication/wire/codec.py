"""Messages to bytes and back, without pickle: the table of all kinds, and what each must satisfy.

`encode` refuses what `decode` would refuse, so a member never sends what another hangs up on.
A kind's type byte and fields are fixed for ever; a change is a new kind or a new PROTOCOL_VERSION.
"""

import struct

from quorate_replication.wire.layout import (
    FLAG,
    INCARNATION,
    NUMBER,
    REFUSAL,
    STANDING,
    Blob,
    Entries,
    Layout,
    Names,
)
from quorate_replication.wire.limits import (
    MAX_CHUNK_BYTES,
    MAX_ENTRY_BYTES,
    MAX_FRAME_BYTES,
    MAX_NUMBER,
    MAX_PROPOSAL_BYTES,
    MAX_SNAPSHOT_BYTES,
    PROTOCOL_VERSION,
    WireError,
)
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    AskReadIndex,
    ConfirmLeader,
    Greeting,
    Hello,
    LeaderConfirmed,
    Message,
    NoReadIndex,
    NotProposed,
    PreVote,
    Propose,
    Proposed,
    ReadIndex,
    RequestPreVote,
    RequestVote,
    SnapshotChunk,
    SnapshotReply,
    TimeoutNow,
    TurnedAway,
    Vote,
    Welcome,
)

_COMMANDS = (0, 1)  # PySyncObj's regular and no-op; it would unpickle what the others carry


def encode(message: Message | Greeting) -> bytes:
    """Return a message's frame. Raises WireError if it may not be sent."""
    layout = _BY_CLASS.get(type(message))
    if layout is None:
        raise WireError(f"{type(message).__name__} is no message")
    try:
        frame = layout.pack(message)
    except (struct.error, ValueError) as flaw:
        raise WireError(f"bad {type(message).__name__}: {flaw}") from None
    if len(frame) > MAX_FRAME_BYTES:
        raise WireError(f"bad {type(message).__name__}: longer than {MAX_FRAME_BYTES} bytes")
    return frame


def decode(frame: bytes) -> Message | Greeting:
    """Return a frame's message. Raises WireError, and nothing else, if it is malformed."""
    if not 1 <= len(frame) <= MAX_FRAME_BYTES:
        raise WireError(f"a frame is not 1 to {MAX_FRAME_BYTES} bytes long")
    layout = _BY_KIND.get(frame[0])
    if layout is None:
        raise WireError(f"{frame[0]} is no kind of message")
    try:
        return layout.unpack(frame)
    except (struct.error, ValueError) as flaw:
        name = getattr(layout.make, "__name__", "message")
        raise WireError(f"bad {name}: {flaw}") from None


# ------------------------------------------------------------------ what a message must satisfy


def _check_entries(message: AppendEntries) -> None:
    index, term = message.previous_index, message.previous_term
    for entry in message.entries:
        index += 1
        if entry.index != index:
            raise WireError("its entries do not follow one another")
        if entry.term < term:
            raise WireError("the terms of its entries fall")
        term = entry.term
        _check_length(entry.command, 1, MAX_ENTRY_BYTES)
        if entry.command[0] not in _COMMANDS:
            raise WireError(f"a command of type {entry.command[0]} is not admitted")
    if term > message.term:
        raise WireError("an entry's term is later than its own")
    if index > MAX_NUMBER:
        raise WireError("an entry's index is too high")


def _check_chunk(message: SnapshotChunk) -> None:
    _check_length(message.data, 0, MAX_CHUNK_BYTES)
    if not 0 < message.size <= MAX_SNAPSHOT_BYTES:
        raise WireError("no snapshot has that size")
    if message.offset + len(message.data) > message.size:
        raise WireError("its data goes beyond the snapshot's size")
    if message.last_term > message.term:
        raise WireError("the snapshot's term is later than its own")


def _check_proposal(message: Propose) -> None:
    _check_length(message.entry, 1, MAX_PROPOSAL_BYTES)


def _check_length(data: bytes, least: int, most: int) -> None:
    if not least <= len(data) <= most:
        raise WireError(f"{len(data)} bytes, not {least} to {most}")


# ------------------------------------------------------------------ all kinds

_LAYOUTS = (
    Layout(
        0x01,
        Hello,
        tail=Names(("cluster_id", "name")),
        version=PROTOCOL_VERSION,
        incarnation=INCARNATION,
        standing=STANDING,
    ),
    Layout(0x02, Welcome, incarnation=INCARNATION, standing=STANDING),
    Layout(0x03, TurnedAway, refusal=REFUSAL),
    Layout(0x10, RequestVote, term=NUMBER, last_index=NUMBER, last_term=NUMBER, transfer=FLAG),
    Layout(0x11, Vote, term=NUMBER),
    Layout(0x12, RequestPreVote, term=NUMBER, last_index=NUMBER, last_term=NUMBER),
    Layout(0x13, PreVote, term=NUMBER),
    Layout(0x14, TimeoutNow, term=NUMBER),
    Layout(
        0x20,
        AppendEntries,
        tail=Entries("entries"),
        check=_check_entries,
        term=NUMBER,
        commit_index=NUMBER,
        previous_index=NUMBER,
        previous_term=NUMBER,
    ),
    Layout(
        0x21,
        AppendReply,
        term=NUMBER,
        next_index=NUMBER,
        success=FLAG,
        reset=FLAG,
        counts=FLAG,
    ),
    Layout(
        0x22,
        SnapshotChunk,
        tail=Blob("data"),
        check=_check_chunk,
        term=NUMBER,
        index=NUMBER,
        last_term=NUMBER,
        offset=NUMBER,
        size=NUMBER,
    ),
    Layout(0x23, SnapshotReply, term=NUMBER, index=NUMBER, offset=NUMBER, refused=FLAG),
    Layout(0x30, Propose, tail=Blob("entry"), check=_check_proposal, term=NUMBER, id=NUMBER),
    Layout(0x31, Proposed, id=NUMBER, index=NUMBER, term=NUMBER),
    Layout(0x32, NotProposed, id=NUMBER),
    Layout(0x40, AskReadIndex, term=NUMBER, id=NUMBER),
    Layout(0x41, ReadIndex, id=NUMBER, index=NUMBER),
    Layout(0x42, NoReadIndex, id=NUMBER),
    Layout(0x43, ConfirmLeader, term=NUMBER, round=NUMBER),
    Layout(0x44, LeaderConfirmed, term=NUMBER, round=NUMBER),
)
_BY_KIND = {layout.kind: layout for layout in _LAYOUTS}
_BY_CLASS = {layout.make: layout for layout in _LAYOUTS}
