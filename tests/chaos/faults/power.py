"""Power cuts: what was not synced is gone."""

from collections.abc import Sequence

from chaos.deed import Deed
from chaos.stage import Stage


async def cut(deed: Deed) -> None:
    """Cut the power of one node, or of all at once; it comes back after a while."""
    names = await deed.nodes()
    await cut_power(deed.stage, names)
    await deed.hold()
    await deed.start_again(*names)


async def cut_power(stage: Stage, names: Sequence[str]) -> None:
    """Leave of these nodes what their disks hold at this moment, and nothing of their memory."""
    for name in names:
        stage.pause(name)
    try:
        await stage.each(lambda name: stage.disks[name].cut(), names)
    finally:
        await stage.each(stage.kill, names)
    await stage.each(lambda name: stage.disks[name].restore(), names)
