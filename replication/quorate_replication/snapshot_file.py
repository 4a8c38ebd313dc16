"""The snapshot file: a checked header with the last two entries, then the state's stream.

Layout: magic (8 bytes), the entry before the last applied one, the last applied entry (each:
index, term, length, command), CRC-32 of all that, then the stream of `state.snapshot`, which
checks itself.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from struct import Struct
from typing import NamedTuple
from zlib import crc32

MAGIC = b"QUORSNP1"
CHUNK_BYTES = 1 << 20
MAX_ENTRY_BYTES = 1 << 20
_ENTRY = Struct("<QQI")
_CRC = Struct("<I")

Entry = tuple[bytes, int, int]  # command, index, term


class Header(NamedTuple):
    """The last two applied entries, and how many bytes the header takes."""

    previous: Entry
    last: Entry
    size: int


class SnapshotFileError(ValueError):
    """The file is no snapshot of ours, or is damaged."""


def write(path: Path, previous: Entry, last: Entry, stream: Iterable[bytes]) -> None:
    """Write a snapshot and sync it to disk; renaming it into place is the caller's."""
    head = MAGIC + b"".join(
        _ENTRY.pack(index, term, len(command)) + command
        for command, index, term in (previous, last)
    )
    with path.open("wb") as file:
        file.write(head + _CRC.pack(crc32(head)))
        for chunk in stream:
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())


def parse_header(data: bytes) -> Header | None:
    """Return the header that `data` begins with, or None if it is damaged or cut off."""
    if not data.startswith(MAGIC):
        return None
    offset, entries = len(MAGIC), list[Entry]()
    for _ in range(2):
        if len(data) < offset + _ENTRY.size:
            return None
        index, term, length = _ENTRY.unpack_from(data, offset)
        offset += _ENTRY.size
        if length > MAX_ENTRY_BYTES or len(data) < offset + length:
            return None
        entries.append((data[offset : offset + length], index, term))
        offset += length
    if len(data) < offset + _CRC.size or _CRC.unpack_from(data, offset)[0] != crc32(data[:offset]):
        return None
    return Header(entries[0], entries[1], offset + _CRC.size)


def read_header(path: Path) -> Header:
    """Read a file's header.

    Raises:
        SnapshotFileError: it is damaged.
        FileNotFoundError: there is no snapshot.
    """
    with path.open("rb") as file:
        header = parse_header(file.read(2 * MAX_ENTRY_BYTES + CHUNK_BYTES))
    if header is None:
        raise SnapshotFileError(f"{path}: no snapshot of ours, or damaged in its header")
    return header


def read_stream(path: Path) -> Iterator[bytes]:
    """Yield what follows the header."""
    size = read_header(path).size
    with path.open("rb") as file:
        file.seek(size)
        while chunk := file.read(CHUNK_BYTES):
            yield chunk
