"""The stage: a real cluster on this machine whose every part can be made to fail, and mended.

Real node processes with real TLS, each on a disk of its own, their connections through relays,
their clocks bendable. What can't be had here (without root, or tools) is named in `left_out`.

    namespace.enter()                    # first of all, in the main program
    async with Stage(folder, nodes=3, dice=random.Random(seed)) as stage:
        async with Client(stage.profile) as client: ...
        await Nemesis(stage, schedule(seed, 60, stage.kinds), now).run(until)
"""

import asyncio
import random
import shutil
import signal
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from chaos import disks
from chaos.clocks import Clocks
from chaos.disks import Disk
from chaos.kinds import kinds_for
from chaos.network import Network
from chaos.nodes import NodeEnded, NodeProcess
from chaos.possible import left_out
from chaos.setting_up import set_up
from chaos.tools import eventually
from chaos.views import Views, agreed_leader
from quorate_client.processes import node_command
from quorate_client.profile import Profile
from quorate_proto.v1 import cluster_pb2

SNAPSHOT_ENTRIES = 200  # so few that snapshots are made, and logs cut, all the time


class Stage:
    """Provisions a cluster in `folder`, runs it, and takes everything down, whatever happens.

    At the end only the nodes' logs are left (`folder/logs`). What an earlier run that was killed
    left in the same folder is removed first.

    Args:
        folder: need not exist.
        nodes: how many.
        dice: for the network's jitter.
        snapshot_entries: log entries between two snapshots of a node.
        command: what starts the node with a configuration file; by default the real program.
    """

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int = 3,
        dice: random.Random,
        snapshot_entries: int = SNAPSHOT_ENTRIES,
        command: Callable[[Path], Sequence[str]] = node_command,
    ) -> None:
        self.folder = folder.absolute()
        self.names = tuple(f"n{number}" for number in range(1, nodes + 1))
        self.network = Network(self.names, dice)
        self.clocks = Clocks(self.folder / "clocks")
        self.disks = {name: Disk(self.folder / "disks" / name) for name in self.names}
        self._nodes = {
            name: NodeProcess(name, self.folder / "logs" / f"{name}.log") for name in self.names
        }
        self._snapshot_entries = snapshot_entries
        self._command = command
        self._profile: Profile | None = None
        self._views: Views | None = None

    async def __aenter__(self) -> Self:
        """Make the cluster, start it, and wait until every node is ready."""
        try:
            await self._make()
            await self.each(self.start)
            await self.wait_ready()
        except BaseException:
            await self._take_down()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._take_down()

    # ------------------------------------------------------------------ what there is

    @property
    def profile(self) -> Profile:
        """The whole cluster as its clients see it."""
        assert self._profile is not None, "the stage is not set up"
        return self._profile

    def profile_of(self, name: str) -> Profile:
        """The same with one node only: its client asks no other."""
        only = tuple(node for node in self.profile.nodes if node.name == name)
        return replace(self.profile, nodes=only)

    @property
    def left_out(self) -> dict[str, str]:
        """The kinds of fault that can't be made here, and why."""
        return left_out(len(self.names))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of fault that can be made here: for `schedule`."""
        return tuple(kinds_for(len(self.names)).keys() - self.left_out.keys())

    def data(self, name: str) -> Path:
        """A node's data folder."""
        return self.disks[name].data

    def log(self, name: str) -> Path:
        """Where a node's output goes."""
        return self._nodes[name].log

    # ------------------------------------------------------------------ what is done to nodes

    def running(self, name: str) -> bool:
        """Whether a node's process has not ended; it may be paused."""
        return self._nodes[name].running

    def pid(self, name: str) -> int:
        """The id of a node's process."""
        return self._nodes[name].pid

    async def start(self, name: str) -> None:
        """Start a node that does not run; it is not ready yet."""
        config = self.folder / "cluster" / "nodes" / name / "node.toml"
        await self._nodes[name].start(self._command(config), self.clocks.environment(name))

    async def start_all(self) -> None:
        """Start every node that does not run; none is waited for."""
        await self.each(self.start, [name for name in self.names if not self.running(name)])

    async def kill(self, name: str) -> None:
        """SIGKILL a node, and wait until it is gone; nothing if it has ended."""
        await self._nodes[name].kill()

    async def stop(self, name: str) -> None:
        """SIGTERM a node, and wait for its end. Raises NodeEnded if it ends badly."""
        await self._nodes[name].stop()

    async def wait_exit(self, name: str) -> int:
        """Wait until a node ends by itself; return its exit status."""
        return await self._nodes[name].wait()

    def ending(self, name: str) -> str:
        """How a node that does not run ended, with its last line."""
        return self._nodes[name].ending

    def pause(self, name: str) -> None:
        """SIGSTOP a node."""
        self._nodes[name].signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT a node."""
        self._nodes[name].signal(signal.SIGCONT)

    async def each(
        self, work: Callable[[str], Coroutine[Any, Any, object]], names: Sequence[str] | None = None
    ) -> None:
        """Do something to these nodes, or all, at once; raise what went wrong first, at the end."""
        every = (work(name) for name in (self.names if names is None else names))
        for outcome in await asyncio.gather(*every, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    # ------------------------------------------------------------------ what nodes say

    async def status(
        self, name: str, *, include_digest: bool = False, timeout_s: float = 1.0
    ) -> cluster_pb2.NodeStatus | None:
        """Return what a node says of itself; None if it does not answer."""
        assert self._views is not None, "the stage is not set up"
        return await self._views.status(name, include_digest=include_digest, timeout_s=timeout_s)

    async def wait_ready(self, *names: str, patience_s: float = 30.0) -> None:
        """Wait until these nodes (or all) are ready at once, and follow one leader in one term.

        Raises NodeEnded, with its last line, if one ends or does not become ready.
        """
        said: dict[str, str] = {}

        async def at_one() -> bool:
            waiting = names or self.names
            for name in waiting:
                if not self.running(name):
                    raise NodeEnded(self.ending(name))
            answers = await asyncio.gather(*(self.status(name) for name in waiting))
            views = [answer for answer in answers if answer is not None]
            said.update(
                (name, "nothing" if view is None else view.not_ready_reason)
                for name, view in zip(waiting, answers, strict=True)
            )
            leaders = {(view.term, view.leader_name) for view in views}
            return len(leaders) == 1 and [view.ready for view in views] == [True] * len(waiting)

        try:
            await eventually(at_one, "all are ready", patience_s, look_s=0.05)
        except TimeoutError:
            told = "; ".join(f"{name} says: {why}" for name, why in said.items() if why)
            raise NodeEnded(
                f"not ready after {patience_s:g} s: {told or 'they follow different leaders'}"
            ) from None

    async def find_leader(self) -> str:
        """Return whom a majority takes for the leader now; empty if there is none."""
        answers = await asyncio.gather(*(self.status(name, timeout_s=0.5) for name in self.names))
        views = [answer for answer in answers if answer is not None]
        leader = agreed_leader(views, len(self.names))
        return leader if leader and self.running(leader) else ""

    async def leader(self, patience_s: float = 30.0) -> str:
        """Return the leader, waiting for one. Raises TimeoutError."""

        async def found() -> str | None:
            return await self.find_leader() or None

        return await eventually(found, "a majority agrees on a leader", patience_s)

    # ------------------------------------------------------------------ up and down

    async def heal(self) -> None:
        """Mend everything that is not a process: network, disks, clocks; and resume the paused."""
        await self.network.heal()
        self.clocks.mend()
        for name, disk in self.disks.items():
            disk.make_room()
            self.resume(name)

    async def _make(self) -> None:
        await asyncio.to_thread(self._clear)
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        for disk in self.disks.values():
            await disk.make()
        self._profile = await set_up(
            self.folder / "cluster", self.network, self.disks, self._snapshot_entries
        )
        self._views = Views(self.profile)

    async def _take_down(self) -> None:
        async with AsyncExitStack() as stack:  # each is done whatever becomes of the others
            stack.push_async_callback(asyncio.to_thread, self._clear)
            if self._views is not None:
                stack.push_async_callback(self._views.close)
            stack.push_async_callback(self.network.close)
            stack.push_async_callback(self.each, self.kill)

    def _clear(self) -> None:
        disks.unmount_below(self.folder)
        Clocks.forget_the_dead()
        for part in ("cluster", "disks", "clocks"):
            shutil.rmtree(self.folder / part, ignore_errors=True)
