"""Faults of the network as a whole: who cannot reach whom.

By relay, nothing passes; what was sent comes once it is healed. By packets, they are dropped, and
the kernels on both sides find out for themselves.
"""

import asyncio
from collections.abc import Awaitable, Callable

from chaos.deed import Deed, Fault
from chaos.harm import to_links
from chaos.network import Link, between

Shape = Callable[[Deed], Awaitable[list[Link]]]
"""Decides which links are cut, and says so in the deed's target."""


def by_relay(shape: Shape) -> Fault:
    """Return the fault that holds a partition back in the relays."""

    async def partition(deed: Deed) -> None:
        links = await _cut_links(deed, shape)
        deed.stage.network.cut(links)
        try:
            await deed.hold()
        finally:
            await deed.stage.network.heal(links)

    return partition


def by_packets(shape: Shape) -> Fault:
    """Return the fault that drops a partition's packets."""

    async def partition(deed: Deed) -> None:
        links = await _cut_links(deed, shape)
        try:
            await deed.stage.network.drop(links)
            await deed.hold()
        finally:
            await deed.stage.network.heal(links)

    return partition


def flapping(*, by_packets: bool) -> Fault:
    """Return the fault that cuts one node off and heals it, every 100 to 800 ms."""

    async def flap(deed: Deed) -> None:
        name = await _one(deed)
        network, loop = deed.stage.network, asyncio.get_running_loop()
        links = network.of(name)
        deed.harms.append(to_links(links, unsteady=deed.planned.target == "leader"))
        end = loop.time() + deed.planned.seconds
        try:
            while loop.time() < end:
                if by_packets:
                    await network.drop(links)
                else:
                    network.cut(links)
                await asyncio.sleep(deed.dice.uniform(0.1, 0.8))
                await network.heal(links)
                await asyncio.sleep(deed.dice.uniform(0.1, 0.8))
        finally:
            await network.heal(links)

    return flap


async def leader(deed: Deed) -> list[Link]:
    """Cut the leader off from all others."""
    return deed.stage.network.of(await _one(deed))


async def halves(deed: Deed) -> list[Link]:
    """Cut a minority off from the majority."""
    leads, others = await _leader_and_others(deed)
    few = len(others) // 2
    minority = [leads, *others[1:few]] if deed.planned.target.endswith("minority") else others[:few]
    majority = [name for name in deed.stage.names if name not in minority]
    deed.target = f"{_said(minority)} | {_said(majority)} ({deed.planned.target})"
    return between(minority, majority)


async def bridge(deed: Deed) -> list[Link]:
    """Cut two halves apart that both reach the one on the bridge."""
    leads, others = await _leader_and_others(deed)
    ends = [leads, *others]
    middle = ends.pop(0 if deed.planned.target.endswith("on the bridge") else 1)
    half = len(ends) // 2
    deed.target = f"{_said(ends[:half])} | {middle} | {_said(ends[half:])} ({deed.planned.target})"
    return between(ends[:half], ends[half:])


async def one_way(deed: Deed) -> list[Link]:
    """Let the leader hear a follower and not be heard, or the other way round; or all followers."""
    leads, others = await _leader_and_others(deed)
    if deed.planned.target == "leader to all":
        links = [(leads, other) for other in others]
        deed.target = f"{leads} to all"
    elif deed.planned.target == "leader to follower":
        links = [(leads, others[0])]
        deed.target = f"{leads} to {others[0]}"
    else:
        links = [(others[0], leads)]
        deed.target = f"{others[0]} to {leads}"
    return links


async def _cut_links(deed: Deed, shape: Shape) -> list[Link]:
    links = await shape(deed)
    deed.harms.append(to_links(links))
    return links


async def _one(deed: Deed) -> str:
    leads, others = await _leader_and_others(deed)
    is_leader = deed.planned.target == "leader"
    name = leads if is_leader else others[0]
    deed.target = f"{name} ({'leader' if is_leader else 'follower'})"
    return name


async def _leader_and_others(deed: Deed) -> tuple[str, list[str]]:
    leads = await deed.leader()
    others = [name for name in deed.stage.names if name != leads]
    return leads, deed.dice.sample(others, len(others))


def _said(names: list[str]) -> str:
    return " ".join(sorted(names))
