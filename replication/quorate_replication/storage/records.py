"""Records: what a journal is a sequence of, as bytes.

Layout, little-endian: magic (4 bytes), CRC-32C of all that follows it, payload length (u32),
sequence number (u64), `durable` (u64), type (u8), payload.

Rule 1: sequence numbers go up by one, through all segments, from 1 on.
Rule 2: `durable` is the highest sequence number that was known to be synced when the record was
written. So a valid record proves of all records up to that number that they were on disk: if one
of them is damaged, it was damaged later, and is no tail of an unfinished write.
Rule 3: the CRC is seeded with what only this member and its peers know, its incarnation: nobody
can send bytes in a ballot that would pass for a record, and for proof of what was synced.
"""

import enum
from dataclasses import dataclass
from struct import Struct
from struct import error as StructError  # noqa: N812 - it is a class
from typing import NamedTuple

from google_crc32c import extend, value

from quorate_replication.wire.messages import Entry

MAGIC = b"\xffQr\xfe"
MAX_COMMAND_BYTES = 1 << 20
MAX_PAYLOAD_BYTES = MAX_COMMAND_BYTES + 16
"""An entry's command, its index and its term."""
MAX_NAME_BYTES = 255
MAX_CHECKED_BYTES = 32 << 30
"""In one search for proof: so many that no ballots of one unfinished write can use them up."""

_PREFIX = Struct("<4sI")  # magic, CRC
_FIELDS = Struct("<IQQB")  # length, sequence, durable, type
HEADER_BYTES = _PREFIX.size + _FIELDS.size
_HEADER = Struct("<4sIIQQB")
_INDEX = Struct("<Q")
_INDEX_TERM = Struct("<QQ")
_VOTE = Struct("<QB")  # term, whether a name follows
_BEGIN = Struct("<QQQ")  # last index, last term, commit index; then a vote


@dataclass(frozen=True, slots=True)
class Truncate:
    """The log's entries from `index` on are gone."""

    index: int


@dataclass(frozen=True, slots=True)
class SaveVote:
    """The current term, and whom this member voted for in it."""

    term: int
    voted_for: str | None


@dataclass(frozen=True, slots=True)
class Commit:
    """A hint: entries up to `index` are committed."""

    index: int


@dataclass(frozen=True, slots=True)
class Reset:
    """The whole log is gone; a snapshot that ends with this entry stands for it."""

    index: int
    term: int


@dataclass(frozen=True, slots=True)
class Begin:
    """The first record of a segment: what deleting all older segments would lose."""

    last_index: int
    """Of the log as the segment began, 0 if it was empty."""
    last_term: int
    commit_index: int
    vote: SaveVote


@dataclass(frozen=True, slots=True)
class Mark:
    """Nothing but its `durable`."""


Body = Entry | Truncate | SaveVote | Commit | Reset | Begin | Mark


class Kind(enum.IntEnum):
    """The type byte."""

    ENTRY = 1
    TRUNCATE = 2
    VOTE = 3
    COMMIT = 4
    RESET = 5
    BEGIN = 6
    MARK = 7


class Frame(NamedTuple):
    """A record whose CRC is right; its payload lies from `start` to `end`."""

    sequence: int
    durable: int
    kind: int
    start: int
    end: int


def seed_of(key: bytes) -> int:
    """Return what a member's checksums begin with (rule 3)."""
    return value(key)


def encode(body: Body, sequence: int, durable: int, seed: int = 0) -> bytes:
    """Return a record's bytes. Raises ValueError if it is too large."""
    kind, payload = _payload(body)
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a record of {len(payload)} bytes, {MAX_PAYLOAD_BYTES} are the limit")
    checked = _FIELDS.pack(len(payload), sequence, durable, kind) + payload
    return _PREFIX.pack(MAGIC, extend(seed, checked)) + checked


def frame_at(data: bytes, offset: int, seed: int = 0) -> Frame | None:
    """Return the valid record at `offset`, or None."""
    start = offset + HEADER_BYTES
    if start > len(data):
        return None
    magic, crc, length, sequence, durable, kind = _HEADER.unpack_from(data, offset)
    end = start + length
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES or end > len(data):
        return None
    if extend(seed, data[offset + _PREFIX.size : end]) != crc:
        return None
    return Frame(sequence, durable, kind, start, end)


def proves_durable(data: bytes, offset: int, sequence: int, seed: int = 0) -> bool:
    """Tell whether any valid record from `offset` on proves that record `sequence` was synced.

    Only what looks right is checksummed, and that only up to `MAX_CHECKED_BYTES` (some seconds);
    whatever is made to exceed this (no write of ours does) counts as proof.
    """
    budget = MAX_CHECKED_BYTES
    at = data.find(MAGIC, offset)
    while 0 <= at <= len(data) - HEADER_BYTES:
        _, _, length, found, durable, _ = _HEADER.unpack_from(data, at)
        fits = length <= min(MAX_PAYLOAD_BYTES, len(data) - at - HEADER_BYTES)
        if fits and sequence <= durable < found:
            budget -= HEADER_BYTES + length
            if budget < 0 or frame_at(data, at, seed) is not None:
                return True
        at = data.find(MAGIC, at + 1)
    return False


def decode(data: bytes, frame: Frame) -> Body:
    """Return what a record says. Raises ValueError if this program never writes such a thing."""
    payload = data[frame.start : frame.end]
    try:
        if frame.kind == Kind.ENTRY:
            index, term = _INDEX_TERM.unpack_from(payload)
            return Entry(payload[_INDEX_TERM.size :], index, term)
        return _decode_small(frame.kind, payload)
    except (StructError, UnicodeDecodeError):
        raise ValueError(f"a record of type {frame.kind} has a payload of no known form") from None


def _decode_small(kind: int, payload: bytes) -> Body:
    match kind:
        case Kind.TRUNCATE:
            return Truncate(*_INDEX.unpack(payload))
        case Kind.VOTE:
            return _decode_vote(payload)
        case Kind.COMMIT:
            return Commit(*_INDEX.unpack(payload))
        case Kind.RESET:
            return Reset(*_INDEX_TERM.unpack(payload))
        case Kind.BEGIN:
            last_index, last_term, commit_index = _BEGIN.unpack_from(payload)
            vote = _decode_vote(payload[_BEGIN.size :])
            return Begin(last_index, last_term, commit_index, vote)
        case Kind.MARK if not payload:
            return Mark()
        case _:
            raise ValueError(f"a record of unknown type {kind}; is this program too old?")


def _payload(body: Body) -> tuple[int, bytes]:
    match body:
        case Entry(command, index, term):
            return Kind.ENTRY, _INDEX_TERM.pack(index, term) + command
        case Truncate(index):
            return Kind.TRUNCATE, _INDEX.pack(index)
        case SaveVote():
            return Kind.VOTE, _encode_vote(body)
        case Commit(index):
            return Kind.COMMIT, _INDEX.pack(index)
        case Reset(index, term):
            return Kind.RESET, _INDEX_TERM.pack(index, term)
        case Begin(last_index, last_term, commit_index, vote):
            fields = _BEGIN.pack(last_index, last_term, commit_index)
            return Kind.BEGIN, fields + _encode_vote(vote)
        case Mark():
            return Kind.MARK, b""


def _encode_vote(vote: SaveVote) -> bytes:
    name = (vote.voted_for or "").encode()
    if len(name) > MAX_NAME_BYTES:
        raise ValueError(f"a member's name of {len(name)} bytes, {MAX_NAME_BYTES} are the limit")
    return _VOTE.pack(vote.term, vote.voted_for is not None) + name


def _decode_vote(payload: bytes) -> SaveVote:
    term, named = _VOTE.unpack_from(payload)
    name = payload[_VOTE.size :].decode()
    return SaveVote(term, name if named else None)
