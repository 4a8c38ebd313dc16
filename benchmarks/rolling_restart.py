"""What a client feels while the nodes of a cluster are restarted one after another.

A cluster of three nodes on this machine, with TLS; one client that registers voters, one request
after the other, through the failover client. In each round every node is told to stop (SIGTERM),
and started again when it has ended; the next one follows once it is ready. The *pause* of a restart
is the longest time between two answers while it goes on. For comparison the leader is then killed
(SIGKILL) as often as it was restarted: those pauses are what a client feels when nobody hands over.
And the leader and a follower are frozen (SIGSTOP) for FROZEN_S: those give no error at all.

    python benchmarks/rolling_restart.py --rounds 5 --json
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from quorate_client import AsyncClient, Profile
from quorate_client.errors import QuorateError
from quorate_client.processes import NodeProcess, last_line, node_command, start_process
from quorate_client.provision import plan_cluster, provision
from quorate_client.up.watch import leader_of
from quorate_proto.v1.cluster_pb2 import GetClusterStatusResponse

NODES = 3
QUIET_S = 0.5  # before each restart, so that its pause is its own
POLL_S = 0.05
FROZEN_S = 3.0


@dataclass
class Pauses:
    """In seconds; each is the longest time between two answers during one restart or kill."""

    leader_restarted: list[float] = field(default_factory=list[float])
    follower_restarted: list[float] = field(default_factory=list[float])
    leader_killed: list[float] = field(default_factory=list[float])
    leader_frozen: list[float] = field(default_factory=list[float])
    follower_frozen: list[float] = field(default_factory=list[float])
    quiet: list[float] = field(default_factory=list[float])


class Load:
    """One client that registers voters one after the other; `answers` are times."""

    def __init__(self, profile: Profile) -> None:
        self._client = AsyncClient(profile)
        self._answered = asyncio.Event()
        self.answers = [time.monotonic()]

    async def run(self) -> None:
        """Register until cancelled."""
        key = Ed25519PrivateKey.generate().public_key()
        async with self._client:
            for number in count():
                await self._client.register_voter(f"voter {number}", group="all", key=key)
                self.answers.append(time.monotonic())
                self._answered.set()

    async def next_answer(self) -> None:
        """Wait until one more request was answered."""
        self._answered.clear()
        await self._answered.wait()

    def longest_pause_since(self, began: float) -> float:
        """Return the longest time between two answers, the last before `began` included."""
        first = next(i for i, at in enumerate(self.answers) if at >= began)
        times = self.answers[max(0, first - 1) :]
        return max(after - before for before, after in pairwise(times))


class Cluster:
    """The nodes' processes, and what they say of themselves."""

    def __init__(self, folder: Path, first_port: int) -> None:
        self._folder = folder
        provision(folder, plan_cluster(nodes=NODES, client_port=first_port))
        self.profile = Profile.load(folder)
        self._client = AsyncClient(self.profile, timeout_s=5)
        self._processes: dict[str, NodeProcess] = {}

    async def start(self, name: str) -> None:
        """Start a node."""
        config = self._folder / "nodes" / name / "node.toml"
        self._processes[name] = await start_process(node_command(config), self._log(name))

    def _log(self, name: str) -> Path:
        return self._folder / "logs" / f"{name}.log"

    async def stop(self, name: str) -> None:
        """SIGTERM a node, and wait until it has ended."""
        await self._processes[name].stop()

    async def kill(self, name: str) -> None:
        """SIGKILL a node, and wait until it has ended."""
        self._processes[name].kill()
        await self._processes[name].wait()

    async def freeze(self, name: str) -> None:
        """SIGSTOP a node for a while."""
        os.kill(self._processes[name].pid, signal.SIGSTOP)
        await asyncio.sleep(FROZEN_S)
        os.kill(self._processes[name].pid, signal.SIGCONT)

    async def end(self) -> None:
        """SIGKILL all of them."""
        await self._client.close()
        for process in self._processes.values():
            process.kill()
            await process.wait()

    async def leader(self) -> str:
        """Wait until all nodes are ready; return the name of the one that leads."""
        while True:
            for name, process in self._processes.items():
                if not process.running:
                    raise SystemExit(f"{name} has ended: {last_line(self._log(name))}")
            try:
                status = await self._client.cluster_status()
            except QuorateError:
                status = GetClusterStatusResponse()
            leader = leader_of(status)
            if leader is not None and all(node.ready for node in status.nodes):
                return leader.name
            await asyncio.sleep(POLL_S)


async def measure(folder: Path, first_port: int, rounds: int) -> Pauses:
    """Restart every node `rounds` times, then kill and freeze the leader as often."""
    pauses = Pauses()
    async with AsyncExitStack() as stack:
        cluster = Cluster(folder, first_port)
        stack.push_async_callback(cluster.end)
        names = [node.name for node in cluster.profile.nodes]
        for name in names:
            await cluster.start(name)
        await cluster.leader()
        load = Load(cluster.profile)
        working = asyncio.create_task(load.run())
        stack.callback(working.cancel)
        await load.next_answer()

        async def restart(stop: Callable[[str], Awaitable[None]], name: str) -> None:
            await stop(name)
            await cluster.start(name)

        async def felt(what: Awaitable[None]) -> float:
            await asyncio.sleep(QUIET_S)
            began = time.monotonic()
            await what
            await cluster.leader()
            await load.next_answer()
            if working.done():
                working.result()
            return load.longest_pause_since(began)

        for _ in range(rounds):
            for name in names:
                led = await cluster.leader() == name
                kind = pauses.leader_restarted if led else pauses.follower_restarted
                kind.append(await felt(restart(cluster.stop, name)))
            began = time.monotonic()
            await asyncio.sleep(4 * QUIET_S)
            pauses.quiet.append(load.longest_pause_since(began))
        for _ in range(max(rounds, len(pauses.leader_restarted))):
            leader = await cluster.leader()
            pauses.leader_killed.append(await felt(restart(cluster.kill, leader)))
            leader = await cluster.leader()
            pauses.leader_frozen.append(await felt(cluster.freeze(leader)))
            leader = await cluster.leader()
            follower = next(name for name in names if name != leader)
            pauses.follower_frozen.append(await felt(cluster.freeze(follower)))
    return pauses


def machine() -> str:
    """Name the machine that the numbers come from."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = found[0] if found else model
    return (
        f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {sys.version.split()[0]}"
    )


def summary(pauses: list[float]) -> dict[str, float | int] | None:
    """Return median and range, in milliseconds; None if it never happened."""
    if not pauses:
        return None
    in_ms = [1000 * pause for pause in pauses]
    return {
        "count": len(in_ms),
        "median_ms": round(statistics.median(in_ms), 1),
        "least_ms": round(min(in_ms), 1),
        "most_ms": round(max(in_ms), 1),
    }


def document(pauses: Pauses, rounds: int) -> dict[str, object]:
    """Return everything, for programs."""
    # Each round restarts the leader at least once: leadership moves only when its holder stops.
    ratio = statistics.median(pauses.leader_restarted) / statistics.median(pauses.leader_killed)
    return {
        "benchmark": "rolling_restart",
        "machine": machine(),
        "rounds": rounds,
        "pauses": {
            "quiet": summary(pauses.quiet),
            "follower_restarted": summary(pauses.follower_restarted),
            "leader_restarted": summary(pauses.leader_restarted),
            "leader_killed": summary(pauses.leader_killed),
            "follower_frozen": summary(pauses.follower_frozen),
            "leader_frozen": summary(pauses.leader_frozen),
        },
        "leader_restarted_over_killed": round(ratio, 3),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="each restarts every node once")
    parser.add_argument("--port", type=int, default=27401, help="it and those after it are used")
    parser.add_argument("--json", action="store_true", help="print JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quorate-rolling-") as scratch:
        pauses = asyncio.run(measure(Path(scratch) / "cluster", given.port, given.rounds))
    told = document(pauses, given.rounds)
    if given.json:
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    lines = [f"longest pause that a client feels; {told['machine']}; {given.rounds} rounds"]
    lines += [
        f"  {what.replace('_', ' '):20} median {told_of['median_ms']:7.1f} ms"
        f"   range {told_of['least_ms']:.1f} to {told_of['most_ms']:.1f} ms"
        f"   (n = {told_of['count']})"
        for what in (
            "quiet",
            "follower_restarted",
            "leader_restarted",
            "leader_killed",
            "follower_frozen",
            "leader_frozen",
        )
        if (told_of := summary(getattr(pauses, what))) is not None
    ]
    lines.append(f"  leader restarted / leader killed: {told['leader_restarted_over_killed']}")
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
