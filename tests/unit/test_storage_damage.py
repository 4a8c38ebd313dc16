"""The journal's recovery: a torn tail is cut, damage to what was synced is refused."""

from random import Random

import pytest
from google_crc32c import value

from quorate_replication.storage.journal import Journal, JournalError
from quorate_replication.storage.records import HEADER_BYTES as RECORD
from quorate_replication.storage.segments import encode_header
from quorate_replication.wire.messages import Entry
from support.crashing_disk import CrashingDisk, Inode

FIRST = f"journal-{1:020}"


def entry(index: int) -> Entry:
    return Entry(b"command %d" % index, index, 3)


def closed(entries: int = 8, segment_bytes: int = 1 << 20) -> CrashingDisk:
    """Return a folder with a vote and synced entries, closed in order."""
    disk = CrashingDisk()
    journal = Journal.open(disk, segment_bytes=segment_bytes)
    journal.save_vote(3, "n2")
    for index in range(1, entries + 1):
        journal.append(entry(index))
        journal.sync()
    journal.close()
    return disk.after_kill()


def content(disk: CrashingDisk, name: str = FIRST) -> bytes:
    return bytes(disk.files[name].data)


def with_content(disk: CrashingDisk, data: bytes, name: str = FIRST) -> CrashingDisk:
    changed = disk.after_kill()
    changed.files[name] = Inode(bytearray(data), len(data))
    return changed


def recovered(disk: CrashingDisk) -> Journal:
    journal = Journal.open(disk)
    assert journal.log == [entry(index) for index in range(1, journal.last_index + 1)]
    return journal


def test_every_length_that_a_last_write_can_have_is_recovered_to_what_was_before() -> None:
    """Also the acknowledged ones: a file that ends early says nothing of what is missing."""
    disk = closed()
    data = content(disk)
    for length in range(len(data) - 200, len(data)):
        torn = with_content(disk, data[:length])
        journal = recovered(torn)
        assert journal.last_index >= 4
        assert (journal.term, journal.voted_for) == (3, "n2")
        journal.append(Entry(b"next", journal.last_index + 1, 3))
        journal.close()
        assert Journal.open(torn.after_kill()).log[-1].command == b"next"


@pytest.mark.parametrize("tail", [bytes(4096), b"\xff" * 99, bytes(range(256)) * 20])
def test_zeros_and_rubbish_behind_the_last_record_are_cut(tail: bytes) -> None:
    disk = closed()
    data = content(disk)
    padded = with_content(disk, data + tail)
    assert recovered(padded).last_index == 8
    assert content(padded) == data


def test_each_bit_of_a_closed_journal_is_guarded() -> None:
    """All but those of the last mark, which protects the others and says nothing itself."""
    disk = closed(entries=4)
    data = content(disk)
    mark = len(data) - RECORD
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        if bit // 8 < mark:
            with pytest.raises(JournalError, match=FIRST):
                Journal.open(with_content(disk, bytes(flipped)))
        else:
            assert recovered(with_content(disk, bytes(flipped))).last_index == 4


def test_damage_in_any_of_several_segments_is_refused() -> None:
    disk = closed(entries=60, segment_bytes=600)
    dice = Random(11)  # noqa: S311 - to be repeated
    names = disk.names()
    assert len(names) > 4
    for _ in range(600):
        name = dice.choice(names)
        flipped = bytearray(content(disk, name))
        end = len(flipped) - (RECORD if name == names[-1] else 0)
        flipped[dice.randrange(end)] ^= 1 << dice.randrange(8)
        with pytest.raises(JournalError):
            Journal.open(with_content(disk, bytes(flipped), name))


def test_damage_at_the_end_of_an_older_segment_is_told_where_it_is() -> None:
    """No later record of that segment proves anything; that there is a newer segment does."""
    disk = closed(entries=60, segment_bytes=600)
    name = disk.names()[1]
    data = content(disk, name)
    for changed in (data[:-1] + b"?", data[:-1], data + bytes(100)):
        with pytest.raises(JournalError, match=f"{name} is damaged"):
            Journal.open(with_content(disk, changed, name))


def test_the_error_says_which_file_where_and_what_to_do() -> None:
    disk = closed()
    data = bytearray(content(disk))
    data[200] ^= 1
    with pytest.raises(JournalError, match=rf"data/{FIRST} .* offset \d+.* --replace") as caught:
        Journal.open(with_content(disk, bytes(data)))
    assert "never put back an older copy" in str(caught.value)


def test_a_refused_journal_is_left_as_it_is() -> None:
    disk = closed()
    data = bytearray(content(disk))
    data[200] ^= 1
    damaged = with_content(disk, bytes(data))
    with pytest.raises(JournalError):
        Journal.open(damaged)
    assert content(damaged) == data
    assert damaged.operations == []


def test_pages_of_one_write_that_came_out_of_order_are_a_torn_tail() -> None:
    disk = closed()
    before = len(content(disk))
    journal = Journal.open(disk, segment_bytes=1 << 20)
    for index in range(9, 30):
        journal.append(entry(index))
    journal.sync()  # the power went before this returned: a page in the middle is missing
    data = bytearray(content(disk))
    data[before + 64 : before + 128] = bytes(64)
    assert recovered(with_content(disk, bytes(data))).last_index in {8, 9}


def test_the_same_hole_behind_which_a_later_write_lies_is_corruption() -> None:
    disk = closed()
    before = len(content(disk))
    journal = Journal.open(disk, segment_bytes=1 << 20)
    for index in range(9, 30):
        journal.append(entry(index))
    journal.sync()
    journal.mark()
    journal.sync()
    data = bytearray(content(disk))
    data[before + 64 : before + 128] = bytes(64)
    with pytest.raises(JournalError):
        Journal.open(with_content(disk, bytes(data)))


def test_a_missing_segment_in_the_middle_is_corruption() -> None:
    disk = closed(entries=60, segment_bytes=600)
    gap = disk.names()[2]
    disk.remove(gap)
    with pytest.raises(JournalError, match=f"{gap} should come before it and is missing"):
        Journal.open(disk)


def test_a_renamed_segment_is_noticed() -> None:
    disk = closed()
    disk.rename(FIRST, f"journal-{5:020}")
    with pytest.raises(JournalError, match="renamed"):
        Journal.open(disk)


def test_a_newer_format_asks_for_a_newer_program() -> None:
    disk = closed()
    fields = encode_header(1)[:8] + (2).to_bytes(4, "little") + encode_header(1)[12:20]
    header = fields + value(fields).to_bytes(4, "little")
    with pytest.raises(JournalError, match=r"newer than this program.*update it"):
        Journal.open(with_content(disk, header + content(disk)[len(header) :]))


def with_a_segment_begun() -> CrashingDisk:
    """Return a folder with nine entries, and a second segment that holds nothing yet."""
    disk = closed()
    journal = Journal.open(disk, segment_bytes=1)
    journal.append(entry(9))
    journal.sync()
    return disk.after_kill()


def test_a_segment_that_was_being_made_is_removed() -> None:
    disk = with_a_segment_begun()
    name = disk.names()[-1]
    data = content(disk, name)
    lengths = range(len(data))
    for begun in [*(data[:length] for length in lengths), *map(bytes, lengths)]:
        found = with_content(disk, begun, name)
        assert recovered(found).last_index == 9
        assert found.names() == [FIRST]


def test_a_journal_whose_only_segment_lost_its_beginning_is_corruption() -> None:
    """It is not the first: what was in the older ones was taken as safe because of this one."""
    disk = closed(entries=60, segment_bytes=600)
    last = disk.names()[-1]
    for name in disk.names()[:-1]:
        disk.remove(name)
    for left in (b"", encode_header(int(last[8:]))):
        with pytest.raises(JournalError, match="first record is damaged"):
            Journal.open(with_content(disk, left, last))
