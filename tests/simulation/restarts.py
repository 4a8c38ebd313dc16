"""How nodes come back after they ended: at once, soon, late, or with an empty disk.

Most come back after a while by chance. Some were crashed by a plan, which needs them back soon, or
not before a certain time. A node that refuses to go on with its disk gets a new one.
"""

from collections.abc import Iterable

from simulation.injector import CRASHES, Injector
from simulation.node import SimNode


class Restarts:
    """Starts the nodes of one run again.

    Args:
        injector: of the run.
    """

    def __init__(self, injector: Injector) -> None:
        self._injector = injector
        self._cluster, self._dice, self._loop = injector.cluster, injector.dice, injector.loop
        self.soon_back = set[str]()
        """The names of those that start at once after their next end."""
        self._late_back: dict[str, float] = {}

    def restart(self, node: SimNode, flaw: Exception | None) -> None:
        """Start a node again, sooner or later."""
        dice = self._dice
        if flaw is not None and (node.damaged or node.wiped_unsaid):
            self.wipe(node)  # it refuses to go on with that disk, and says what to do
        if self._injector.calm:
            self._injector.later((0.1, 1.0), node.boot)
            return
        late = self._late_back.pop(node.name, 0.0) - self._loop.now
        if late > 0:
            self._injector.later((late, late), node.boot)
            return
        if node.name in self.soon_back:
            self.soon_back.remove(node.name)
            self._injector.later((0.01, 0.05), node.boot)
            return
        self._injector.later(
            dice.choice(((0.05, 0.5), (0.5, 4.0), (0.5, 4.0), (3.0, 10.0))), node.boot
        )

    def crash_for(self, nodes: Iterable[SimNode], seconds: float) -> None:
        """Crash some, and keep them down for so long."""
        for node in nodes:
            if node.process is not None:
                self._late_back[node.name] = self._loop.now + seconds
                node.crash(self._dice.choice(CRASHES))

    def wipe(self, node: SimNode) -> None:
        """Put an empty disk into a node, which is told to replace it."""
        self._injector.note(node, "loses its disk")
        self._cluster.counts["disks lost"] += 1
        node.platter.wipe()
        node.damaged = node.wiped_unsaid = False
        node.replacing = True
