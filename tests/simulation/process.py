"""One process of a node: a life, and the parts that are put together in it.

They are what `raft.thread.RaftEngine` puts together in production, with simulated ones in place of
the machine's: a `Replica` on a `Driver` on the disk, the wires, the background and the clock of
the node. A process is gone when its life ends; the machine on which it ran stays.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn, Protocol

from quorate_replication import Replica
from quorate_replication.options import PeerTls, RaftOptions
from quorate_replication.wire.greeting import Greeter
from simulation.background import SimBackground
from simulation.checker import Applied
from simulation.dice import split
from simulation.disk import SimDisk
from simulation.life import Life
from simulation.loop import VirtualLoop
from simulation.network import SimNetwork
from simulation.platter import Platter
from simulation.trace import Trace
from simulation.watched import Engine, WatchedDriver
from simulation.wires import Wires

NO_TLS = PeerTls(Path("unused"), Path("unused"), Path("unused"))


@dataclass(frozen=True, slots=True)
class World:
    """What all nodes share."""

    loop: VirtualLoop
    wires: Wires
    trace: Trace
    applied: Applied
    names: tuple[str, ...]
    snapshot_entries: int
    segment_bytes: int


class Machine(Protocol):
    """A node, as far as a process needs it."""

    world: World
    name: str
    dice: random.Random
    platter: Platter
    rate: float

    def sync_s(self) -> float:
        """Return how long the next sync takes."""
        ...

    def clock_us(self) -> int:
        """Return this machine's wall clock."""
        ...

    def failed(self, flaw: Exception) -> NoReturn:
        """Hear, in the process, that it must end itself."""
        ...


class Process:
    """A life, and the parts that it is made of."""

    def __init__(self, node: Machine, *, replace: bool) -> None:
        world = node.world
        self.life = Life(node.name, lambda: world.loop.now, node.rate)
        self.replica: Replica | None = None
        """Once it has started."""
        self.gone: list[Callable[[], None]] = []
        dice = split(node.dice)
        self.disk = SimDisk(node.platter, self.life, dice)
        self.disk.faults.sync_s = node.sync_s
        self.background = SimBackground(
            world.loop,
            self.life,
            dice,
            finished=self._finished,
            failed=node.failed,
        )
        others = [name for name in world.names if name != node.name]
        self.network: SimNetwork | None = None

        def network(greeter: Greeter) -> SimNetwork:
            self.network = SimNetwork(world.wires, self.life, others, greeter)
            return self.network

        self._make_driver = partial(
            WatchedDriver,
            _options(node, replace=replace),
            disk=self.disk,
            network=network,
            background=self.background,
            dice=dice,
            on_failure=node.failed,
            segment_bytes=world.segment_bytes,
        )
        self.driver: WatchedDriver

    def _finished(self, call: Callable[[], object]) -> None:
        self.driver.guard_job(call)

    def build(self, node: Machine) -> Replica:
        """Put the parts together, inside the process."""

        def engine(on_applied: Callable[[], None]) -> Engine:
            self.driver = self._make_driver(on_applied=on_applied)
            self.driver.watch(node.name, node.world.applied, node.world.trace)
            return Engine(node.world.loop, self.driver)

        return Replica(engine, node.name, node.clock_us)


def _options(node: Machine, *, replace: bool) -> RaftOptions:
    peers = {name: f"{name}:1" for name in node.world.names}
    return RaftOptions(
        cluster_id="simulated",
        name=node.name,
        peers=peers,
        bind=peers[node.name],
        data=Path("/") / node.name,
        tls=NO_TLS,
        replace=replace,
        snapshot_entries=node.world.snapshot_entries,
    )
