"""One member alone in its thread, with real parts: what it makes of what it finds."""

import asyncio
import errno
import os
import random
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from quorate_replication.engine import Committed, Settled
from quorate_replication.errors import DiskFailure, EngineStartError, FailStop
from quorate_replication.machine import Machine
from quorate_replication.options import RaftOptions
from quorate_replication.raft.driver import Driver
from quorate_replication.raft.thread import RaftEngine
from quorate_replication.replica import Replica
from quorate_replication.state import snapshot
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.storage.snapshots import SnapshotStore
from quorate_replication.wire.messages import Hello, Standing, TurnedAway, Welcome
from support.cluster import PATIENCE_S, free_ports
from support.lone_member import Inbox as Silence
from support.lone_member import Later, batch, registration
from support.peers import CLUSTER_ID, peer_certificates

NEVER = 10_000


class Alone:
    """A cluster of one; each start is a new engine on the same folder."""

    def __init__(self, folder: Path) -> None:
        self.data = folder / "data"
        self.data.mkdir()
        self.tls = peer_certificates(folder, ["n1"])["n1"]
        self.address = f"127.0.0.1:{free_ports(1)}"
        self.failures: list[FailStop] = []

    def options(
        self,
        *,
        snapshot_entries: int = NEVER,
        election_timeout_s: tuple[float, float] = (0.4, 0.5),
        address: str | None = None,
    ) -> RaftOptions:
        own = address or self.address
        return RaftOptions(
            CLUSTER_ID,
            "n1",
            {"n1": own},
            own,
            self.data,
            self.tls,
            snapshot_entries=snapshot_entries,
            election_timeout_s=election_timeout_s,
        )

    @asynccontextmanager
    async def running(self, *, snapshot_entries: int = NEVER) -> AsyncGenerator[Replica]:
        options = self.options(snapshot_entries=snapshot_entries)
        replica = Replica(
            lambda applied: RaftEngine(options, applied, self.failures.append), "n1", lambda: 1
        )
        await replica.start()
        try:
            yield replica
        finally:
            await replica.stop()

    async def start_only(self, options: RaftOptions | None = None) -> RaftEngine:
        engine = RaftEngine(options or self.options(), lambda: None, self.failures.append)
        await engine.start()
        return engine

    async def fill(self, count: int, *, snapshot_entries: int = NEVER) -> bytes:
        """Register voters one after another; return the digest."""
        async with self.running(snapshot_entries=snapshot_entries) as replica:
            for number in range(count):
                told = await replica.propose(registration(f"voter {number:03}"), PATIENCE_S)
                assert told is Outcome.ACCEPTED
            return (await replica.digest())[1]


def one_of_two(alone: Alone, *, new_disk: bool = False) -> Driver:
    """Return a member of two whose peer is never there."""
    options = alone.options()
    return Driver(
        replace(options, peers={**options.peers, "n2": "127.0.0.1:1"}, replace=new_disk),
        disk=OsDisk(alone.data),
        network=lambda _greeter: Silence(),
        background=Later(),
        dice=random.Random(1),  # noqa: S311 - not for secrets
        on_applied=lambda: None,
        on_failure=alone.failures.append,
    )


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    return Alone(tmp_path)


async def test_a_restart_keeps_every_entry(alone: Alone) -> None:
    digest = await alone.fill(30)
    async with alone.running() as replica:
        await replica.barrier(PATIENCE_S)
        assert (await replica.digest())[1] == digest


async def test_a_restart_after_the_log_was_cut_keeps_every_entry(alone: Alone) -> None:
    digest = await alone.fill(55, snapshot_entries=10)
    assert (alone.data / "snapshot").exists()
    async with alone.running() as replica:
        await replica.barrier(PATIENCE_S)
        assert (await replica.digest())[1] == digest


async def test_nobody_sees_the_state_without_its_snapshot(alone: Alone) -> None:
    await alone.fill(55, snapshot_entries=10)
    async with alone.running() as replica:
        assert await replica.read(lambda state: len(state.roll)) >= 40


async def test_a_damaged_snapshot_is_refused(alone: Alone) -> None:
    await alone.fill(30, snapshot_entries=10)
    path = alone.data / "snapshot"
    data = bytearray(path.read_bytes())
    data[-20] ^= 4
    path.write_bytes(data)
    with pytest.raises(EngineStartError, match="snapshot"):
        await alone.start_only()


async def test_a_damaged_journal_is_refused_with_file_and_offset(alone: Alone) -> None:
    await alone.fill(30)
    (journal,) = alone.data.glob("journal-*")
    data = bytearray(journal.read_bytes())
    data[len(data) // 2] ^= 4
    journal.write_bytes(data)
    with pytest.raises(EngineStartError, match=rf"{journal.name}.*\d+"):
        await alone.start_only()


async def test_an_address_in_use_is_refused(alone: Alone, tmp_path: Path) -> None:
    second = tmp_path / "second"
    second.mkdir()
    async with alone.running():
        other = Alone(second)
        with pytest.raises(EngineStartError, match="cannot listen for peers"):
            await other.start_only(other.options(address=alone.address))


async def test_timeouts_that_cannot_work_are_refused(alone: Alone) -> None:
    with pytest.raises(EngineStartError, match="election timeout"):
        await alone.start_only(alone.options(election_timeout_s=(0.5, 0.4)))


async def test_a_disk_that_refuses_to_sync_ends_the_node_and_acknowledges_nothing(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    settled: list[Settled] = []
    engine = await alone.start_only()
    await until(lambda: bool(engine.status.leader))
    monkeypatch.setattr(os, "fdatasync", no_space)
    engine.submit(batch(registration("ann")), settled.append)
    await until(lambda: bool(alone.failures))
    monkeypatch.undo()
    assert isinstance(alone.failures[0], DiskFailure)
    assert not [result for result in settled if isinstance(result, Committed)]
    await engine.stop()
    async with alone.running() as replica:  # unharmed once there is room
        assert await replica.propose(registration("ann"), PATIENCE_S) is Outcome.ACCEPTED


async def test_a_member_that_cannot_remember_whom_it_met_ends_rather_than_go_on(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = one_of_two(alone)
    await driver.start()
    monkeypatch.setattr(os, "fdatasync", no_space)
    told = driver.greet(Hello(CLUSTER_ID, "n2", bytes(16), Standing.VOTER))
    monkeypatch.undo()
    assert isinstance(told, TurnedAway)
    assert isinstance(alone.failures[0], DiskFailure)
    await driver.stop()


async def test_a_journal_that_was_emptied_is_not_taken_for_a_new_one(alone: Alone) -> None:
    driver = one_of_two(alone)
    await driver.start()
    driver.greet(Hello(CLUSTER_ID, "n2", bytes(16), Standing.VOTER))
    await driver.stop()
    (journal,) = alone.data.glob("journal-*")
    journal.write_bytes(b"")
    with pytest.raises(EngineStartError, match="is empty, but it was not"):
        await one_of_two(alone).start()


async def test_a_kill_between_installing_a_snapshot_and_resetting_the_log_is_mended_at_start(
    alone: Alone,
) -> None:
    await alone.fill(5)
    machine = Machine()
    machine.apply(batch(*(registration(f"voter {number}") for number in range(50))))
    for _ in SnapshotStore(OsDisk(alone.data)).write(100, 1, machine.dump()):
        pass
    async with alone.running() as replica:
        assert await replica.propose(registration("one more"), PATIENCE_S) is Outcome.ACCEPTED
        assert await replica.read(lambda state: len(state.roll)) == 51


async def test_a_thread_that_hangs_knows_no_leader(alone: Alone) -> None:
    engine = await alone.start_only()
    await until(lambda: engine.status.leader == "n1")
    go_on = threading.Event()

    def hang(_state: Elections) -> None:  # as a disk may
        go_on.wait(PATIENCE_S)

    engine.inspect(hang)
    await until(lambda: not engine.status.leader and not engine.status.caught_up)
    go_on.set()
    await until(lambda: engine.status.leader == "n1")
    await engine.stop()


async def test_members_that_begin_empty_without_being_new_say_so(
    alone: Alone, caplog: pytest.LogCaptureFixture
) -> None:
    driver = one_of_two(alone)
    await driver.start()
    assert driver.welcomed("n2", Welcome(bytes(16), Standing.ASKING))
    assert "it begins as new, and empty" in caplog.text
    await driver.stop()


async def test_a_new_disk_that_no_majority_is_left_to_fill_says_so_once(
    alone: Alone, caplog: pytest.LogCaptureFixture
) -> None:
    driver = one_of_two(alone, new_disk=True)
    await driver.start()
    for _ in range(2):
        driver.greet(Hello(CLUSTER_ID, "n2", bytes(16), Standing.REPLACING))
    assert caplog.text.count("2 of 2 members have new disks: no majority is left") == 1
    await driver.stop()


async def test_a_needless_replace_is_mentioned(
    alone: Alone, caplog: pytest.LogCaptureFixture
) -> None:
    await alone.fill(1)
    engine = await alone.start_only(replace(alone.options(), replace=True))
    assert "--replace has no effect" in caplog.text
    await engine.stop()


async def test_a_defect_ends_the_node_rather_than_apply_twice(
    alone: Alone, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = await alone.start_only()
    await until(lambda: bool(engine.status.leader))

    def defect(_state: Elections, _batch: object) -> list[Outcome]:
        raise KeyError("a defect")

    monkeypatch.setattr(Elections, "apply", defect)
    engine.submit(batch(registration("ann")), lambda _: None)
    await until(lambda: bool(alone.failures))
    assert type(alone.failures[0]) is FailStop
    await engine.stop()


async def test_what_is_written_after_a_stop_was_told_is_nothing(alone: Alone) -> None:
    async with alone.running() as replica:
        await replica.propose(registration("ann"), PATIENCE_S)
    files = {path.name: path.read_bytes() for path in alone.data.iterdir()}
    await asyncio.sleep(0)
    assert {path.name: path.read_bytes() for path in alone.data.iterdir()} == files


async def test_an_idle_member_writes_nothing(alone: Alone) -> None:
    async with alone.running() as replica:
        await replica.propose(registration("ann"), PATIENCE_S)
        sizes = await settled_sizes(alone.data)
        for _ in range(3):
            await replica.barrier(PATIENCE_S)
        assert await settled_sizes(alone.data) == sizes


async def test_digests_are_made_off_the_thread_of_any_state(alone: Alone) -> None:
    async with alone.running() as replica:
        await replica.propose(registration("ann"), PATIENCE_S)
        index, digest = await replica.digest()
        assert digest == await replica.read(snapshot.digest)
        assert index == replica.status.applied_index


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what happens in the raft thread."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - it happens in another thread
            await asyncio.sleep(0.01)


async def settled_sizes(folder: Path) -> dict[str, int]:
    """Return the sizes of the files once they stay what they are for two marks."""
    measure: Callable[[], dict[str, int]] = lambda: {  # noqa: E731
        path.name: path.stat().st_size for path in folder.iterdir()
    }
    before = measure()
    for _ in range(10):
        await asyncio.sleep(1.1)  # marks are written once a second: there is no event to await
        after = measure()
        if after == before:
            return after
        before = after
    raise AssertionError("it goes on writing")


def no_space(_descriptor: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
