"""The snapshot's bytes: a header, checked blocks, and an end that no cut file has.

Layout, little-endian: magic (8 bytes), format version (u32), index and term of the last entry in it
(u64 each), CRC-32C of these; blocks: length (u32, not 0), CRC-32C of the length and the data, data;
the end: a length of 0 (u32), CRC-32C of the zero and the rest, the stream's length (u64), its
CRC-32C. Nothing follows.
"""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from struct import Struct

from google_crc32c import extend, value

from quorate_replication.storage.disk import ReadFile
from quorate_replication.storage.files import WAY_OUT

FORMAT_VERSION = 1
BLOCK_BYTES = 256 << 10
_MAGIC = b"QUORSNAP"
_FIELDS = Struct("<8sIQQ")
_U32 = Struct("<I")
_BLOCK = Struct("<II")
_END = Struct("<QI")
HEADER_BYTES = _FIELDS.size + _U32.size


class SnapshotDamaged(ValueError):  # noqa: N818 - says what it is, not that it is an error
    """A snapshot file that can't be used; says which, and what to do."""


@dataclass(frozen=True, slots=True)
class SnapshotHeader:
    """What a snapshot covers."""

    index: int
    """Of the last entry in it."""
    term: int
    size: int
    """Of the file, in bytes."""


def encode(index: int, term: int, stream: Iterable[bytes]) -> Generator[bytes, None, None]:
    """Return the file in pieces: the header, each block, the end."""
    fields = _FIELDS.pack(_MAGIC, FORMAT_VERSION, index, term)
    yield fields + _U32.pack(value(fields))
    total = crc = 0
    buffer = bytearray()
    for piece in stream:
        buffer += piece
        while len(buffer) >= BLOCK_BYTES:
            block = bytes(buffer[:BLOCK_BYTES])
            del buffer[:BLOCK_BYTES]
            total, crc = total + len(block), extend(crc, block)
            yield _encode_block(block)
    if buffer:
        block = bytes(buffer)
        total, crc = total + len(block), extend(crc, block)
        yield _encode_block(block)
    yield _encode_block(b"", _END.pack(total, crc))


def _encode_block(block: bytes, end: bytes = b"") -> bytes:
    length = _U32.pack(len(block))
    return b"".join((length, _U32.pack(extend(value(length), block + end)), block, end))


def read_header(file: ReadFile, path: str) -> SnapshotHeader:
    """Check and return the header. Raises SnapshotDamaged, OSError."""
    head = file.read(0, HEADER_BYTES)
    if len(head) < HEADER_BYTES:
        raise _damaged(path, "it is cut short")
    magic, version, index, term = _FIELDS.unpack_from(head)
    if magic != _MAGIC or _U32.unpack_from(head, _FIELDS.size) != (value(head[: _FIELDS.size]),):
        raise _damaged(path, "its header can't be read")
    if version != FORMAT_VERSION:
        raise SnapshotDamaged(
            f"{path} has format version {version}, which is newer than this program"
            f" (it knows {FORMAT_VERSION}); update it."
        )
    return SnapshotHeader(index, term, file.size)


def read_blocks(file: ReadFile, path: str) -> Generator[bytes, None, None]:
    """Return the stream block by block, each checked; only at its end is it known to be whole.

    Raises SnapshotDamaged, OSError.
    """
    read_header(file, path)
    offset, total, crc = HEADER_BYTES, 0, 0
    while True:
        head = file.read(offset, _BLOCK.size)
        if len(head) < _BLOCK.size:
            raise _damaged(path, f"it ends at byte {file.size}, before its end")
        length, checked = _BLOCK.unpack(head)
        if length > BLOCK_BYTES:
            raise _damaged(path, f"the block at byte {offset} can't be read")
        rest = file.read(offset + _BLOCK.size, length or _END.size)
        if extend(value(head[: _U32.size]), rest) != checked or len(rest) < (length or _END.size):
            raise _damaged(path, f"the block at byte {offset} can't be read")
        offset += _BLOCK.size + len(rest)
        if not length:
            break
        total, crc = total + length, extend(crc, rest)
        yield rest
    if _END.unpack(rest) != (total, crc) or offset != file.size:
        raise _damaged(path, "its parts don't belong together")


def _damaged(path: str, what: str) -> SnapshotDamaged:
    return SnapshotDamaged(f"{path} is damaged: {what}. {WAY_OUT}.")
