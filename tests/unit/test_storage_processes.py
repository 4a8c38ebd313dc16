"""The journal in real processes: killed at any moment, and with a disk that is really full."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random
from textwrap import dedent

import pytest

from quorate_replication.storage.journal import Journal
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.messages import Entry

KILLS = 6

WRITER = dedent("""
    import sys
    from pathlib import Path
    from quorate_replication.storage.journal import Journal
    from quorate_replication.storage.os_disk import OsDisk
    from quorate_replication.wire.messages import Entry

    journal = Journal.open(OsDisk(Path(sys.argv[1])), segment_bytes=5_000)
    while True:
        for _ in range(7):
            index = journal.last_index + 1
            journal.append(Entry(b"command %d" % index, index, index // 100))
        if index % 50 < 7:
            journal.save_vote(index, "n2")
        journal.note_commit(index - 20)
        journal.sync()
        print(index, journal.term, flush=True)
        if journal.last_index - journal.first_index > 300:
            journal.cut_to(journal.commit_index)
""")

FILLER = dedent("""
    import resource, signal, sys
    from pathlib import Path
    from quorate_replication.errors import DiskFailure
    from quorate_replication.storage.journal import Journal
    from quorate_replication.storage.os_disk import OsDisk
    from quorate_replication.wire.messages import Entry

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
    journal = Journal.open(OsDisk(Path(sys.argv[1])))
    try:
        while True:
            index = journal.last_index + 1
            journal.append(Entry(bytes(300), index, 1))
            journal.sync()
            print(index, flush=True)
    except DiskFailure as failure:
        print(failure)
        sys.exit(failure.exit_status)
""")


def start(program: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_process_that_is_killed_while_it_appends_rolls_and_cuts_loses_nothing(
    tmp_path: Path,
) -> None:
    dice = Random(os.urandom(8))  # noqa: S311 - only to stop at different moments
    first = 0
    for _ in range(KILLS):
        with start(WRITER, tmp_path) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline() for _ in range(dice.randint(1, 200))]
            process.kill()
            lines += process.stdout.readlines()
        index, term = map(int, [line for line in lines if line.endswith("\n")][-1].split())
        journal = Journal.open(OsDisk(tmp_path), segment_bytes=5_000)
        assert journal.last_index >= index
        assert (journal.term, journal.voted_for) >= (term, "n2" if term else None)
        for entry in journal.log[1:]:
            assert entry.command == b"command %d" % entry.index
        first = journal.first_index
        journal.close()
    assert first > 1, "it never came to a cut"


def test_a_disk_that_is_full_ends_the_process_and_what_was_synced_is_there(tmp_path: Path) -> None:
    with start(FILLER, tmp_path) as process:
        out, error = process.communicate(timeout=60)
    *acknowledged, message = out.splitlines()
    assert process.returncode == 74, error
    assert "cannot write to" in message
    assert "File too large" in message
    journal = Journal.open(OsDisk(tmp_path))
    assert journal.last_index == int(acknowledged[-1])
    journal.append(Entry(b"after", journal.last_index + 1, 1))
    journal.close()


@pytest.mark.parametrize("name", ["journal-short", "journal-1", ".journal-00000000000000000001"])
def test_other_files_in_the_folder_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    Journal.open(OsDisk(tmp_path)).close()
    Journal.open(OsDisk(tmp_path)).close()
    assert (tmp_path / name).read_text() == "mine"
