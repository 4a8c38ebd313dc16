"""What all faults of a run have in common: whom they hit, when, and that the trace tells of it.

Each kind of fault draws from the same dice, and chooses its victim in the same way. Once it is
calm no new trouble begins, and what was put off until later must ask.
"""

import random
from collections.abc import Callable

from simulation.cluster import Cluster
from simulation.life import Ending
from simulation.node import SimNode

CRASHES = (Ending.KILLED, Ending.POWER_CUT)
"""The endings that come from outside and without warning."""


class Injector:
    """The hand that makes trouble for one cluster.

    Args:
        cluster: whose.
        dice: what, when, to whom.
    """

    def __init__(self, cluster: Cluster, dice: random.Random) -> None:
        self.cluster, self.dice, self.loop = cluster, dice, cluster.loop
        self.calm = False
        """The trouble is over."""

    def any_node(self) -> SimNode:
        """Choose a node: often the leader, for it matters most."""
        leader = self.cluster.leader
        if leader is not None and self.dice.random() < 0.3:
            return leader
        return self.dice.choice(self.cluster.nodes)

    def later(
        self, within_s: tuple[float, float], call: Callable[..., None], *args: object
    ) -> None:
        """Have a call made after a while by chance.

        It belongs to no process, though one may be running just now: nothing crashes it.
        """
        delay, context = self.dice.uniform(*within_s), self.loop.outside
        self.loop.call_later(delay, call, *args, context=context)

    def note(self, node: SimNode, what: str) -> None:
        """Tell the trace what happens to a node."""
        self.cluster.trace.note("nemesis", f"{node.name} {what}")
