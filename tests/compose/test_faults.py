"""An election goes on while containers are killed, paused, cut off, restarted and all stopped.

The load is that of the chaos suite, from outside of the containers, through the published ports;
its checker judges.
"""

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chaos.checker import check
from chaos.load.workload import Size, Workload
from chaos.records import Fault, Run
from compose.engine import docker, needs_engine
from compose.project import Project

pytestmark = needs_engine

SEED = 20261125
LOAD = Size(voters=150, more_voters_per_s=2.0, casters=6, pause_s=0.1, readers_pause_s=0.3)
CALM_S, FAULT_S = 0.5, 2.0  # how long each lasts; nothing is measured by them


@dataclass(slots=True)
class Nemesis:
    """Breaks and mends containers, and writes down what it did, by the load's clock."""

    project: Project
    now: Callable[[], float]
    faults: list[Fault] = field(default_factory=list[Fault])

    @asynccontextmanager
    async def fault(self, kind: str, target: str, *, majority: bool = True) -> AsyncGenerator[None]:
        """What is broken at the beginning is mended at the end, and the cluster is well again."""
        start_s = self.now()
        yield
        await asyncio.to_thread(self.project.wait_ready)
        self.faults.append(
            Fault(kind=kind, target=target, start_s=start_s, end_s=self.now(), majority=majority)
        )
        await asyncio.sleep(CALM_S)

    async def run(self) -> None:
        """Make every fault once."""
        project = self.project
        leader = await asyncio.to_thread(project.leader)
        async with self.fault("kill-leader", leader):
            await self._docker("kill", project.container(leader))
            await asyncio.sleep(FAULT_S)
            await self._docker("start", project.container(leader))
        leader, follower = await self._leader_and_follower()
        async with self.fault("pause-follower", follower):
            await self._docker("pause", project.container(follower))
            await asyncio.sleep(FAULT_S)
            await self._docker("unpause", project.container(follower))
        leader, follower = await self._leader_and_follower()
        for kind, name in (("cut-off-follower", follower), ("cut-off-leader", leader)):
            async with self.fault(kind, name):
                await self._docker(
                    "network", "disconnect", project.network, project.container(name)
                )
                await asyncio.sleep(FAULT_S)
                await self._connect(name, alias=kind == "cut-off-leader")
        for name in project.names:
            async with self.fault("restart", name):
                await asyncio.to_thread(project.compose, "restart", "--timeout", "20", name)
        async with self.fault("stop-all", ", ".join(project.names), majority=False):
            await asyncio.to_thread(project.compose, "stop", "--timeout", "20")
            await asyncio.to_thread(project.up)

    async def _leader_and_follower(self) -> tuple[str, str]:
        leader = await asyncio.to_thread(self.project.leader)
        return leader, next(name for name in self.project.names if name != leader)

    async def _connect(self, name: str, *, alias: bool) -> None:
        """Connect a container again; whoever forgets the alias must not be punished for it."""
        flags = ("--alias", name) if alias else ()
        container = self.project.container(name)
        await self._docker("network", "connect", *flags, self.project.network, container)

    async def _docker(self, *arguments: str) -> None:
        await asyncio.to_thread(docker, *arguments)


async def test_no_promise_is_broken_whatever_happens_to_the_containers(project: Project) -> None:
    dice = random.Random(SEED)  # noqa: S311 - dice, not keys
    async with Workload(project.profile, dice, LOAD) as load:
        nemesis = Nemesis(project, load.now)
        await load.prepare()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(load.run())
            try:
                await nemesis.run()
            finally:
                load.stop()
        await load.resolve()
        await load.wait_until_closed()
        finals = await load.finals()
        await load.read_again()
    run = Run(
        seed=SEED,
        nodes=tuple(project.names),
        seconds=load.now(),
        machine="containers",
        faults=tuple(nemesis.faults),
        ops=tuple(load.ops),
        finals=finals,
        began_us=load.began_us,
    )
    verdict = check(run)
    assert verdict.good, "\n".join(f"{each.rule}: {each.what}" for each in verdict.violations)
    assert not load.unexpected
    assert {fault.kind for fault in nemesis.faults} == {
        "kill-leader",
        "pause-follower",
        "cut-off-follower",
        "cut-off-leader",
        "restart",
        "stop-all",
    }
    assert load.counted > 0
    assert any(op.acknowledged for op in run.ops if op.start_s > nemesis.faults[-1].end_s)
