"""A crash at every single operation of the disk: what was acknowledged is there afterwards."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from random import Random

import pytest

from quorate_replication.errors import DiskFailure
from quorate_replication.storage.align import align
from quorate_replication.storage.files import SNAPSHOT
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import NEWBORN, Membership
from quorate_replication.storage.snapshots import SnapshotStore
from quorate_replication.wire.messages import Entry, Hello, Standing, Welcome
from support.crashing_disk import Crash, CrashingDisk

SEEDS = range(6)
OWN, OTHER, THIRD = b"o" * 16, b"p" * 16, b"t" * 16

State = tuple[tuple[Entry, ...], int, str | None]


def dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - to be repeated


def crashes(run: Callable[[CrashingDisk], None]) -> Iterator[tuple[str, CrashingDisk]]:
    """Run up to each operation; yield what the next process finds, after a kill and power cuts.

    Whatever `run` has noted before the crash is the caller's to compare.
    """
    at = 0
    while True:
        disk = CrashingDisk()
        disk.crash_at = at
        try:
            run(disk)
        except Crash:
            yield f"kill at {at}", disk.after_kill()
            for seed in SEEDS:
                yield f"power cut at {at}, seed {seed}", disk.after_power_cut(dice(seed))
        else:
            assert at > 10, "it crashed nowhere"
            return
        at += 1


class Watched:
    """A journal, and the states that a crash may leave: from the last acknowledged one on."""

    def __init__(self) -> None:
        self.possible: list[State] = [((), 0, None)]

    def note(self, journal: Journal) -> None:
        self.possible.append((tuple(journal.log), journal.term, journal.voted_for))

    def expect(self, journal: Journal, log: list[Entry]) -> None:
        """Note a log before the journal is told to have it: it does more than to write then."""
        self.possible.append((tuple(log), journal.term, journal.voted_for))

    def sync(self, journal: Journal) -> None:
        journal.sync()
        self.note(journal)
        del self.possible[:-1]

    def allows(self, journal: Journal) -> bool:
        return any(self._is(state, journal) for state in self.possible)

    def _is(self, state: State, journal: Journal) -> bool:
        """Tell whether it is this state; segments that remain may hold older entries, too."""
        log, term, voted_for = state
        if (term, voted_for) != (journal.term, journal.voted_for):
            return False
        held = [e for e in journal.log if not log or e.index >= log[0].index]
        return held == list(log)


def live(disk: CrashingDisk, watched: Watched) -> None:
    """Roll, truncate, vote, cut and reset, in small segments."""
    journal = Journal.open(disk, segment_bytes=300)
    watched.sync(journal)
    for step in range(1, 31):
        if step % 7 == 0:
            journal.truncate_from(max(journal.last_index - 2, journal.commit_index + 1))
            watched.note(journal)
        if step % 5 == 0:
            journal.save_vote(step, f"n{step}")
            watched.note(journal)
        for _ in range(step % 3 + 1):
            journal.append(Entry(b"at step %d" % step, journal.last_index + 1, step))
            watched.note(journal)
        watched.sync(journal)
        if step % 4 == 0:
            journal.note_commit(journal.last_index - 3)
            watched.expect(journal, [e for e in journal.log if e.index >= journal.commit_index])
            journal.cut_to(journal.commit_index)
        if step == 17:
            watched.expect(journal, [Entry(b"\x01", 1000, 17)])
            journal.reset(1000, 17)
    journal.mark()
    journal.close()


def test_a_crash_anywhere_leaves_what_was_synced_and_no_more_than_was_written() -> None:
    watched = Watched()

    def run(disk: CrashingDisk) -> None:
        watched.possible[:] = Watched().possible
        live(disk, watched)

    for where, found in crashes(run):
        journal = Journal.open(found, segment_bytes=300)
        assert watched.allows(journal), where
        journal.append(Entry(b"after", journal.last_index + 1, 99))
        journal.close()
        again = Journal.open(found.after_power_cut(dice(1)), segment_bytes=300)
        assert again.log == journal.log, where


def test_a_second_crash_while_recovering_changes_nothing() -> None:
    watched = Watched()

    def run(disk: CrashingDisk) -> None:
        watched.possible[:] = Watched().possible
        live(disk, watched)

    for where, found in crashes(run):
        for at in range(5):
            disk = found.after_kill()
            disk.crash_at = at
            with suppress(Crash):
                Journal.open(disk, segment_bytes=300)
            for left in (disk.after_kill(), disk.after_power_cut(dice(at))):
                assert watched.allows(Journal.open(left, segment_bytes=300)), f"{where}, then {at}"


def test_a_crash_while_a_snapshot_is_written_and_the_log_cut_loses_nothing() -> None:
    acknowledged = 0

    def run(disk: CrashingDisk) -> None:
        nonlocal acknowledged
        acknowledged = 0
        journal, store = Journal.open(disk, segment_bytes=300), SnapshotStore(disk)
        for index in range(1, 25):
            journal.append(Entry(b"%d" % index, index, 1))
            journal.sync()
            acknowledged = index
            if index % 8 == 0:
                for _ in store.write(index, 1, [b"%d" % i for i in range(index)]):
                    pass
                journal.cut_to(index)
        journal.close()

    for where, found in crashes(run):
        store = SnapshotStore(found)
        store.clean()
        header = store.header()
        journal = Journal.open(found, segment_bytes=300)
        align(journal, header, found.path)
        assert journal.last_index >= acknowledged, where
        covered = header.index if header else 0
        assert journal.first_index == max(covered, 1), where
        assert [e.command for e in journal.log if e.index > covered] == [
            b"%d" % i for i in range(covered + 1, journal.last_index + 1)
        ], where
        if header:
            assert b"".join(store.stream()) == b"".join(b"%d" % i for i in range(covered)), where


def install(disk: CrashingDisk, file: bytes) -> None:
    """Live up to entry 12, with a snapshot up to 6; then take the leader's, up to 500."""
    journal, store = Journal.open(disk, segment_bytes=300), SnapshotStore(disk)
    journal.save_vote(9, "n1")
    for index in range(1, 13):
        journal.append(Entry(b"%d" % index, index, 1))
        journal.sync()
    for _ in store.write(6, 1, [b"old"]):
        pass
    journal.cut_to(6)
    receiver = store.receiver(500, 9, len(file))
    for offset in range(0, len(file), 100):
        assert receiver.add(offset, file[offset : offset + 100])
    receiver.close()
    for _ in store.verify_incoming(500, 9):
        pass
    store.install_incoming()
    journal.reset(500, 9)
    journal.close()


def test_a_crash_while_a_snapshot_is_installed_leaves_the_old_state_or_the_new_one() -> None:
    sent = CrashingDisk()
    for _ in SnapshotStore(sent).write(500, 9, [b"new" * 100]):
        pass
    file = bytes(sent.files[SNAPSHOT].data)
    seen: set[int | None] = set()
    for where, found in crashes(lambda disk: install(disk, file)):
        store = SnapshotStore(found)
        header = store.header()
        seen.add(header.index if header else None)
        journal = Journal.open(found, segment_bytes=300)
        align(journal, header, found.path)
        if header is not None:
            new = header.index == 500
            log = (500, 500) if new else (6, 12)
            assert (journal.first_index, journal.last_index) == log, where
            assert b"".join(store.stream()) == (b"new" * 100 if new else b"old"), where
        if journal.last_index > 0:
            assert (journal.term, journal.voted_for) == (9, "n1"), where
    assert seen == {None, 6, 500}


def membership(disk: CrashingDisk, *, replace: bool = False, fresh: bytes = OWN) -> Membership:
    return Membership.open(
        disk,
        cluster_id="c",
        name="n1",
        others=["n2", "n3"],
        fresh_incarnation=fresh,
        replace=replace,
    )


def test_a_crash_anywhere_in_a_members_life_forgets_nothing_that_others_were_told() -> None:
    told: dict[str, object] = {}

    def run(disk: CrashingDisk) -> None:
        told.clear()
        file = disk.create(NEWBORN)
        file.append(b'{"cluster_id": "c", "name": "n1"}')
        file.sync()
        disk.sync_folder()
        told["laid"] = True
        member = membership(disk)
        told["own"] = member.hello().incarnation
        Journal.open(disk).close()
        member.greet(Hello("c", "n2", OTHER, Standing.VOTER))
        told["n2"] = OTHER
        assert member.welcomed("n3", Welcome(THIRD, Standing.REPLACING))
        told["n3"] = THIRD

    for where, found in crashes(run):
        if "laid" not in told:
            continue
        member = membership(found, fresh=b"x" * 16)
        assert member.standing is Standing.VOTER, where
        assert NEWBORN not in found.names(), where
        if "own" in told:
            assert member.hello().incarnation == OWN, where
        for peer in {"n2", "n3"} & told.keys():
            wrong = Hello("c", peer, b"w" * 16, Standing.VOTER)
            assert not isinstance(member.greet(wrong), Welcome), where


def test_a_crash_while_a_lost_disk_is_replaced_never_leaves_a_voter_that_must_not_be() -> None:
    caught_up = False

    def run(disk: CrashingDisk) -> None:
        nonlocal caught_up
        caught_up = False
        member = membership(disk, replace=True)
        Journal.open(disk).close()
        member.greet(Hello("c", "n2", OTHER, Standing.VOTER))
        caught_up = True
        member.caught_up()

    for where, found in crashes(run):
        standing = membership(found, replace=True).standing
        assert standing is Standing.REPLACING or caught_up, where


@pytest.mark.parametrize("operation", ["append", "sync", "rename", "sync_folder"])
def test_an_error_while_the_member_file_is_written_teaches_nothing(operation: str) -> None:
    disk = CrashingDisk()
    member = membership(disk, replace=True)
    disk.error, disk.error_in = OSError(5, "Input/output error"), operation
    with pytest.raises(DiskFailure, match=r"data/member\.json: Input/output error"):
        member.caught_up()
    assert not member.counts
