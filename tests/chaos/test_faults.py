"""Each family of faults does for real what it says, on a real cluster; and is mended."""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chaos import clocks, disks, namespace
from chaos.faults.power import cut_power
from chaos.nemesis import Nemesis
from chaos.nodes import NodeEnded
from chaos.records import Fault
from chaos.schedule import Planned
from chaos.stage import Stage
from chaos.tools import eventually
from quorate_client import AsyncClient

pytestmark = [pytest.mark.cluster, pytest.mark.asyncio(loop_scope="module")]

LONG_S = 600.0  # of a fault that is mended as soon as it has been seen
TESTS = Path(__file__).parents[1]
needs_clocks = pytest.mark.skipif(bool(clocks.why_not()), reason=clocks.why_not())
needs_disks = pytest.mark.skipif(bool(disks.why_not()), reason=disks.why_not())


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("stage")
    async with new_stage(folder, snapshot_entries=20) as made, AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncClient(made.profile))
        load = asyncio.create_task(register_for_ever(client))
        yield made
        load.cancel()
        await asyncio.wait({load})


def new_stage(folder: Path, snapshot_entries: int = 200) -> Stage:
    dice = random.Random(1)  # noqa: S311 - not for secrets
    return Stage(folder, dice=dice, snapshot_entries=snapshot_entries)


async def register_for_ever(client: AsyncClient) -> None:
    key = Ed25519PrivateKey.generate().public_key()
    number = 0
    while True:
        with suppress(Exception):  # whatever is done to the cluster
            await client.register_voter(f"voter {number}", group="voters", key=key)
        number += 1


def planned(kind: str, target: str, seconds: float = 1.0, **more: object) -> Planned:
    settings: dict[str, object] = {"pause_s": 0.0, "dice": 1, **more}
    return Planned(kind=kind, target=target, seconds=seconds, **settings)  # type: ignore[arg-type]


async def suffer(
    stage: Stage, plan: Planned, meanwhile: Callable[[], Awaitable[object]] | None = None
) -> list[Fault]:
    """Make a fault to its end; or cancel it as soon as `meanwhile` has come true."""
    nemesis = Nemesis(stage, [plan], time.monotonic)
    making = asyncio.create_task(nemesis.run(float("inf")))
    if meanwhile is not None:
        try:
            await meanwhile()
            assert not making.done(), "it was seen only afterwards"
        finally:
            making.cancel()
            await asyncio.wait({making})
        assert making.cancelled()
    else:
        await making
    await stage.wait_ready()
    return nemesis.faults


def state_of(pid: int) -> str:
    """Return a process's state as the kernel calls it, `T` for stopped; empty if it is gone."""
    stat = Path(f"/proc/{pid}/stat")
    return stat.read_text().rpartition(")")[2].split()[0] if stat.exists() else ""


def left_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def mounted_below(folder: Path) -> list[str]:
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    return [line for line in mounts if str(folder) in line]


# ------------------------------------------------------------------ processes


async def test_a_killed_leader_is_another_process_afterwards(stage: Stage) -> None:
    leader = await stage.leader()
    pids = {name: stage.pid(name) for name in stage.names}
    (fault,) = await suffer(stage, planned("kill-leader", "leader", 0.3))
    assert fault.target == f"{leader} (leader)"
    assert fault.majority
    assert fault.start_s < fault.end_s
    assert [name for name in stage.names if stage.pid(name) != pids[name]] == [leader]


async def test_a_paused_node_says_nothing_and_is_the_same_process_afterwards(stage: Stage) -> None:
    leader = await stage.leader()
    follower = next(name for name in stage.names if name != leader)
    pid = stage.pid(follower)

    async def silent() -> None:
        async def stopped() -> bool:
            return state_of(pid) == "T"

        await eventually(stopped, "it is stopped")
        assert await stage.status(follower, timeout_s=0.3) is None

    await suffer(stage, planned("pause-follower", "follower 1", LONG_S), silent)
    assert stage.pid(follower) == pid


async def test_all_are_killed_and_that_is_no_majority(stage: Stage) -> None:
    pids = {stage.pid(name) for name in stage.names}
    (fault,) = await suffer(stage, planned("kill-all", "all", 0.1))
    assert not fault.majority
    assert pids.isdisjoint({stage.pid(name) for name in stage.names})


async def test_two_faults_at_once_are_both_noted_and_hit_different_nodes(stage: Stage) -> None:
    beside = planned("kill-leader", "leader", 0.5, pause_s=0.1)
    faults = await suffer(stage, planned("pause-leader", "leader", 2.0, beside=beside))
    assert [fault.kind for fault in faults] == ["pause-leader", "kill-leader"]
    assert faults[0].target.split()[0] != faults[1].target.split()[0]
    assert not any(fault.majority for fault in faults)


# ------------------------------------------------------------------ network


@pytest.mark.parametrize("kind", ["partition-leader", "partition-one-way"])
async def test_a_leader_whom_nobody_hears_is_replaced(stage: Stage, kind: str) -> None:
    old = await stage.leader()
    target = "leader" if kind == "partition-leader" else "leader to all"

    async def replaced() -> None:
        async def another() -> bool:
            return await stage.find_leader() not in {"", old}

        await eventually(another, "the others follow another")

    (fault,) = await suffer(stage, planned(kind, target, LONG_S), replaced)
    assert fault.majority


async def test_dropped_packets_are_dropped_and_nobody_elses(tmp_path: Path) -> None:
    if flaw := namespace.why_not():
        if not flaw.startswith("the network is shared"):
            pytest.skip(flaw)
        program = tmp_path / "program.py"
        program.write_text(DROPPING)
        environment = {**os.environ, "PYTHONPATH": str(TESTS)}
        ran = subprocess.run(  # noqa: ASYNC221 - nothing else is to be done meanwhile
            [sys.executable, str(program)], env=environment, capture_output=True, check=False
        )
        assert ran.stdout.decode().split() == ["passed", "dropped", "passed"], ran.stderr.decode()


DROPPING = """
import asyncio
from chaos import namespace
from chaos.packets import Packets
namespace.enter()

async def main():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    packets = Packets()
    await attempt(port)
    await packets.drop([port])
    await attempt(port)
    await packets.pass_all([port])
    await attempt(port)

async def attempt(port):
    try:
        async with asyncio.timeout(0.7):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            await reader.read()
            writer.close()
        print("passed")
    except TimeoutError:
        print("dropped")

asyncio.run(main())
"""


# ------------------------------------------------------------------ clocks


@needs_clocks
@pytest.mark.parametrize("dice", [1, 2])
async def test_a_bent_clock_is_seen_and_told_and_is_right_again(stage: Stage, dice: int) -> None:
    leader = await stage.leader()
    bent = next(name for name in stage.names if name != leader)

    async def off_s(name: str) -> float:
        status = await stage.status(name)
        return 0.0 if status is None else status.clock.ToNanoseconds() / 1e9 - time.time()

    async def seen() -> None:
        async def is_off() -> bool:
            return abs(await off_s(bent)) > 4

        await eventually(is_off, "its clock is off")
        assert abs(await off_s(leader)) < 4

    await suffer(stage, planned("clock-jump", "follower 1", LONG_S, dice=dice), seen)
    assert abs(await off_s(bent)) < 4


# ------------------------------------------------------------------ disks


@needs_disks
async def test_a_frozen_disk_takes_no_write_until_it_thaws(stage: Stage) -> None:
    disk = stage.disks["n1"]
    took_s: list[float] = []

    def write() -> None:
        begun = time.monotonic()
        with (disk.data.parent / "probe").open("wb") as file:
            file.write(b"x")
            os.fsync(file.fileno())
        took_s.append(time.monotonic() - begun)

    freezing = asyncio.create_task(disk.freeze([(1.0, 0.0)]))
    while not freezing.done():
        await asyncio.to_thread(write)
    await freezing
    assert max(took_s) > 0.5
    await stage.wait_ready()


@needs_disks
async def test_a_disk_thaws_when_the_nemesis_is_cancelled(stage: Stage) -> None:
    waiting: list[asyncio.Task[None]] = []

    def write() -> None:
        for name in stage.names:
            (stage.data(name).parent / "probe").write_bytes(b"x")

    async def frozen() -> None:
        async def a_write_waits() -> bool:
            writing = asyncio.create_task(asyncio.to_thread(write))
            _, pending = await asyncio.wait({writing}, timeout=0.5)
            waiting.extend(pending)
            return bool(pending)

        await eventually(a_write_waits, "a write waits")

    (fault,) = await suffer(stage, planned("stalled-disk", "follower 1", LONG_S), frozen)
    assert fault.kind == "stalled-disk"
    async with asyncio.timeout(10):
        await waiting[0]


@needs_disks
async def test_a_full_disk_ends_its_node_which_says_so(stage: Stage) -> None:
    async def ended() -> None:
        async def one_has() -> bool:
            return not all(map(stage.running, stage.names))

        await eventually(one_has, "it has ended")

    (fault,) = await suffer(stage, planned("full-disk", "follower 1", LONG_S), ended)
    assert "No space left on device" in stage.log(fault.target.split()[0]).read_text()


@needs_disks
@pytest.mark.parametrize("names", [("n1",), ("n1", "n2", "n3")])
async def test_a_power_cut_loses_what_was_not_synced_and_keeps_the_rest(
    stage: Stage, names: tuple[str, ...]
) -> None:
    probes = [stage.data(name).parent / "probe" for name in names]
    for probe in probes:
        with probe.open("wb", buffering=0) as file:
            file.write(b"s" * 5000)
            os.fsync(file.fileno())
            file.write(b"u" * 5000)
    await cut_power(stage, names)
    assert [stage.running(name) for name in names] == [False] * len(names)
    kept = [probe.read_bytes().strip(b"\0") for probe in probes]
    await stage.start_all()
    await stage.wait_ready()
    assert kept == [b"s" * 5000] * len(names)


async def test_the_tail_of_a_journal_is_cut_and_its_node_comes_back(stage: Stage) -> None:
    (fault,) = await suffer(stage, planned("truncated-tail", "follower 2", 0.1))
    assert int(fault.target.split()[-2]) > 0


@pytest.mark.parametrize("dice", [1, 2])
async def test_a_kill_finds_a_node_in_the_midst_of_a_snapshot(stage: Stage, dice: int) -> None:
    plan = planned("kill-in-snapshot", "follower 1", 0.1, dice=dice)
    (fault,) = await suffer(stage, plan)
    assert fault.target.endswith(("snapshot written", "snapshot renamed"))


# ------------------------------------------------------------------ the stage


async def test_a_node_that_does_not_come_back_is_named_with_its_last_line(stage: Stage) -> None:
    leader = await stage.leader()
    lame = next(name for name in stage.names if name != leader)
    config = stage.folder / "cluster" / "nodes" / lame / "node.toml"
    good = config.read_text()
    config.write_text(good.replace("[raft]", "[draft]"))
    nemesis = Nemesis(stage, [planned("kill-follower", "follower 1", 0.1)], time.monotonic)
    try:
        with pytest.raises(NodeEnded, match=rf"{lame} ended \(6\): error: .*node.toml.*draft"):
            await nemesis.run(float("inf"))
    finally:
        config.write_text(good)
        await stage.kill(lame)
        await stage.start_all()
        await stage.wait_ready()
    assert [fault.kind for fault in nemesis.faults] == ["kill-follower"]


async def test_a_stage_leaves_nothing_but_its_logs(tmp_path: Path) -> None:
    async with new_stage(tmp_path) as made:
        pids = [made.pid(name) for name in made.names]
        made.pause("n1")
        made.network.cut(made.network.links)
    assert [state_of(pid) for pid in pids] == ["", "", ""]
    assert left_in(tmp_path) == ["logs"]
    assert mounted_below(tmp_path) == []


KILLED = """
import asyncio, random, sys
from pathlib import Path
from chaos.stage import Stage

async def main():
    async with Stage(Path(sys.argv[1]), dice=random.Random(1)) as stage:
        print(*(stage.pid(name) for name in stage.names), flush=True)
        await stage.disks["n1"].freeze([(2.0, 0.0)]) if stage.disks["n1"].real else None
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_what_a_killed_run_left_does_not_harm_the_next(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", KILLED, str(tmp_path)),
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    pids = [int(word) for word in (await process.stdout.readline()).split()]
    process.send_signal(signal.SIGKILL)
    await process.wait()

    async def gone() -> bool:
        return not any(map(state_of, pids))

    await eventually(gone, "its nodes have ended")
    assert len(pids) == 3
    async with new_stage(tmp_path) as made:
        assert await made.leader()
