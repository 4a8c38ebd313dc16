"""One simulated node: a disk that outlives processes, and the process that runs, if one does.

It puts together what `raft.thread.RaftEngine` puts together in production, with simulated parts:
a `Replica` on a `Driver` on the disk, the wires, the background and the clock of this node.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NoReturn

from quorate_replication import EngineStatus, Replica
from quorate_replication.engine import Settled
from quorate_replication.errors import EngineStartError
from quorate_replication.options import PeerTls, RaftOptions
from quorate_replication.raft.driver import Driver
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from quorate_replication.wire.greeting import Greeter
from simulation.background import SimBackground
from simulation.checker import Applied
from simulation.dice import split
from simulation.disk import Platter, SimDisk
from simulation.life import Crash, Ending, Life
from simulation.loop import VirtualLoop, put_away
from simulation.network import SimNetwork, Wires
from simulation.trace import Trace
from simulation.workload import EPOCH_US

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


class WatchedDriver(Driver):
    """The real driver; the checker hears what it applies, and where it leads."""

    def watch(self, name: str, applied: Applied, trace: Trace) -> None:
        """Say to whom it belongs, and who wants to know."""
        self._owner, self._applied, self._trace = name, applied, trace

    def _open(self) -> None:
        super()._open()
        machine, raft = self._machine, self._member.raft
        really_apply = machine.apply

        def apply(entry: bytes) -> list[Outcome]:
            index = raft.applied_index + 1
            term = raft.log[index - raft.log[0].index].term
            self._applied.apply(self._owner, index, term, entry)
            return really_apply(entry)

        machine.apply = apply  # type: ignore[method-assign]  # to look on, not to change it

    @property
    def state(self) -> Elections:
        """The state as it is."""
        return self._machine.state

    def _publish(self) -> None:
        super()._publish()
        if self._member.raft.leads:
            self._applied.leads(self._owner, self._member.raft.term)


class _Engine:
    """What `RaftEngine` is in production: calls go over to the raft loop, which is this one."""

    def __init__(self, loop: VirtualLoop, driver: Driver) -> None:
        self._loop, self._driver = loop, driver

    @property
    def status(self) -> EngineStatus:
        return self._driver.status

    async def start(self) -> None:
        await self._driver.start()

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        self._loop.call_soon(self._driver.submit, entry, done)

    def read_index(self, ready: Callable[[bool], None]) -> None:
        self._loop.call_soon(self._driver.read_index, ready)

    def inspect(self, job: Callable[[Elections], None]) -> None:
        self._loop.call_soon(self._driver.inspect, job)

    async def stop(self) -> None:
        await self._driver.stop()


class Process:
    """A life, and the parts that it is made of."""

    def __init__(self, node: "SimNode", *, replace: bool) -> None:
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
        peers = {name: f"{name}:1" for name in world.names}
        others = [name for name in world.names if name != node.name]
        options = RaftOptions(
            cluster_id="simulated",
            name=node.name,
            peers=peers,
            bind=peers[node.name],
            data=Path("/") / node.name,
            tls=NO_TLS,
            replace=replace,
            snapshot_entries=world.snapshot_entries,
        )

        self.network: SimNetwork | None = None

        def network(greeter: Greeter) -> SimNetwork:
            self.network = SimNetwork(world.wires, self.life, others, greeter)
            return self.network

        self._make_driver = partial(
            WatchedDriver,
            options,
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

    def build(self, node: "SimNode") -> Replica:
        """Put the parts together, inside the process."""

        def engine(on_applied: Callable[[], None]) -> _Engine:
            self.driver = self._make_driver(on_applied=on_applied)
            self.driver.watch(node.name, node.world.applied, node.world.trace)
            return _Engine(node.world.loop, self.driver)

        return Replica(engine, node.name, node.clock_us)


class SimNode:
    """A member's machine.

    Args:
        world: what it shares with the others.
        name: the member.
        dice: its chances.
        ended: told of each end of a process: how, and what it said, if it ended itself.
    """

    def __init__(
        self,
        world: World,
        name: str,
        dice: random.Random,
        ended: Callable[["SimNode", Ending, Exception | None], None],
    ) -> None:
        self.world, self.name, self.dice = world, name, dice
        self.platter = Platter(split(dice))
        self.rate = 1.0
        self.skew_us = 0
        self.slow_disk_s = (0.0, 0.0)
        self.process: Process | None = None
        self.replacing = False
        """Its disk was wiped, and it does not count again yet."""
        self.wiped_unsaid = False
        """Its disk was wiped, and it is not told."""
        self.damaged = False
        """A bit of its disk was flipped."""
        self.disk_failed = False
        """The disk of its last process raised errors that were ordered."""
        self.renamed: Counter[str] = Counter()
        """What its former processes renamed: which snapshots came into force, and how."""
        self._ended = ended
        self._graveyard: list[Life] = []

    # ------------------------------------------------------------------ as clients see it

    @property
    def serving(self) -> tuple[Life, Replica] | None:
        """The process that answers here, if one does."""
        process = self.process
        if process is None or process.replica is None or not process.life.alive:
            return None
        return process.life, process.replica

    def when_gone(self, life: Life, call: Callable[[], None]) -> None:
        """Have `call` made when that process ends."""
        if self.process is not None and self.process.life is life:
            self.process.gone.append(call)
        else:
            call()

    @property
    def status(self) -> EngineStatus | None:
        """What it says of itself, if it runs."""
        serving = self.serving
        return None if serving is None else serving[1].status

    # ------------------------------------------------------------------ its life cycle

    def boot(self) -> None:
        """Start a process, unless one runs."""
        if self.process is not None:
            return
        self.process = Process(self, replace=self.replacing)
        self.note("starts, to replace its disk" if self.replacing else "starts")
        self.world.loop.create_task(self._main(self.process), context=self.process.life.context)

    async def _main(self, process: Process) -> None:
        try:
            replica = process.build(self)
            await replica.start()
        except EngineStartError as flaw:
            self.failed(flaw)
        if process.life.alive:
            process.replica = replica
            self.note("serves")

    def crash(self, ending: Ending) -> None:
        """End the process from outside."""
        if self.process is not None:
            self.process.life.end(ending)
            self.bury(self.process.life)

    def failed(self, flaw: Exception) -> NoReturn:
        """Hear, in the process, that it must end itself; nothing of it goes on after this."""
        process = self.process
        if process is not None and process.life.alive:
            process.life.end(Ending.FAILED)
            self.bury(process.life, flaw)
        raise Crash

    async def stop(self) -> None:
        """Stop the process as an operator would; awaited outside of it."""
        serving, process = self.serving, self.process
        if serving is None or process is None:
            return
        life, replica = serving
        self.note("stops")
        done = self.world.loop.create_future()

        def finish() -> None:
            if not done.done():
                done.set_result(None)

        async def leave() -> None:
            await replica.stop()
            life.end(Ending.STOPPED)

        self.when_gone(life, finish)
        process.replica = None
        self.world.loop.create_task(leave(), context=life.context)
        await done

    def bury(self, life: Life, flaw: Exception | None = None) -> None:
        """Clear up after a process that has ended."""
        process = self.process
        if process is None or process.life is not life or life.ending is None:
            return
        self.process = None
        self.disk_failed = process.disk.failed
        self.renamed += process.disk.renamed
        self.note(f"{life.ending.value}{'' if flaw is None else f': {flaw}'}")
        self._graveyard.append(life)
        if process.network is not None:
            silently = life.ending is Ending.POWER_CUT
            self.world.wires.died(process.network, silently=silently)
        if life.ending is Ending.POWER_CUT:
            self.platter.power_cut()
        for call in process.gone:
            call()
        self._ended(self, life.ending, flaw)

    def lay_to_rest(self) -> None:
        """Let go of everything, after the run."""
        if self.process is not None:
            self._graveyard.append(self.process.life)
            self.process.life.end(Ending.KILLED)
            self.renamed += self.process.disk.renamed
        for life in self._graveyard:
            put_away(life)
        self._graveyard.clear()
        self.process = None

    # ------------------------------------------------------------------ its surroundings

    def clock_us(self) -> int:
        """Return this machine's wall clock."""
        now = self.world.loop.time()
        return EPOCH_US + int(now * 1e6) + self.skew_us

    def sync_s(self) -> float:
        """Return how long the next sync takes."""
        return self.dice.uniform(*self.slow_disk_s)

    def note(self, what: str) -> None:
        """Tell the trace."""
        self.world.trace.note(self.name, what)
