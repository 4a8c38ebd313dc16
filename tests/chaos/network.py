"""The connections between the nodes of a stage: every directed link runs through relays of its own.

A link (a, b) is what a dials b for: its messages as a peer, and its questions what time it is. A
message of consensus from a to b uses (a, b) only, so that a cut of one link is a one-way cut.
Clients of the cluster are no links: they reach every node.
"""

import asyncio
import random
from collections.abc import Iterable, Mapping, Sequence
from itertools import permutations

from chaos.packets import Packets
from chaos.relays import Relay

Link = tuple[str, str]


def between(some: Iterable[str], others: Iterable[str]) -> list[Link]:
    """Return the links between two groups of nodes, both ways."""
    pairs = [(a, b) for a in some for b in others if a != b]
    return [*pairs, *((b, a) for a, b in pairs)]


class Network:
    """All links; whatever is done to them is undone by `heal`."""

    def __init__(self, names: Sequence[str], dice: random.Random) -> None:
        self.links: tuple[Link, ...] = tuple(permutations(names, 2))
        self._dice = dice
        self._relays: dict[Link, tuple[Relay, Relay]] = {}
        self._packets = Packets()

    async def open(self, peers: Mapping[str, str], clients: Mapping[str, str]) -> None:
        """Listen for every link; `peers` and `clients` are where (host:port) the nodes listen."""
        for link in self.links:
            to = link[1]
            self._relays[link] = Relay(peers[to], self._dice), Relay(clients[to], self._dice)
            for relay in self._relays[link]:
                await relay.open()

    def ports(self, link: Link) -> tuple[int, int]:
        """Return where a link's dialler finds the other's peer port, and its clients' port."""
        peer, client = self._relays[link]
        return peer.port, client.port

    def of(self, name: str) -> list[Link]:
        """Return the links to and from one node."""
        return [link for link in self.links if name in link]

    def cut(self, links: Iterable[Link]) -> None:
        """Let nothing pass; it comes late, once the link is healed."""
        for relay in self._of(links):
            relay.weather.cut = True
            relay.changed()

    def delay(self, links: Iterable[Link], delay_s: float, jitter_s: float) -> None:
        """Let everything take that long, each way."""
        for relay in self._of(links):
            relay.weather.delay_s, relay.weather.jitter_s = delay_s, jitter_s

    def reset(self, links: Iterable[Link]) -> None:
        """Break the connections there are; new ones can be made."""
        for relay in self._of(links):
            relay.reset()

    async def drop(self, links: Iterable[Link], probability: float = 1.0) -> None:
        """Drop packets, each with that probability; see `Packets`."""
        await self._packets.drop((relay.port for relay in self._of(links)), probability)

    async def heal(self, links: Iterable[Link] | None = None) -> None:
        """Let these links (or all) be as they should."""
        relays = self._of(self.links if links is None else links)
        for relay in relays:
            relay.weather.cut, relay.weather.delay_s, relay.weather.jitter_s = False, 0.0, 0.0
            relay.changed()
        await self._packets.pass_all(relay.port for relay in relays)

    async def close(self) -> None:
        """Break everything off."""
        await asyncio.gather(*(relay.close() for relay in self._of(self._relays)))

    def _of(self, links: Iterable[Link]) -> list[Relay]:
        return [relay for link in links for relay in self._relays[link]]
