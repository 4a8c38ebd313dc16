"""Faults of one node's disk while the node runs: slow, stalled, full."""

import asyncio
from contextlib import suppress

from chaos.deed import Deed
from chaos.nodes import NodeEnded

EXIT_DISK = 74


async def slow(deed: Deed) -> None:
    """Let it take writes for 20 ms, and none for 50 to 300 ms, in turn."""
    name = await deed.node()
    rhythm: list[tuple[float, float]] = []
    while sum(map(sum, rhythm)) < deed.planned.seconds:
        rhythm.append((deed.dice.uniform(0.05, 0.3), 0.02))
    await deed.stage.disks[name].freeze(rhythm)


async def stalled(deed: Deed) -> None:
    """Let it take no write."""
    name = await deed.node()
    await deed.stage.disks[name].freeze([(deed.planned.seconds, 0.0)])


async def full(deed: Deed) -> None:
    """Fill it. A node that has something to write ends, and says so; it starts once there is room.

    Raises NodeEnded if it ends in another way.
    """
    name = await deed.node()
    stage, disk = deed.stage, deed.stage.disks[name]
    try:
        await asyncio.to_thread(disk.fill)
        with suppress(TimeoutError):  # it had nothing to write
            async with asyncio.timeout(deed.planned.seconds):
                status = await stage.wait_exit(name)
                if status != EXIT_DISK:
                    raise NodeEnded(stage.ending(name))
                deed.target += ", which ended"
                await deed.hold()
    finally:
        disk.make_room()
    await deed.start_again(name)
