"""One run from its beginning to its end: the stage, the load, the nemesis, the last questions."""

import asyncio
import os
import platform
import random
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from chaos.load import Workload
from chaos.load.workload import Size
from chaos.nemesis import Nemesis
from chaos.nodes import NodeEnded
from chaos.progress import follow
from chaos.records import NodeFinal, Run
from chaos.schedule import schedule
from chaos.stage import SNAPSHOT_ENTRIES, Stage
from quorate_client import QuorateError
from quorate_client.processes import node_command

LAST_WORDS_S = 180.0  # for every question that is left when the faults are over
NODES = 3
CALM_S = 1.0  # before the first fault and after the last one, for comparison


@dataclass(frozen=True, slots=True)
class Options:
    """What to do: `kinds` of fault (None: all that can be made here), `broken`: see broken_node."""

    seconds: float
    seed: int
    nodes: int = NODES
    kinds: tuple[str, ...] | None = None
    broken: str = ""
    size: Size = field(default_factory=Size)

    @property
    def command(self) -> str:
        """The command that replays the schedule."""
        words = [f"make chaos SEED={self.seed} SECONDS={self.seconds:g}"]
        words += [f"NODES={self.nodes}"] if self.nodes != NODES else []
        words += [f"KINDS={','.join(self.kinds) or 'none'}"] if self.kinds is not None else []
        words += [f"BREAK={self.broken}"] if self.broken else []
        return " ".join(words)


async def play(options: Options, folder: Path, console: Console) -> tuple[Run, list[str]]:
    """Make a run in `folder`; return its record, and answers that no call should have got."""
    dice = random.Random(f"{options.seed}")  # noqa: S311 - dice, not keys
    # The longer it lasts the larger its snapshots become: they must not be all that nodes do.
    entries = max(SNAPSHOT_ENTRIES, int(2 * options.seconds))
    stage = Stage(
        folder / "stage",
        nodes=options.nodes,
        dice=dice,
        snapshot_entries=entries,
        command=_command(options.broken),
    )
    async with stage, Workload(stage.profile, dice, options.size) as load:
        scene = _Scene(options, stage, load)
        await scene.play(console)
        return scene.record(), [*load.unexpected]


class _Scene:
    def __init__(self, options: Options, stage: Stage, load: Workload) -> None:
        self._options = options
        self._stage = stage
        self._load = load
        self._finals: tuple[NodeFinal, ...] = ()
        self._stopped = ""
        kinds = stage.kinds if options.kinds is None else options.kinds
        possible = [kind for kind in kinds if kind in stage.kinds]
        plan = schedule(options.seed, options.seconds, possible, options.nodes)
        self._nemesis = Nemesis(stage, plan, load.now)

    async def play(self, console: Console) -> None:
        await self._load.prepare()
        with suppress(NodeEnded):  # it is told already
            await self._suffer(console)
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._end(console)
        except (NodeEnded, QuorateError, TimeoutError) as flaw:
            self._stopped = self._stopped or f"the last questions were not answered: {flaw}"

    async def _suffer(self, console: Console) -> None:
        """Work and be hurt for as long as was asked for."""
        load, nemesis, seconds = self._load, self._nemesis, self._options.seconds

        def said() -> str:
            return f"{len(nemesis.faults)} faults, {load.counted} answers that a ballot is counted"

        async def hurt() -> None:
            await asyncio.sleep(CALM_S)
            try:
                until = load.now() + seconds
                await nemesis.run(until)
                await asyncio.sleep(until - load.now())  # a short schedule is followed by calm
            except NodeEnded as flaw:
                self._stopped = str(flaw)
            await asyncio.sleep(CALM_S)
            load.stop()

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            showing = tasks.create_task(follow(console, seconds, said))
            tasks.create_task(hurt()).add_done_callback(lambda _: showing.cancel())

    async def _end(self, console: Console) -> None:
        """Ask whatever is still open, then every node for everything, twice."""
        console.print("faults are over; waiting for the last elections to close")
        stage, load = self._stage, self._load
        await stage.wait_ready()
        await load.resolve()
        await load.wait_until_closed()
        self._finals = await load.finals()
        console.print("killing every node once more, and asking again")
        await stage.each(stage.kill)
        await stage.each(stage.start)
        await stage.wait_ready()
        await load.read_again()

    def record(self) -> Run:
        return Run(
            seed=self._options.seed,
            nodes=self._stage.names,
            seconds=self._options.seconds,
            machine=machine(),
            faults=tuple(self._nemesis.faults),
            ops=tuple(self._load.ops),
            finals=self._finals,
            left_out=self._nemesis.left_out,
            command=self._options.command,
            stopped=self._stopped,
            began_us=self._load.began_us,
        )


def _command(broken: str) -> Callable[[Path], Sequence[str]]:
    if not broken:
        return node_command
    return lambda config: [
        sys.executable,
        "-m",
        "chaos.broken_node",
        broken,
        "--config",
        str(config),
    ]


def machine() -> str:
    """Name the machine that the numbers come from."""
    model = platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        found = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = found[0] if found else model
    python = sys.version.split()[0]
    return f"{os.cpu_count()} x {model}, Linux {platform.release()}, Python {python}"
