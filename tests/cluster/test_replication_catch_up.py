"""Three replicas on real ports and disks, in this process: falling behind and catching up."""

import asyncio
import secrets
import shutil
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from time import monotonic, time_ns
from typing import TypeVar

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication import Elections, NotCommitted, Outcome, Replica
from quorate_replication.errors import FailStop
from quorate_replication.options import RaftOptions
from quorate_replication.raft import snapshots
from quorate_replication.raft.thread import RaftEngine
from quorate_replication.state import snapshot
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.storage.snapshots import SnapshotStore
from support.cluster import PATIENCE_S, free_ports
from support.peers import CLUSTER_ID, peer_certificates

pytestmark = pytest.mark.cluster

T = TypeVar("T")
NAMES = ("n1", "n2", "n3")
SNAPSHOT_ENTRIES = 50


class Cluster:
    """Replicas by name; what is registered through it was acknowledged."""

    def __init__(self, folder: Path) -> None:
        first = free_ports(len(NAMES))
        peers = {name: f"127.0.0.1:{first + at}" for at, name in enumerate(NAMES)}
        tls = peer_certificates(folder, NAMES)
        self.options = {
            name: RaftOptions(
                cluster_id=CLUSTER_ID,
                name=name,
                peers=peers,
                bind=peers[name],
                data=folder / name,
                tls=tls[name],
                snapshot_entries=SNAPSHOT_ENTRIES,
            )
            for name in NAMES
        }
        self.running: dict[str, Replica] = {}
        self.registered: list[str] = []

    async def start(self, *names: str) -> None:
        for name in names:
            options = self.options[name]
            options.data.mkdir(exist_ok=True)
            replica = Replica(_engine_of(options), name, lambda: time_ns() // 1000)
            await replica.start()
            self.running[name] = replica

    async def stop(self, *names: str) -> None:
        await asyncio.gather(*(self.running.pop(name).stop() for name in names))

    async def leader(self) -> str:
        """Wait until all that run agree on a leader that runs."""

        async def agreed() -> str | None:
            leaders = {replica.status.leader for replica in self.running.values()}
            leader = leaders.pop()
            return leader if not leaders and leader in self.running else None

        return await eventually(agreed, "a leader")

    async def register(self, count: int, *through: str) -> None:
        """Register voters, one entry after another through each of the members at once."""
        replicas = [self.running[name] for name in through or self.running]
        names = [f"voter {len(self.registered) + number:04}" for number in range(count)]

        async def register(share: int) -> None:
            for name in names[share :: len(replicas)]:
                told = await replicas[share].propose(registration(name), PATIENCE_S)
                assert told is Outcome.ACCEPTED

        await asyncio.gather(*(register(share) for share in range(len(replicas))))
        self.registered += names

    async def check(self) -> None:
        """See that all members have all that was acknowledged, and nothing else."""

        async def same() -> set[bytes] | None:
            seen = [await replica.read(_index_and_digest(replica)) for replica in members]
            return {digest for _, digest in seen} if len(set(seen)) == 1 else None

        members = list(self.running.values())
        for replica in members:
            assert await replica.read_latest(roll, PATIENCE_S) == sorted(self.registered)
        assert await eventually(same, "equal digests at one index")

    def snapshot_index(self, name: str) -> int:
        """Return the index of a member's snapshot; 0 if it has none."""
        header = SnapshotStore(OsDisk(self.options[name].data)).header()
        return 0 if header is None else header.index


def _engine_of(options: RaftOptions) -> Callable[[Callable[[], None]], RaftEngine]:
    return lambda applied: RaftEngine(options, applied, _must_not_end)


def _must_not_end(flaw: FailStop) -> None:
    raise AssertionError(f"a member ended: {flaw}")


def _index_and_digest(replica: Replica) -> Callable[[Elections], tuple[int, bytes]]:
    return lambda state: (replica.status.applied_index, snapshot.digest(state))


def roll(state: Elections) -> list[str]:
    return [voter.name for voter in state.roll]


def registration(name: str) -> pb.Command:
    return pb.Command(
        register_voter=pb.RegisterVoter(
            request_id=secrets.token_bytes(16), name=name, group="staff", public_key=bytes(32)
        )
    )


async def eventually(look: Callable[[], Awaitable[T | None]], what: str) -> T:
    """Return the first value that is not None; fail after a while."""
    deadline = monotonic() + PATIENCE_S
    while (value := await look()) is None:
        assert monotonic() < deadline, f"never happened: {what}"
        await asyncio.sleep(0.02)
    return value


@asynccontextmanager
async def three(folder: Path) -> AsyncGenerator[Cluster]:
    cluster = Cluster(folder)
    await cluster.start(*NAMES)
    try:
        await cluster.leader()
        yield cluster
    finally:
        await cluster.stop(*cluster.running)


async def test_cutting_the_log_under_load_loses_nothing(tmp_path: Path) -> None:
    async with three(tmp_path) as cluster:
        await cluster.register(6 * SNAPSHOT_ENTRIES)
        await cluster.check()
        assert all(cluster.snapshot_index(name) for name in NAMES)


async def test_a_member_that_missed_what_was_cut_catches_up_by_snapshot(tmp_path: Path) -> None:
    async with three(tmp_path) as cluster:
        await cluster.register(20)
        leader = await cluster.leader()
        late = next(name for name in NAMES if name != leader)
        await cluster.stop(late)
        await cluster.register(3 * SNAPSHOT_ENTRIES)
        assert cluster.snapshot_index(leader) > cluster.snapshot_index(late)
        await cluster.start(late)
        await cluster.register(20)
        await cluster.check()
        assert cluster.snapshot_index(late) > 2 * SNAPSHOT_ENTRIES


async def test_a_member_with_a_new_disk_catches_up_by_snapshot_under_load_and_votes_again(
    tmp_path: Path,
) -> None:
    async with three(tmp_path) as cluster:
        await cluster.register(3 * SNAPSHOT_ENTRIES)
        leader = await cluster.leader()
        wiped = next(name for name in NAMES if name != leader)
        await cluster.stop(wiped)
        shutil.rmtree(cluster.options[wiped].data)
        load = asyncio.create_task(cluster.register(4 * SNAPSHOT_ENTRIES, *cluster.running))
        cluster.options[wiped] = replace(cluster.options[wiped], replace=True)
        await cluster.start(wiped)
        assert not cluster.running[wiped].status.votes
        await load
        await cluster.check()

        async def votes() -> bool | None:
            return cluster.running[wiped].status.votes or None

        await eventually(votes, "it votes")
        third = next(name for name in NAMES if name not in (leader, wiped))
        await cluster.stop(third)
        await cluster.register(10)  # on a majority of which it is one


async def test_a_member_that_is_catching_up_does_not_say_that_it_has(tmp_path: Path) -> None:
    async with three(tmp_path) as cluster:
        await cluster.register(3 * SNAPSHOT_ENTRIES)
        leader = await cluster.leader()
        late = next(name for name in NAMES if name != leader)
        await cluster.stop(late)
        await cluster.register(3 * SNAPSHOT_ENTRIES)
        behind = cluster.running[leader].status.commit_index
        await cluster.start(late)

        async def says_so() -> int | None:
            status = cluster.running[late].status
            return status.applied_index if status.caught_up else None

        assert await eventually(says_so, "it has caught up") >= behind


async def test_a_restart_of_all_from_disk_keeps_all_that_was_acknowledged(tmp_path: Path) -> None:
    async with three(tmp_path) as cluster:
        for _ in range(3):
            await cluster.register(SNAPSHOT_ENTRIES + 20)
            await cluster.stop(*NAMES)
            await cluster.start(*NAMES)
            await cluster.check()


async def test_a_leader_that_stops_hands_over_and_loses_nothing(tmp_path: Path) -> None:
    async with three(tmp_path) as cluster:
        leader = await cluster.leader()
        others = [name for name in NAMES if name != leader]
        load = asyncio.create_task(cluster.register(2 * SNAPSHOT_ENTRIES, *others))
        stopped = cluster.running[leader]
        await cluster.stop(leader)
        assert stopped.status.leader in others  # it stayed until another was elected
        await load
        await cluster.start(leader)
        await cluster.check()


async def test_a_read_behind_a_barrier_shows_what_another_member_acknowledged(
    tmp_path: Path,
) -> None:
    async with three(tmp_path) as cluster:
        for number in range(20):
            writer, reader = NAMES[number % 3], NAMES[(number + 1) % 3]
            await cluster.register(1, writer)
            seen = await cluster.running[reader].read_latest(roll, PATIENCE_S)
            assert seen == cluster.registered


async def test_a_stopped_replica_answers_no_read_and_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with three(tmp_path) as cluster:
        replica = cluster.running["n1"]
        await cluster.stop("n1")
        with pytest.raises(NotCommitted):
            await replica.read(roll)


async def test_a_log_of_few_but_large_entries_is_cut_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_LOG_BYTES", 100_000)
    async with three(tmp_path) as cluster:
        for number in range(SNAPSHOT_ENTRIES // 3):
            wish = registration(f"voter {number}")
            wish.register_voter.public_key = bytes(20_000)  # refused, but in the log
            told = await cluster.running["n1"].propose(wish, PATIENCE_S)
            assert told is Outcome.PUBLIC_KEY_INVALID

        async def cut() -> bool | None:
            return all(cluster.snapshot_index(name) for name in NAMES) or None

        await eventually(cut, "every member has written a snapshot")


async def test_members_that_begin_with_empty_folders_begin_together(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path)
    await cluster.start("n1", "n2")
    try:
        assert not cluster.running["n1"].status.votes  # n3 may know them with other disks
        await cluster.start("n3")
        await cluster.leader()
        await cluster.register(3)
    finally:
        await cluster.stop(*cluster.running)
