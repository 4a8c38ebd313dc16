"""`quorate up`: the nodes of one folder, run and watched until someone says stop."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path

from quorate_client.errors import NotDone
from quorate_client.profile import Profile
from quorate_client.up.events import Event, Stopping
from quorate_client.up.lock import only_one
from quorate_client.up.supervisor import Command, Supervisor
from quorate_client.up.waits import first_of, signals
from quorate_client.up.watch import watch

__all__ = ["Supervisor", "run_up"]


async def run_up(
    directory: Path,
    report: Callable[[Event], None],
    *,
    restart: bool,
    replace: Collection[str] = (),
    command: Command | None = None,
) -> None:
    """Run the cluster in `directory` until SIGINT, SIGTERM or SIGHUP, then end its nodes.

    `restart`: bring back those that die. `replace`: the nodes whose disk was lost, by name.
    Raises LocalError if a node or the folder is not fit for it, NotDone if every node is down; the
    nodes have ended then, too. `command` is for tests: how a node is started.
    """
    profile = Profile.load(directory)
    stop = asyncio.Event()
    reasons: list[str] = []
    with only_one(directory):
        supervisor = Supervisor(
            directory, profile, report, restart=restart, replace=replace, command=command
        )

        def asked(name: str) -> None:
            if reasons:
                supervisor.hurry()  # whoever asks twice does not want to wait
            reasons.append(name)
            stop.set()

        with signals(asked):
            async with supervisor:
                watching = watch(profile, report, supervisor.running)
                await first_of(stop.wait(), watching, _all_down(supervisor))
                report(Stopping(reasons[0]))


async def _all_down(supervisor: Supervisor) -> None:
    await supervisor.failed()
    raise NotDone("every node is down; the logs say why")
