"""A snapshot file is whole and as it was written, or it is refused."""

from pathlib import Path

import pytest

from quorate_replication import snapshot_file
from quorate_replication.snapshot_file import SnapshotFileError
from quorate_replication.state import snapshot
from quorate_replication.state.elections import Elections

PREVIOUS = (b"\0the one before", 41, 6)
LAST = (b"\0the last one", 42, 7)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "snapshot"
    state = Elections()
    for number in range(20):
        state.roll.register(b"%d" % number, f"voter {number}", "staff", bytes(32))
    snapshot_file.write(file, PREVIOUS, LAST, snapshot.dump(state))
    return file


def load(path: Path) -> Elections:
    snapshot_file.read_header(path)
    return snapshot.load(snapshot_file.read_stream(path))


def test_what_was_written_is_read_again(path: Path) -> None:
    header = snapshot_file.read_header(path)
    assert (header.previous, header.last) == (PREVIOUS, LAST)
    assert len(load(path).roll) == 20


def test_the_header_is_found_in_the_first_piece_that_a_leader_sends(path: Path) -> None:
    longest = bytes(256 * 1024 + 64)
    snapshot_file.write(path, (longest, 41, 6), (longest, 42, 7), [bytes(2_000_000)])
    first = path.read_bytes()[: snapshot_file.CHUNK_BYTES]
    header = snapshot_file.parse_header(first)
    assert header is not None
    assert header.last == (longest, 42, 7)


def test_no_file_cut_short_is_read(path: Path) -> None:
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="snapshot"):
            load(path)


def test_no_file_with_a_changed_byte_is_read(path: Path) -> None:
    whole = path.read_bytes()
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        with pytest.raises(ValueError, match="snapshot"):
            load(path)


def test_a_file_with_something_behind_its_end_is_not_read(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ValueError, match="snapshot"):
        load(path)


def test_a_header_that_claims_a_huge_entry_is_refused_without_reading_on(path: Path) -> None:
    head = bytearray(path.read_bytes())
    offset = len(snapshot_file.MAGIC) + 16
    head[offset : offset + 4] = b"\xff\xff\xff\x7f"
    assert snapshot_file.parse_header(bytes(head)) is None


def test_a_damaged_file_is_named(path: Path) -> None:
    path.write_bytes(b"something else")
    with pytest.raises(SnapshotFileError, match=path.name):
        snapshot_file.read_header(path)


def test_no_file_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        snapshot_file.read_header(tmp_path / "none")
