"""The journal: what it keeps across a restart, what it refuses, what it writes."""

from random import Random

import pytest

from quorate_replication.errors import DiskFailure, FailStop
from quorate_replication.storage.journal import Journal, JournalError
from quorate_replication.wire.messages import Entry
from support.crashing_disk import CrashingDisk


@pytest.fixture
def disk() -> CrashingDisk:
    return CrashingDisk()


def fill(journal: Journal, first: int, last: int, term: int = 1) -> None:
    for index in range(first, last + 1):
        journal.append(Entry(b"command %d" % index, index, term))


def reopen(journal: Journal, disk: CrashingDisk, segment_bytes: int = 400) -> Journal:
    journal.close()
    return Journal.open(disk, segment_bytes=segment_bytes)


def segments(disk: CrashingDisk) -> list[str]:
    return [name for name in disk.names() if name.startswith("journal-")]


def test_a_new_journal_is_empty(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    assert (journal.log, journal.first_index, journal.last_index) == ([], 1, 0)
    assert (journal.term, journal.voted_for, journal.commit_index) == (0, None, 0)
    assert journal.term_at(1) is None
    assert not journal.dirty


def test_what_was_synced_is_there_after_a_restart(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 9)
    journal.save_vote(3, "n2")
    journal.note_commit(7)
    journal.sync()
    log = list(journal.log)
    journal = reopen(journal, disk)
    assert journal.log == log
    assert (journal.term, journal.voted_for, journal.commit_index) == (3, "n2", 7)
    assert journal.content_bytes == sum(len(entry.command) for entry in log)


def test_one_write_and_one_sync_carry_all_since_the_last(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    disk.operations.clear()
    fill(journal, 1, 50)
    journal.save_vote(2, "n1")
    assert journal.dirty
    assert disk.operations == []
    journal.sync()
    journal.sync()
    assert disk.operations == ["append", "sync"]
    assert not journal.dirty


def test_dropped_entries_do_not_come_back(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 9)
    journal.truncate_from(6)
    journal.append(Entry(b"another", 6, 2))
    journal = reopen(journal, disk)
    assert [(e.index, e.term) for e in journal.log[-2:]] == [(5, 1), (6, 2)]
    assert journal.content_bytes == sum(len(entry.command) for entry in journal.log)


def test_a_reset_leaves_a_sentinel(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 9)
    journal.reset(100, 4)
    journal.append(Entry(b"next", 101, 4))
    journal = reopen(journal, disk)
    assert journal.log == [Entry(b"\x01", 100, 4), Entry(b"next", 101, 4)]
    assert journal.commit_index == 100


def test_a_cut_removes_the_segments_before_it_and_only_those(disk: CrashingDisk) -> None:
    journal = Journal.open(disk, segment_bytes=400)
    for index in range(1, 41):
        fill(journal, index, index)
        journal.sync()
    before = segments(disk)
    assert len(before) > 4
    journal.cut_to(20)
    assert journal.first_index == 20
    after = segments(disk)
    assert after == before[-len(after) :]
    assert 1 < len(after) < len(before)
    journal = reopen(journal, disk)
    assert journal.first_index <= 20
    assert journal.log[20 - journal.first_index] == Entry(b"command 20", 20, 1)
    assert journal.last_index == 40


def test_a_segment_is_kept_while_a_kept_entry_is_in_it(disk: CrashingDisk) -> None:
    """The tail that replaces a dropped one lies in a later segment than its index suggests."""
    journal = Journal.open(disk, segment_bytes=400)
    for index in range(1, 21):
        fill(journal, index, index)
        journal.sync()
    journal.truncate_from(10)
    fill(journal, 10, 12, term=2)
    journal.sync()
    journal.cut_to(9)
    assert reopen(journal, disk).log[-4:] == [
        Entry(b"command 9", 9, 1),
        *(Entry(b"command %d" % index, index, 2) for index in (10, 11, 12)),
    ]


def test_the_first_segment_that_is_left_tells_term_and_vote(disk: CrashingDisk) -> None:
    journal = Journal.open(disk, segment_bytes=400)
    journal.save_vote(5, "n3")
    for index in range(1, 31):
        fill(journal, index, index, term=5)
        journal.sync()
    journal.cut_to(30)
    assert len(segments(disk)) <= 2
    journal = reopen(journal, disk)
    assert (journal.term, journal.voted_for) == (5, "n3")


def test_an_idle_member_writes_nothing(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 3)
    journal.sync()
    journal.note_commit(3)
    for _ in range(3):
        journal.mark()
        journal.sync()
    disk.operations.clear()
    journal.mark()
    journal.sync()
    assert disk.operations == []


def test_a_journal_that_is_opened_and_closed_again_does_not_grow(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 3)
    journal = reopen(journal, disk)
    size = len(disk.files[segments(disk)[0]].data)
    reopen(journal, disk).close()
    assert len(disk.files[segments(disk)[0]].data) == size


def test_what_was_read_at_start_is_synced_before_it_is_relied_on(disk: CrashingDisk) -> None:
    """A killed process may leave records that are in the system's cache only."""
    journal = Journal.open(disk)
    fill(journal, 1, 3)
    disk.crash_at = len(disk.operations) + 1  # appended, not synced
    with pytest.raises(Exception, match=r"^$"):
        journal.sync()
    found = disk.after_kill()
    assert Journal.open(found).last_index == 3
    assert all(inode.synced == len(inode.data) for inode in found.files.values())


def test_what_a_failed_sync_left_in_the_systems_cache_is_written_anew(disk: CrashingDisk) -> None:
    """Linux takes pages for written that it could not write: a later sync says that all is well."""
    journal = Journal.open(disk)
    fill(journal, 1, 3)
    journal.sync()
    fill(journal, 4, 6)
    disk.error, disk.error_in = OSError(5, "Input/output error"), "sync"
    with pytest.raises(DiskFailure):
        journal.sync()
    found = disk.after_kill()
    again = Journal.open(found)
    fill(again, again.last_index + 1, 9)
    again.sync()  # acknowledged, and on top of what may never have been written
    for seed in range(20):
        dice = Random(seed)  # noqa: S311 - not for secrets
        assert Journal.open(found.after_power_cut(dice)).last_index == 9


def test_the_first_segment_that_is_left_tells_which_entry_came_before_it(
    disk: CrashingDisk,
) -> None:
    """So a log whose beginning is lost never looks like a new one."""
    journal = Journal.open(disk, segment_bytes=400)
    while len(segments(disk)) < 3:
        fill(journal, journal.last_index + 1, journal.last_index + 1)
        journal.sync()
    last = journal.last_index
    journal.close()
    for name in segments(disk)[:-1]:
        disk.remove(name)
    assert Journal.open(disk).log == [Entry(b"\x01", last, 1)]


# ------------------------------------------------------------------ what it refuses


def test_two_votes_in_one_term_are_refused(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    journal.save_vote(3, None)
    journal.save_vote(3, "n1")
    journal.save_vote(3, "n1")
    for term, name in ((3, "n2"), (3, None), (2, "n1")):
        with pytest.raises(FailStop, match="vote"):
            journal.save_vote(term, name)
    assert (journal.term, journal.voted_for) == (3, "n1")


def test_a_committed_entry_is_not_dropped(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 9)
    journal.note_commit(5)
    with pytest.raises(FailStop, match="committed"):
        journal.truncate_from(5)
    journal.truncate_from(6)
    journal.cut_to(5)
    with pytest.raises(FailStop, match="committed"):
        journal.truncate_from(4)
    assert journal.last_index == 5


def test_an_entry_that_leaves_a_gap_or_goes_back_in_term_is_refused(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 3, term=2)
    for entry in (Entry(b"", 5, 2), Entry(b"", 3, 2), Entry(b"", 4, 1)):
        with pytest.raises(ValueError, match="entry"):
            journal.append(entry)
    assert journal.last_index == 3


def test_an_entry_that_is_too_large_changes_nothing(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    with pytest.raises(ValueError, match="limit"):
        journal.append(Entry(bytes(2 << 20), 1, 1))
    assert journal.log == []
    assert not journal.dirty


def test_a_cut_to_an_entry_that_is_not_there_is_refused(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    fill(journal, 1, 3)
    for index in (0, 4):
        with pytest.raises(ValueError, match="cut"):
            journal.cut_to(index)


@pytest.mark.parametrize("operation", ["append", "sync", "create", "sync_folder", "remove"])
def test_after_an_error_of_the_disk_the_journal_refuses_any_use(
    disk: CrashingDisk, operation: str
) -> None:
    journal = Journal.open(disk, segment_bytes=200)
    fill(journal, 1, 3)
    journal.sync()  # it is longer than a segment now
    fill(journal, 4, 6)
    disk.error, disk.error_in = OSError(28, "No space left on device"), operation
    with pytest.raises(DiskFailure, match=r"data/journal-.*No space left.*start the node again"):
        journal.cut_to(5)
    disk.error = None
    size = {name: len(inode.data) for name, inode in disk.files.items()}
    for use in (
        journal.sync,
        journal.mark,
        lambda: journal.append(Entry(b"", 7, 1)),
        lambda: journal.save_vote(9, "n1"),
        lambda: journal.cut_to(6),
        lambda: journal.truncate_from(7),
        lambda: journal.reset(9, 9),
    ):
        with pytest.raises(DiskFailure):
            use()
    journal.close()
    assert size == {name: len(inode.data) for name, inode in disk.files.items()}
    assert 3 <= Journal.open(disk.after_kill()).last_index <= 6


def test_a_closed_journal_refuses_any_use(disk: CrashingDisk) -> None:
    journal = Journal.open(disk)
    journal.close()
    journal.close()
    with pytest.raises(ValueError, match="closed"):
        journal.append(Entry(b"", 1, 1))


def test_a_journal_that_is_gone_beside_a_snapshot_is_refused(disk: CrashingDisk) -> None:
    disk.create("snapshot")
    with pytest.raises(JournalError, match=r"journal in data is missing.*--replace"):
        Journal.open(disk)
    assert disk.names() == ["snapshot"]


def test_a_journal_that_was_emptied_is_no_new_one_where_there_must_be_one(
    disk: CrashingDisk,
) -> None:
    journal = Journal.open(disk, must_exist=False)
    fill(journal, 1, 3)
    journal.close()
    disk.files[segments(disk)[0]].data.clear()
    with pytest.raises(JournalError, match=r"is empty, but it was not.*--replace"):
        Journal.open(disk, must_exist=True)


def test_a_journal_of_another_disk_is_refused(disk: CrashingDisk) -> None:
    journal = Journal.open(disk, key=b"this disk's incarnation")
    fill(journal, 1, 40)
    journal.close()
    with pytest.raises(JournalError, match=r"another disk's.*--replace"):
        Journal.open(disk.after_kill(), key=b"another disk's incarnation")
