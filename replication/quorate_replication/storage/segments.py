"""Segments: the files of a journal, and what is wrong with one.

A segment `journal-%020d` is named by its first record's sequence number. Layout, little-endian:
magic (8 bytes), format version (u32), first sequence number (u64), CRC-32C of these; then records.

Where the first invalid record is, the valid data end. What lies behind is either the tail of a
write that was never acknowledged (a power cut may keep any part of it, in any order, or zeros), or
damage to what had been synced; `records.proves_durable` tells which.
"""

import enum
import re
from dataclasses import dataclass
from struct import Struct

from google_crc32c import value as crc32c

from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import WAY_OUT, read_whole
from quorate_replication.storage.records import Body, decode, frame_at, proves_durable

FORMAT_VERSION = 1
MAX_SEGMENT_BYTES = 1 << 30
_MAGIC = b"QUORJRNL"
_FIELDS = Struct("<8sIQ")
_CRC = Struct("<I")
HEADER_BYTES = _FIELDS.size + _CRC.size
_NAME = re.compile(r"journal-([0-9]{20})")


class JournalError(ValueError):
    """The journal can't be used as it is; says where, and what to do."""


def damaged(disk: Disk, name: str, offset: int, what: str) -> JournalError:
    """Return the error for damage at an offset of a file."""
    return JournalError(f"{disk.path}/{name} is damaged at offset {offset}: {what}. {WAY_OUT}.")


class Verdict(enum.Enum):
    """What lies behind a segment's valid records."""

    NOTHING = enum.auto()
    TORN = enum.auto()
    """A write that was cut short: nothing proves that it was ever synced."""
    DAMAGE = enum.auto()
    """A later record proves that it had been synced."""


@dataclass(frozen=True, slots=True)
class Scan:
    """A segment that was read."""

    bodies: list[Body]
    """Of the valid records; their sequence numbers count up from the segment's first."""
    durable: int
    """As the last of them says."""
    end: int
    """Bytes, with header, up to the end of the last of them."""
    size: int
    """Of the file."""
    verdict: Verdict


def segment_name(first_sequence: int) -> str:
    """Return the name of the segment that begins with a record."""
    return f"journal-{first_sequence:020}"


def first_sequence(name: str) -> int | None:
    """Return the first record of the segment of that name; None if the name is no segment's."""
    matched = _NAME.fullmatch(name)
    return int(matched[1]) if matched else None


def encode_header(first: int) -> bytes:
    """Return what a segment file begins with."""
    fields = _FIELDS.pack(_MAGIC, FORMAT_VERSION, first)
    return fields + _CRC.pack(crc32c(fields))


def scan(disk: Disk, name: str, first: int, seed: int = 0) -> Scan:
    """Read a segment and check every record.

    Raises OSError, and JournalError for what no crash and no damage explains: another format
    version, another file under this name, a record that this program never writes.
    """
    try:
        data = read_whole(disk, name, MAX_SEGMENT_BYTES)
    except ValueError as flaw:
        raise JournalError(f"{flaw}. {WAY_OUT}.") from None
    bodies: list[Body] = []
    durable = end = 0
    if _header_is_valid(disk, name, data, first):
        end = HEADER_BYTES
        while (frame := frame_at(data, end, seed)) and frame.sequence == first + len(bodies):
            try:
                bodies.append(decode(data, frame))
            except ValueError as flaw:
                raise damaged(disk, name, end, str(flaw)) from None
            durable, end = frame.durable, frame.end
    if end == len(data) and bodies:
        verdict = Verdict.NOTHING
    elif proves_durable(data, end, first + len(bodies), seed):
        verdict = Verdict.DAMAGE
    else:
        verdict = Verdict.TORN
    return Scan(bodies, durable, end, len(data), verdict)


def _header_is_valid(disk: Disk, name: str, data: bytes, first: int) -> bool:
    if len(data) < HEADER_BYTES:
        return False
    magic, version, found = _FIELDS.unpack_from(data)
    (crc,) = _CRC.unpack_from(data, _FIELDS.size)
    if magic != _MAGIC or crc32c(data[: _FIELDS.size]) != crc:
        return False
    if version != FORMAT_VERSION:
        raise JournalError(
            f"{disk.path}/{name} has format version {version}, which is newer than this program"
            f" (it knows {FORMAT_VERSION}); update it."
        )
    if found != first:
        raise damaged(disk, name, 0, f"it is the segment {segment_name(found)}, renamed")
    return True
