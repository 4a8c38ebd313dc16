"""Keeping the processes of one cluster: started, watched, started again, ended.

Rule 1. No node outlives the `async with` block, whatever ends it.
Rule 2. `run.json` tells at every moment what runs, and is gone when nothing does.
Rule 3. A node that ends with status 6 (bad configuration, port in use, another disk than the others
        know it with) is not started again, restarts or not: its message is for the person. If
        fewer than `needed` others are left (the default: a majority), all is over.
Rule 4. A node that is held stays down until it is released, restarts or not.
Rule 5. One that dies again and again is started again after longer and longer pauses.
Rule 6. A node whose disk was lost is told so (`--replace`) at its first start only: whoever asked
        for that looked at its folder once, and not at what becomes of it later.
"""

import asyncio
import shlex
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from quorate_client.errors import LocalError
from quorate_client.processes import (
    EXIT_UNFIT,
    GRACE_S,
    Ending,
    NodeProcess,
    RunEntry,
    RunFile,
    node_command,
    start_process,
)
from quorate_client.profile import Node, Profile
from quorate_client.up.backoff import Backoff
from quorate_client.up.events import Died, Event, Started, Stopped, Unfit

LOGS = "logs"
REPLACE = "--replace"  # a node's flag, ours, and what a node that needs it speaks of
Command = Callable[[Node], Sequence[str]]


class Supervisor:
    """The nodes of the cluster in `directory`, for `async with`; events go to `report`.

    `restart`: bring back those that die. `replace`: the nodes of rule 6. `needed`: see rule 3.
    `command` tells how a node is started (tests put a stand-in there), `pauses` how long one stays
    down, `grace_s` how many seconds one has to end.
    """

    def __init__(  # noqa: PLR0913  the last three are for tests
        self,
        directory: Path,
        profile: Profile,
        report: Callable[[Event], None],
        *,
        restart: bool,
        replace: Collection[str] = (),
        needed: int | None = None,
        command: Command | None = None,
        pauses: Callable[[], Backoff] = Backoff,
        grace_s: float = GRACE_S,
    ) -> None:
        self._given_directory = directory
        self._directory = directory.resolve()  # one spelling, for whoever looks for its processes
        self._profile = profile
        self._report = report
        self._restart = restart
        self._needed = len(profile.nodes) // 2 + 1 if needed is None else needed
        self._to_replace = set(replace)
        self._unfit: set[str] = set()
        self._command = command or self._node_command
        self._pauses = pauses
        self._grace_s = grace_s
        self._run_file = RunFile(self._directory)
        self._processes: dict[str, NodeProcess] = {}
        self._released = {node.name: asyncio.Event() for node in profile.nodes}
        self._tasks: list[asyncio.Task[None]] = []
        self._hurry = asyncio.Event()

    async def __aenter__(self) -> Self:
        for event in self._released.values():
            event.set()
        try:
            for node in self._profile.nodes:
                await self._start(node)
        except BaseException:
            await self._stop()
            raise
        self._tasks = [asyncio.create_task(self._keep(node)) for node in self._profile.nodes]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    async def failed(self) -> None:
        """Wait until nothing is left to wait for: every node is down for good, or by rule 3.

        Returns when all are down. Raises LocalError, with the message of a node, by rule 3.
        """
        await asyncio.gather(*self._tasks)

    def running(self, name: str) -> bool:
        """Whether the node's process runs."""
        process = self._processes.get(name)
        return process is not None and process.running

    def kill(self, name: str) -> None:
        """SIGKILL a node and hold it down until it is released."""
        self._released[name].clear()
        self._processes[name].kill()

    def release(self, name: str) -> None:
        """Let a held node start again."""
        self._released[name].set()

    def hurry(self) -> None:
        """Give the nodes no more time to end: SIGKILL those that are being stopped."""
        self._hurry.set()

    def _node_command(self, node: Node) -> Sequence[str]:
        return node_command(self._directory / "nodes" / node.name / "node.toml")

    async def _start(self, node: Node) -> None:
        log = self._directory / LOGS / f"{node.name}.log"
        flags = [REPLACE] if node.name in self._to_replace else []
        process = await start_process([*self._command(node), *flags], log)
        self._to_replace.discard(node.name)
        self._processes[node.name] = process
        self._write_run_file()
        self._report(Started(node.name, process.pid))

    async def _keep(self, node: Node) -> None:
        """Watch one node until it is down for good; see the rules."""
        pauses = self._pauses()
        while True:
            began = time.monotonic()
            ending = await self._processes[node.name].wait()
            self._write_run_file()
            if ending.returncode == EXIT_UNFIT:
                self._give_up(node, ending.reason)
                return
            if not await self._come_back(node, ending, pauses.pause_s(time.monotonic() - began)):
                return
            await self._start(node)

    def _give_up(self, node: Node, why: str) -> None:
        """Leave a node down by rule 3. Raises LocalError if too few others are left."""
        self._unfit.add(node.name)
        if len(self._profile.nodes) - len(self._unfit) < self._needed:
            raise LocalError(f"{node.name} did not start: {why}")
        self._report(Unfit(node.name, why, self._to_do(node) if REPLACE in why else ""))

    def _to_do(self, node: Node) -> str:
        command = ["quorate", "up", str(self._given_directory), REPLACE, node.name]
        return f"stop this and run: {shlex.join(command)}"

    async def _come_back(self, node: Node, ending: Ending, pause_s: float) -> bool:
        """Report a death and wait as long as the node should be down; False: for good."""
        released = self._released[node.name]
        held = not released.is_set()
        back_s = pause_s if self._restart and not held else None
        self._report(Died(node.name, ending.how, ending.last_words, back_s))
        if held:
            await released.wait()
        elif back_s is None:
            return False
        else:
            await asyncio.sleep(back_s)
        await released.wait()
        return True

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        running = [process for process in self._processes.values() if process.running]
        try:
            hurry = asyncio.create_task(self._kill_when_hurried(running))
            try:
                await asyncio.gather(*(process.stop(grace_s=self._grace_s) for process in running))
            finally:
                hurry.cancel()
        finally:
            for process in running:
                process.kill()
            self._run_file.remove()
        self._report(Stopped())

    async def _kill_when_hurried(self, running: Sequence[NodeProcess]) -> None:
        await self._hurry.wait()
        for process in running:
            process.kill()

    def _write_run_file(self) -> None:
        entries = [
            RunEntry(
                name=node.name,
                endpoint=node.client,
                officer_endpoint=node.officer,
                pid=self._processes[node.name].pid if self.running(node.name) else None,
                log=f"{LOGS}/{node.name}.log",
            )
            for node in self._profile.nodes
        ]
        self._run_file.write(self._profile.cluster_id, entries)
