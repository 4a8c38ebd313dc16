"""Faults of connections that work, but badly: late, lossy, broken off."""

import asyncio

from chaos.deed import Deed
from chaos.harm import Harm
from chaos.network import Link


async def latency(deed: Deed) -> None:
    """Let everything take 5 to 60 ms more each way, and up to twice that by chance."""
    links, network = await _links(deed), deed.stage.network
    delay_s = deed.dice.uniform(0.005, 0.06)
    network.delay(links, delay_s, delay_s)
    try:
        await deed.hold()
    finally:
        await network.heal(links)


async def loss(deed: Deed) -> None:
    """Drop 2 to 20 % of the packets. With all links lossy, nobody can promise progress."""
    links, network = await _links(deed), deed.stage.network
    deed.harms.append(Harm(all_links=deed.planned.target == "links"))
    try:
        await network.drop(links, deed.dice.uniform(0.02, 0.2))
        await deed.hold()
    finally:
        await network.heal(links)


async def resets(deed: Deed) -> None:
    """Break the connections every 50 to 500 ms: all, or one node's.

    A leader that comes and goes is nobody whom a majority can follow.
    """
    links, loop = await _links(deed), asyncio.get_running_loop()
    deed.harms.append(
        Harm(
            links=frozenset(links),
            all_links=deed.planned.target == "links",
            unsteady=deed.planned.target == "leader",
        )
    )
    end = loop.time() + deed.planned.seconds
    while loop.time() < end:
        deed.stage.network.reset(links)
        await asyncio.sleep(deed.dice.uniform(0.05, 0.5))


async def _links(deed: Deed) -> list[Link]:
    network = deed.stage.network
    if deed.planned.target == "links":
        deed.target = "all links"
        return list(network.links)
    leads = await deed.leader()
    if deed.planned.target == "leader":
        name = leads
    else:
        name = deed.dice.choice([each for each in deed.stage.names if each != leads])
    deed.target = f"links of {name} ({deed.planned.target.split()[0]})"
    return network.of(name)
