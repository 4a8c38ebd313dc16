"""Faults of one node's wall clock."""

import asyncio

from chaos.deed import Deed

_TICK_S = 0.05


async def jump(deed: Deed) -> None:
    """Set it 5 to 120 s forward or back, and right again."""
    name = await deed.node()
    offset_s = deed.dice.choice((-1, 1)) * deed.dice.uniform(5, 120)
    deed.target += f" {offset_s:+.0f} s"
    try:
        deed.stage.clocks.set(name, offset_s)
        await deed.hold()
    finally:
        deed.stage.clocks.set(name, 0.0)


async def skew(deed: Deed) -> None:
    """Let it run 20 % too fast or too slow, and set it right."""
    name = await deed.node()
    rate = deed.dice.choice((-0.2, 0.2))
    deed.target += f" x{1 + rate:g}"
    loop = asyncio.get_running_loop()
    begun = loop.time()
    try:
        while (passed_s := loop.time() - begun) < deed.planned.seconds:
            deed.stage.clocks.set(name, rate * passed_s)
            await asyncio.sleep(_TICK_S)
    finally:
        deed.stage.clocks.set(name, 0.0)
