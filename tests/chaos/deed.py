"""One planned fault while it is made: its stage, its dice, whom it befalls, what it takes away."""

import asyncio
import random
from collections.abc import Awaitable, Callable

from chaos.harm import Harm
from chaos.schedule import Planned
from chaos.stage import Stage

LEADER_WAIT_S = 3.0
"""Beside another fault there may be no leader; then any node will do."""


class Deed:
    """What a fault has to work with. A node that a deed has claimed is left alone by others.

    Args:
        stage: where.
        planned: what.
        claimed: the nodes that deeds under way have claimed; shared by them.
    """

    def __init__(self, stage: Stage, planned: Planned, claimed: set[str]) -> None:
        self.stage = stage
        self.planned = planned
        self.dice = random.Random(planned.dice)  # noqa: S311 - it must be predictable
        self.harms: list[Harm] = []
        self.target = planned.target
        self._claimed = claimed
        self._mine: set[str] = set()

    async def hold(self) -> None:
        """Let the fault last as planned."""
        await asyncio.sleep(self.planned.seconds)

    async def leader(self) -> str:
        """Return the leader; if there is none for a while, any node that runs."""
        try:
            return await self.stage.leader(LEADER_WAIT_S)
        except TimeoutError:
            names = self.stage.names
            return self.dice.choice([name for name in names if self.stage.running(name)] or names)

    async def nodes(self) -> tuple[str, ...]:
        """Decide whom the target's rule means now, claim them, and note the harm to them."""
        rule, names, leader = self.planned.target, self.stage.names, await self.leader()
        free = [name for name in names if name not in self._claimed] or [*names]
        match rule.split():
            case ["all"]:
                chosen = [*names]
            case ["majority"]:
                chosen = self.dice.sample(free, min(len(names) // 2 + 1, len(free)))
            case ["leader"]:
                chosen = [leader if leader in free else free[0]]
            case ["follower", number]:
                others = [name for name in free if name != leader] or free
                chosen = [others[(int(number) - 1) % len(others)]]
            case _:
                raise ValueError(f"no rule for whom to harm: {rule!r}")
        self.claim(*chosen)
        self.harms.append(Harm(nodes=frozenset(chosen)))
        roles = "" if rule in {"all", "majority"} else f" ({rule.split()[0]})"
        self.target = ", ".join(sorted(chosen)) + roles
        return tuple(chosen)

    async def node(self) -> str:
        """Decide on one node, like `nodes`."""
        return (await self.nodes())[0]

    def claim(self, *names: str) -> None:
        """Keep other deeds from these nodes."""
        self._mine |= set(names) - self._claimed
        self._claimed |= self._mine

    def release(self) -> None:
        """Let others have them."""
        self._claimed -= self._mine

    async def start_again(self, *names: str) -> None:
        """Start those of these nodes that do not run."""
        for name in names:
            if not self.stage.running(name):
                await self.stage.start(name)


Fault = Callable[[Deed], Awaitable[None]]
"""Makes a fault, holds it, mends it; mends it too when it is cancelled or fails."""
