"""Snapshots: what was written is read again, and nothing cut, changed or older takes its place."""

from struct import pack

import pytest
from google_crc32c import value
from hypothesis import given
from hypothesis import strategies as st

from quorate_replication.background import Job, T
from quorate_replication.storage.files import SNAPSHOT
from quorate_replication.storage.snapshot_format import BLOCK_BYTES
from quorate_replication.storage.snapshots import (
    INCOMING,
    MAX_SNAPSHOT_BYTES,
    SnapshotDamaged,
    SnapshotHeader,
    SnapshotStore,
)
from support.crashing_disk import CrashingDisk, Inode


def finish(job: Job[T]) -> T:
    """Run a job through."""

    def whole() -> Job[None]:
        result.append((yield from job))

    result: list[T] = []
    for _ in whole():
        pass
    return result[0]


@pytest.fixture
def disk() -> CrashingDisk:
    return CrashingDisk()


@pytest.fixture
def store(disk: CrashingDisk) -> SnapshotStore:
    return SnapshotStore(disk)


def file_of(index: int, term: int, *stream: bytes) -> bytes:
    disk = CrashingDisk()
    finish(SnapshotStore(disk).write(index, term, stream))
    return bytes(disk.files[SNAPSHOT].data)


def put(disk: CrashingDisk, data: bytes, name: str = SNAPSHOT) -> None:
    disk.files[name] = Inode(bytearray(data), len(data))


def receive(store: SnapshotStore, index: int, term: int, data: bytes) -> None:
    receiver = store.receiver(index, term, len(data))
    for offset in range(0, len(data), 1000):
        assert not receiver.complete
        assert receiver.add(offset, data[offset : offset + 1000])
    assert receiver.complete
    receiver.close()


@given(st.lists(st.binary(max_size=300) | st.just(b"x" * 100_000), max_size=10))
def test_a_stream_in_any_pieces_is_read_as_it_was_written(pieces: list[bytes]) -> None:
    disk = CrashingDisk()
    store = SnapshotStore(disk)
    header = finish(store.write(42, 7, pieces))
    assert header == store.header() == SnapshotHeader(42, 7, len(disk.files[SNAPSHOT].data))
    assert b"".join(store.stream()) == b"".join(pieces)
    assert disk.names() == [SNAPSHOT]


def test_without_a_snapshot_there_is_no_header(store: SnapshotStore) -> None:
    assert store.header() is None
    with pytest.raises(FileNotFoundError):
        list(store.stream())


def test_small_pieces_are_gathered_into_large_blocks(
    store: SnapshotStore, disk: CrashingDisk
) -> None:
    finish(store.write(1, 1, (bytes(100) for _ in range(10_000))))
    assert disk.operations.count("append") == 1_000_000 // BLOCK_BYTES + 3  # header, rest, end


def test_the_job_can_be_interrupted_at_each_block_and_the_old_snapshot_stands(
    store: SnapshotStore,
) -> None:
    finish(store.write(1, 1, [b"old"]))
    steps = sum(1 for _ in SnapshotStore(CrashingDisk()).write(2, 1, [bytes(BLOCK_BYTES)] * 3))
    assert steps > 3
    for count in range(1, steps):
        job = store.write(2, 1, [bytes(BLOCK_BYTES)] * 3)
        for _ in range(count):
            next(job)
        job.close()
        assert b"".join(store.stream()) == b"old"


def test_no_file_cut_short_is_read(disk: CrashingDisk, store: SnapshotStore) -> None:
    whole = file_of(42, 7, b"state" * 20)
    for length in range(len(whole)):
        put(disk, whole[:length])
        with pytest.raises(SnapshotDamaged, match=r"data/snapshot .*--replace"):
            list(store.stream())


def test_no_file_with_a_changed_bit_is_read(disk: CrashingDisk, store: SnapshotStore) -> None:
    whole = file_of(42, 7, b"state" * 20)
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        put(disk, bytes(changed))
        with pytest.raises(SnapshotDamaged):
            list(store.stream())


def test_no_file_of_other_parts_is_read(disk: CrashingDisk, store: SnapshotStore) -> None:
    """Each block is right by itself, but they are not those, or not all, or in another order."""
    one, two = b"1" * BLOCK_BYTES, b"2" * BLOCK_BYTES
    whole = file_of(42, 7, one, two)
    head, block = 32, BLOCK_BYTES + 8
    first, second, end = whole[head:][:block], whole[head + block :][:block], whole[-20:]
    for parts in ([second, first], [first], [first, second, second], [second, second]):
        put(disk, whole[:head] + b"".join(parts) + end)
        with pytest.raises(SnapshotDamaged, match="belong together"):
            list(store.stream())
    put(disk, whole + b"\0")
    with pytest.raises(SnapshotDamaged, match="belong together"):
        list(store.stream())
    put(disk, whole)
    assert b"".join(store.stream()) == one + two


def test_a_block_that_claims_to_be_huge_is_refused_without_being_read(
    disk: CrashingDisk, store: SnapshotStore
) -> None:
    whole = file_of(42, 7, b"state")
    put(disk, whole[:32] + pack("<I", 1 << 31) + whole[36:])
    with pytest.raises(SnapshotDamaged):
        list(store.stream())


def test_a_newer_format_asks_for_a_newer_program(disk: CrashingDisk, store: SnapshotStore) -> None:
    whole = file_of(42, 7, b"state")
    fields = whole[:8] + pack("<I", 2) + whole[12:28]
    put(disk, fields + pack("<I", value(fields)) + whole[32:])
    with pytest.raises(SnapshotDamaged, match=r"newer than this program.*update it"):
        store.header()


# ------------------------------------------------------------------ receiving


def test_what_was_received_and_verified_is_in_force(store: SnapshotStore) -> None:
    data = file_of(42, 7, b"state" * 1000)
    receive(store, 42, 7, data)
    assert store.header() is None
    assert finish(store.verify_incoming(42, 7))
    assert store.install_incoming() == store.header() == SnapshotHeader(42, 7, len(data))
    assert b"".join(store.stream()) == b"state" * 1000
    header, file = store.open()
    assert header == store.header()
    assert file.read(0, file.size) == data
    file.close()


def test_what_was_received_is_durable_when_it_is_in_force(
    disk: CrashingDisk, store: SnapshotStore
) -> None:
    receive(store, 42, 7, file_of(42, 7, b"state"))
    assert finish(store.verify_incoming(42, 7))
    store.install_incoming()
    inode = disk.files[SNAPSHOT]
    assert inode.synced == len(inode.data)
    assert disk.operations[-2:] == ["rename", "sync_folder"]


def test_a_piece_out_of_order_or_beyond_the_end_is_not_taken(store: SnapshotStore) -> None:
    receiver = store.receiver(42, 7, 10)
    assert receiver.add(0, b"01234")
    assert not receiver.add(0, b"01234")
    assert not receiver.add(6, b"6")
    assert not receiver.add(5, b"567890")
    assert receiver.offset == 5
    assert receiver.add(5, b"56789")
    assert receiver.complete


def test_only_a_whole_file_of_that_snapshot_is_verified(
    disk: CrashingDisk, store: SnapshotStore
) -> None:
    assert not finish(store.verify_incoming(42, 7))
    data = file_of(42, 7, b"state" * 50)
    changed = data[:60] + b"?" + data[61:]
    for wrong in (data[:-1], changed, data + b"\0", data[:10], b""):
        put(disk, wrong, INCOMING)
        assert not finish(store.verify_incoming(42, 7))
    put(disk, data, INCOMING)
    assert not finish(store.verify_incoming(43, 7))
    assert not finish(store.verify_incoming(42, 8))
    assert finish(store.verify_incoming(42, 7))


def test_a_snapshot_that_is_too_large_is_not_begun(
    disk: CrashingDisk, store: SnapshotStore
) -> None:
    for size in (0, MAX_SNAPSHOT_BYTES + 1):
        with pytest.raises(ValueError, match="limit"):
            store.receiver(1, 1, size)
    assert disk.names() == []


def test_an_older_snapshot_never_replaces_a_newer_one(
    disk: CrashingDisk, store: SnapshotStore
) -> None:
    """One is being written while a newer one is received and put in force."""
    job = store.write(40, 7, [bytes(BLOCK_BYTES)] * 3)
    next(job)
    receive(store, 90, 7, file_of(90, 7, b"newer"))
    store.install_incoming()
    assert finish(job).index == 90
    assert b"".join(store.stream()) == b"newer"
    assert disk.names() == [SNAPSHOT]


def test_leftovers_are_removed_and_the_snapshot_is_not(
    disk: CrashingDisk, store: SnapshotStore
) -> None:
    finish(store.write(1, 1, [b"state"]))
    next(store.write(2, 1, [bytes(BLOCK_BYTES)]))
    store.receiver(3, 1, 100)
    store.clean()
    assert disk.names() == [SNAPSHOT]
    assert b"".join(store.stream()) == b"state"
