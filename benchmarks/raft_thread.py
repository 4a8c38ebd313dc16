"""How long a real member's raft thread stands still while a large state is snapshotted.

A cluster of one, with its real thread, disk and TLS, is filled with voters. Then one small entry
after another is proposed, each as soon as the one before is committed: the longest time between
two commits is the stall, first beside nothing, then while the snapshot is written.

    python benchmarks/raft_thread.py --voters 1000000 --check
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from quorate_client.provision import plan_cluster, provision
from quorate_proto.internal import command_pb2 as pb
from quorate_replication.engine import Committed, Settled
from quorate_replication.memory import calm_collector
from quorate_replication.options import PeerTls, RaftOptions
from quorate_replication.raft.thread import RaftEngine
from quorate_replication.state.elections import BATCH_VERSION
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.storage.snapshots import SnapshotStore

MAX_STALL_MS = 100.0
VOTERS_AN_ENTRY = 1000
SMALL_ENTRIES = 30_000  # more than are committed in the quiet part
QUIET_S = 3.0

_serial = count()


@dataclass(frozen=True, slots=True)
class Stall:
    """Times between commits, milliseconds."""

    longest_ms: float
    p99_ms: float
    median_ms: float


def options_in(folder: Path, entries: int) -> RaftOptions:
    """Provision a cluster of one and return its member's options."""
    plan = plan_cluster(nodes=1, client_port=20611, peer_port=20811)
    cluster = provision(folder / "cluster", plan)
    node = folder / "cluster" / "nodes" / "n1"
    return RaftOptions(
        cluster.cluster_id,
        "n1",
        {"n1": plan.nodes[0].peer},
        plan.nodes[0].peer,
        node / "data",
        PeerTls(node / "ca.pem", node / "node.pem", node / "node.key"),
        snapshot_entries=entries,
    )


async def commit(engine: RaftEngine, entry: bytes) -> None:
    """Get an entry committed."""
    loop = asyncio.get_running_loop()
    while True:
        settled: asyncio.Future[Settled] = loop.create_future()
        engine.submit(entry, partial(_tell, loop, settled))
        if isinstance(await settled, Committed):
            return
        await asyncio.sleep(0.01)


def _tell(
    loop: asyncio.AbstractEventLoop, settled: asyncio.Future[Settled], result: Settled
) -> None:  # in the raft thread
    loop.call_soon_threadsafe(settled.set_result, result)


def batch(voters: int) -> bytes:
    """Return a batch that registers so many voters."""
    commands = [
        pb.Command(
            register_voter=pb.RegisterVoter(
                request_id=os.urandom(16),
                name=f"voter {next(_serial):08}",
                group="members",
                public_key=os.urandom(32),
            )
        )
        for _ in range(voters)
    ]
    return pb.Batch(version=BATCH_VERSION, commands=commands).SerializeToString()


async def stall_while(engine: RaftEngine, waiting: asyncio.Future[Any]) -> Stall:
    """Commit small entries until `waiting` is done."""
    gaps, last = list[float](), time.perf_counter()
    while not waiting.done():
        await commit(engine, batch(1))
        now = time.perf_counter()
        gaps.append(1000 * (now - last))
        last = now
    gaps.sort()
    return Stall(gaps[-1], gaps[int(len(gaps) * 0.99)], statistics.median(gaps))


async def snapshot_written(store: SnapshotStore, before: int) -> None:
    """Wait for a snapshot that is newer than the one at an index."""
    while (header := store.header()) is None or header.index <= before:  # noqa: ASYNC110 - only the file tells
        await asyncio.sleep(0.02)


async def run(voters: int, folder: Path) -> tuple[Stall, Stall]:
    """Return the stalls beside nothing, and while a snapshot is written."""
    due_at = voters // VOTERS_AN_ENTRY + SMALL_ENTRIES
    options = options_in(folder, due_at)
    engine = RaftEngine(options, lambda: None)
    await engine.start()
    for _ in range(voters // VOTERS_AN_ENTRY):
        await commit(engine, batch(VOTERS_AN_ENTRY))
    calm_collector()  # as a node does at the end of its start
    quiet = await stall_while(engine, asyncio.ensure_future(asyncio.sleep(QUIET_S)))
    store = SnapshotStore(OsDisk(options.data))
    header = store.header()  # filling it made a large log, which was cut behind a snapshot
    before = 0 if header is None else header.index
    while engine.status.applied_index < before + due_at - 100:
        await commit(engine, batch(1))
    busy = await stall_while(engine, asyncio.ensure_future(snapshot_written(store, before)))
    await engine.stop()
    return quiet, busy


def machine() -> str:
    """Name the machine."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(": ")[1] for line in lines if line.startswith("model name")), "?")
    return f"{os.cpu_count()} x {model}, Python {platform.python_version()}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--voters", type=int, default=1_000_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help="fail above 100 ms")
    parser.add_argument("--folder", type=Path, help="where the data goes: the disk that is meant")
    given = parser.parse_args()
    found: list[tuple[Stall, Stall]] = []
    for number in range(given.runs):
        with tempfile.TemporaryDirectory(dir=given.folder) as folder:
            found.append(asyncio.run(run(given.voters, Path(folder))))
        sys.stderr.write(f"run {number + 1} of {given.runs} done\n")
    rows = {"beside nothing": [q for q, _ in found], "while it is written": [b for _, b in found]}
    if given.json:
        figures = {name: [asdict(stall) for stall in stalls] for name, stalls in rows.items()}
        print(json.dumps({"machine": machine(), "voters": given.voters, "runs": figures}))
    else:
        print(f"{machine()}; {given.voters:,} voters; milliseconds, median of runs [range]")
        for name, stalls in rows.items():
            longest = [stall.longest_ms for stall in stalls]
            p99 = statistics.median(stall.p99_ms for stall in stalls)
            print(
                f"  {name:20} longest {statistics.median(longest):6.1f} "
                f"[{min(longest):.1f} to {max(longest):.1f}]   p99 {p99:5.1f}"
            )
    if given.check and max(busy.longest_ms for _, busy in found) > MAX_STALL_MS:
        sys.exit(1)


if __name__ == "__main__":
    main()
