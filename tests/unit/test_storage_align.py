"""Journal and snapshot after a crash between the two."""

import pytest

from quorate_replication.storage.align import align
from quorate_replication.storage.journal import Journal, JournalError
from quorate_replication.storage.snapshots import SnapshotHeader
from quorate_replication.wire.messages import Entry
from support.crashing_disk import CrashingDisk


def journal_of(first: int, last: int, disk: CrashingDisk | None = None) -> Journal:
    """Return a journal with a sentinel in front unless it begins at 1; all of term 5."""
    journal = Journal.open(disk or CrashingDisk())
    if first > 1:
        journal.reset(first, 5)
        first += 1
    for index in range(first, last + 1):
        journal.append(Entry(b"%d" % index, index, 5))
    journal.sync()
    return journal


def snapshot(index: int, term: int = 5) -> SnapshotHeader:
    return SnapshotHeader(index, term, 100)


def indexes(journal: Journal) -> list[int]:
    return [entry.index for entry in journal.log]


def test_what_comes_after_the_snapshot_is_kept() -> None:
    for index in range(3, 8):
        journal = journal_of(3, 7)
        align(journal, snapshot(index), "data")
        assert indexes(journal) == list(range(index, 8))


def test_a_journal_that_ends_before_the_snapshot_gives_way() -> None:
    journal = journal_of(1, 7)
    align(journal, snapshot(8), "data")
    assert journal.log == [Entry(b"\x01", 8, 5)]


def test_a_journal_that_contradicts_the_snapshot_gives_way() -> None:
    journal = journal_of(1, 7)
    align(journal, snapshot(4, term=6), "data")
    assert journal.log == [Entry(b"\x01", 4, 6)]


def test_an_empty_journal_begins_with_the_snapshot_and_keeps_its_vote() -> None:
    disk = CrashingDisk()
    journal = Journal.open(disk)
    journal.save_vote(6, "n2")
    align(journal, snapshot(4), "data")
    assert not journal.dirty
    again = Journal.open(disk.after_kill())
    assert again.log == [Entry(b"\x01", 4, 5)]
    assert (again.term, again.voted_for) == (6, "n2")


def test_without_a_snapshot_a_journal_from_the_beginning_is_left_as_it_is() -> None:
    for journal in (Journal.open(CrashingDisk()), journal_of(1, 3)):
        log = list(journal.log)
        align(journal, None, "data")
        assert journal.log == log


@pytest.mark.parametrize(
    ("header", "state"), [(None, "is missing"), (snapshot(2), "ends with entry 2")]
)
def test_a_journal_that_begins_behind_the_snapshot_is_refused(
    header: SnapshotHeader | None, state: str
) -> None:
    disk = CrashingDisk()
    journal = journal_of(4, 7, disk)
    before = {name: bytes(inode.data) for name, inode in disk.files.items()}
    with pytest.raises(JournalError, match=f"begins with entry 4, .*{state}.*--replace"):
        align(journal, header, "data")
    assert {name: bytes(inode.data) for name, inode in disk.files.items()} == before
