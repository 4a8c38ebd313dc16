"""Looking into a data folder: everything is checked, nothing is changed."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate_replication.storage.check import as_dict, inspect_folder, render
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.storage.snapshots import SnapshotStore
from quorate_replication.wire.messages import Entry, Hello, Standing

JOURNAL = f"journal-{1:020}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A member that knows one other, has a snapshot up to entry 6, and a log up to 9."""
    disk = OsDisk(tmp_path)
    member = Membership.open(
        disk, cluster_id="c", name="n1", others=["n2"], fresh_incarnation=b"o" * 16, replace=False
    )
    journal = Journal.open(disk, key=member.incarnation)
    member.greet(Hello("c", "n2", b"p" * 16, Standing.VOTER))
    journal.save_vote(3, "n2")
    for index in range(1, 10):
        journal.append(Entry(b"%d" % index, index, 2))
    journal.note_commit(7)
    for _ in SnapshotStore(disk).write(6, 2, [b"state" * 100]):
        pass
    journal.close()
    return tmp_path


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_sound_folder_is_described(folder: Path) -> None:
    before = files(folder)
    report = inspect_folder(OsDisk(folder))
    assert report.ok
    assert report.problems == []
    assert report.member is not None
    assert (report.member.name, report.member.standing, report.member.known) == (
        "n1",
        "asking",
        ["n2"],
    )
    assert report.snapshot is not None
    assert (report.snapshot.index, report.snapshot.term) == (6, 2)
    journal = report.journal
    assert journal is not None
    assert (journal.first_index, journal.last_index, journal.commit_index) == (1, 9, 7)
    assert (journal.term, journal.voted_for, journal.torn_bytes) == (3, "n2", 0)
    assert files(folder) == before


def test_the_report_can_be_read_and_be_json(folder: Path) -> None:
    report = inspect_folder(OsDisk(folder))
    text = render(report)
    for words in (str(folder), "n1 of cluster c", "up to entry 6", "entries 1 to 9", "\nOK"):
        assert words in text
    content = json.loads(json.dumps(as_dict(report)))
    assert content["ok"] is True
    assert content["journal"]["last_index"] == 9


def test_a_torn_tail_is_harmless_and_is_left_there(folder: Path) -> None:
    with (folder / JOURNAL).open("ab") as file:
        file.write(b"half a record")
    before = files(folder)
    report = inspect_folder(OsDisk(folder))
    assert report.ok
    assert report.journal is not None
    assert report.journal.torn_bytes == 13
    assert "Harmless" in render(report)
    assert files(folder) == before


def damage_the_journal(folder: Path) -> None:
    flip(folder / JOURNAL, 200)


def damage_the_snapshot(folder: Path) -> None:
    flip(folder / "snapshot", 100)


def damage_the_member_file(folder: Path) -> None:
    (folder / "member.json").write_text("{}")


def lose_the_member_file(folder: Path) -> None:
    (folder / "member.json").unlink()


def lose_the_journal(folder: Path) -> None:
    (folder / JOURNAL).unlink()


def lose_the_snapshot(folder: Path) -> None:
    (folder / "snapshot").unlink()
    journal = Journal.open(OsDisk(folder), key=b"o" * 16)
    journal.reset(50, 3)
    journal.close()


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (damage_the_journal, f"{JOURNAL} is damaged at offset"),
        (damage_the_snapshot, "snapshot is damaged"),
        (damage_the_member_file, "member.json can't be read"),
        (lose_the_member_file, "member.json is missing"),
        (lose_the_journal, "the journal in .* is missing"),
        (lose_the_snapshot, "begins with entry 50, but .*snapshot is missing"),
    ],
)
def test_what_is_wrong_is_found_and_nothing_is_changed(
    folder: Path, harm: Callable[[Path], None], words: str
) -> None:
    harm(folder)
    before = files(folder)
    report = inspect_folder(OsDisk(folder))
    assert not report.ok
    assert [problem for problem in report.problems if re.search(words, problem)]
    assert "NOT OK" in render(report)
    assert as_dict(report)["ok"] is False
    assert files(folder) == before


def test_several_flaws_are_all_told(folder: Path) -> None:
    for harm in (damage_the_journal, damage_the_snapshot):
        harm(folder)
    assert len(inspect_folder(OsDisk(folder)).problems) == 2


def test_a_new_folder_is_no_problem(tmp_path: Path) -> None:
    assert inspect_folder(OsDisk(tmp_path)).ok
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_use_can_be_looked_into(folder: Path) -> None:
    journal = Journal.open(OsDisk(folder), key=b"o" * 16, segment_bytes=100)
    journal.cut_to(6)
    for index in range(10, 40):
        journal.append(Entry(b"%d" % index, index, 2))
        journal.sync()
        assert inspect_folder(OsDisk(folder)).ok
    journal.close()
