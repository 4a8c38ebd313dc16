"""One member alone, with a real disk: what it makes of what it finds there."""

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication import snapshot_file
from quorate_replication.engine import Committed, EngineStartError, Settled
from quorate_replication.journal import Journal
from quorate_replication.machine import Machine
from quorate_replication.options import RaftOptions
from quorate_replication.raft import RaftEngine
from quorate_replication.state import snapshot
from quorate_replication.state.elections import BATCH_VERSION, Elections
from support.cluster import free_ports

T = TypeVar("T")
PATIENCE_S = 30.0
NEVER_CUT = 10_000


def make_engine(
    data: Path,
    *,
    address: str | None = None,
    snapshot_entries: int = NEVER_CUT,
    election_timeout_s: tuple[float, float] = (0.4, 0.5),
) -> RaftEngine:
    own = address or f"127.0.0.1:{free_ports(1)}"
    options = RaftOptions(
        "n1", {"n1": own}, own, data, b"secret", snapshot_entries, election_timeout_s
    )
    return RaftEngine(options, lambda: None)


@contextmanager
def running(member: RaftEngine) -> Generator[RaftEngine]:
    member.start()
    try:
        yield member
    finally:
        member.stop()


def register(member: RaftEngine, *names: str) -> None:
    """Put voters on the roll, an entry each."""
    for name in names:
        command = pb.RegisterVoter(
            request_id=name.encode(), name=name, group="staff", public_key=bytes(32)
        )
        batch = pb.Batch(version=BATCH_VERSION, commands=[pb.Command(register_voter=command)])
        settled: SimpleQueue[Settled] = SimpleQueue()
        result: Settled | None = None
        while not isinstance(result, Committed):  # it is no leader yet
            member.submit(batch.SerializeToString(), settled.put)
            result = settled.get(timeout=PATIENCE_S)


def read(member: RaftEngine, look: Callable[[Elections], T]) -> T:
    seen: SimpleQueue[T] = SimpleQueue()
    member.inspect(lambda state: seen.put(look(state)))
    return seen.get(timeout=PATIENCE_S)


def close(journal: Journal) -> None:
    journal._destroy()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - PySyncObj's name


def names(count: int) -> list[str]:
    return [f"voter {number:03}" for number in range(count)]


def fill(data: Path, count: int, snapshot_entries: int = NEVER_CUT) -> bytes:
    """Run a member until it has `count` voters; return the digest of its state."""
    with running(make_engine(data, snapshot_entries=snapshot_entries)) as member:
        register(member, *names(count))
        return read(member, snapshot.digest)


def test_a_restart_keeps_every_entry(tmp_path: Path) -> None:
    digest = fill(tmp_path, 30)
    with running(make_engine(tmp_path)) as member:
        register(member, names(30)[-1])  # repeated: it changes nothing, and all is applied before
        assert read(member, snapshot.digest) == digest


def test_a_restart_after_the_log_was_cut_keeps_every_entry(tmp_path: Path) -> None:
    digest = fill(tmp_path, 55, snapshot_entries=10)
    with running(make_engine(tmp_path)) as member:
        register(member, names(55)[-1])
        assert read(member, snapshot.digest) == digest


def test_nobody_sees_the_state_without_its_snapshot(tmp_path: Path) -> None:
    fill(tmp_path, 55, snapshot_entries=10)
    member = make_engine(tmp_path)
    seen: SimpleQueue[int] = SimpleQueue()
    member.inspect(lambda state: seen.put(len(state.roll)))
    with running(member):
        assert seen.get(timeout=PATIENCE_S) >= 40


def test_a_kill_between_the_snapshot_and_the_cut_of_the_log_loses_nothing(tmp_path: Path) -> None:
    digest = fill(tmp_path, 30)
    journal = Journal(tmp_path / "raft.journal")
    machine, entries = Machine(), list(journal)[:20]
    for command, _, _ in entries[2:]:  # the first two are no-ops
        machine.apply(command[1:])
    previous, last = entries[-2:]
    snapshot_file.write(tmp_path / "raft.snapshot", previous, last, machine.dump())
    close(journal)
    with running(make_engine(tmp_path)) as member:
        register(member, names(30)[-1])
        assert read(member, snapshot.digest) == digest


@pytest.mark.parametrize(
    "moment", ["journals.FileJournal.add", "journals.FileJournal._destroy", "pathlib.Path.replace"]
)
def test_a_kill_while_the_log_is_cut_loses_no_entry_behind_the_cut(
    tmp_path: Path, moment: str
) -> None:
    path = tmp_path / "raft.journal"
    journal = Journal(path)
    entries = [(b"\0entry %d" % index, index, 1) for index in range(1, 51)]
    for entry in entries:
        journal.add(*entry)
    close(journal)
    program = (
        "import os, pathlib\n"
        "from quorate_replication import journal as journals\n"
        f"journal = journals.Journal(pathlib.Path({str(path)!r}))\n"
        f"{moment} = lambda *_: os._exit(9)\n"
        "journal.deleteEntriesTo(30)\n"
    )
    killed = subprocess.run([sys.executable, "-c", program], check=False)
    assert killed.returncode == 9
    journal = Journal(path)
    assert list(journal)[-20:] == entries[30:]
    close(journal)


def test_a_log_without_its_snapshot_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 30, snapshot_entries=10)
    (tmp_path / "raft.snapshot").unlink()
    with pytest.raises(EngineStartError, match="snapshot is missing"):
        make_engine(tmp_path).start()


def test_a_snapshot_that_is_older_than_the_log_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 15, snapshot_entries=10)
    older = (tmp_path / "raft.snapshot").read_bytes()
    fill(tmp_path, 60, snapshot_entries=10)
    (tmp_path / "raft.snapshot").write_bytes(older)
    with pytest.raises(EngineStartError, match="missing or older"):
        make_engine(tmp_path).start()


def test_a_damaged_snapshot_is_refused(tmp_path: Path) -> None:
    fill(tmp_path, 30, snapshot_entries=10)
    (tmp_path / "raft.snapshot").write_bytes(b"damaged")
    with pytest.raises(EngineStartError, match=r"raft\.snapshot"):
        make_engine(tmp_path).start()


def test_a_log_that_was_cut_off_is_refused_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    fill(tmp_path, 200)
    journal = tmp_path / "raft.journal"
    journal.write_bytes(journal.read_bytes()[:2000])
    with pytest.raises(EngineStartError, match="cannot read the log"):
        make_engine(tmp_path).start()


def test_a_kill_in_the_moment_the_log_is_made_does_not_prevent_a_start(tmp_path: Path) -> None:
    (tmp_path / "raft.journal").touch()
    assert fill(tmp_path, 1)


def test_an_address_in_use_is_refused(tmp_path: Path) -> None:
    address = f"127.0.0.1:{free_ports(1)}"
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    with (
        running(make_engine(first, address=address)),
        pytest.raises(EngineStartError, match="port in use"),
    ):
        make_engine(second, address=address).start()


def test_what_pysyncobj_rejects_is_an_error_and_nobody_waits_for_ever(tmp_path: Path) -> None:
    with pytest.raises(EngineStartError, match="does not start"):
        make_engine(tmp_path, election_timeout_s=(0.5, 0.4)).start()


def test_long_election_timeouts_are_taken(tmp_path: Path) -> None:
    with running(make_engine(tmp_path, election_timeout_s=(3.0, 5.0))):
        pass
