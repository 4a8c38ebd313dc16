"""One simulated machine: a disk that outlives processes, and the process that runs, if one does.

A process is booted, crashes or stops, and is buried: then the disk suffers what a power cut does,
the peers lose their connections, and whoever wants to know is told. Its parts are `process`'s
affair.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import NoReturn

from quorate_replication import EngineStatus, Replica
from quorate_replication.errors import EngineStartError
from simulation.dice import split
from simulation.life import Crash, Ending, Life
from simulation.loop import EPOCH_US, put_away
from simulation.platter import Platter
from simulation.process import Process, World


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
