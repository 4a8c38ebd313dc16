"""Faults of processes: killed, frozen, restarted."""

import asyncio

from chaos.deed import Deed
from chaos.harm import to_nodes


async def kill(deed: Deed) -> None:
    """SIGKILL, all at once; started again after a while, one by one in any order."""
    names = await deed.nodes()
    await deed.stage.each(deed.stage.kill, names)
    await deed.hold()
    await deed.start_again(*deed.dice.sample(names, len(names)))


async def pause(deed: Deed) -> None:
    """SIGSTOP: no error, no answer; then SIGCONT, and it knows of nothing."""
    name = await deed.node()
    deed.stage.pause(name)
    try:
        await deed.hold()
    finally:
        deed.stage.resume(name)


async def restart_storm(deed: Deed) -> None:
    """SIGKILL, and again 50 to 500 ms after each start."""
    names = await deed.nodes()
    loop = asyncio.get_running_loop()
    end = loop.time() + deed.planned.seconds
    while loop.time() < end:
        await deed.stage.each(deed.stage.kill, names)
        await deed.start_again(*names)
        await asyncio.sleep(deed.dice.uniform(0.05, 0.5))


async def rolling_restart(deed: Deed) -> None:
    """SIGTERM to one after another, each ready before the next."""
    names = deed.stage.names
    deed.claim(*names)
    deed.harms += [to_nodes(name) for name in names]
    for name in deed.dice.sample(names, len(names)):
        await deed.stage.stop(name)
        await deed.hold()
        await deed.stage.start(name)
        await deed.stage.wait_ready(name)


async def leader_transfer(deed: Deed) -> None:
    """SIGTERM to the leader: it hands its office over."""
    name = await deed.node()
    await deed.stage.stop(name)
    await deed.hold()
    await deed.start_again(name)
