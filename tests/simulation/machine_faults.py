"""What goes wrong with a machine itself: its disk is slow, full, failing or lost; its clock is off.

Rule: no more is inflicted than a cluster must withstand. One disk is lost at a time: the next one
when the node that lost it counts again. A node is told to replace its disk until then.
"""

from simulation.injector import Injector
from simulation.life import Ending
from simulation.node import SimNode
from simulation.restarts import Restarts


class MachineFaults:
    """Trouble with disks and clocks.

    Args:
        injector: of the run.
        restarts: puts empty disks in.
    """

    def __init__(self, injector: Injector, restarts: Restarts) -> None:
        self._injector, self._restarts = injector, restarts
        self._cluster, self._dice = injector.cluster, injector.dice

    def slow_disk(self) -> None:
        """Make a disk slower, or fast again."""
        node = self._injector.any_node()
        node.slow_disk_s = self._dice.choice(((0.0, 0.0), (0.001, 0.02), (0.0, 0.2), (0.0, 0.8)))
        self._injector.note(node, f"has a disk that syncs in {node.slow_disk_s} s")

    def fill_disk(self) -> None:
        """Fill a disk for a while."""
        node = self._injector.any_node()
        self._injector.note(node, "has a full disk")
        self._cluster.counts["disk faults"] += 1
        node.platter.full = True
        self._injector.later((0.5, 5.0), self._make_room, node)

    def _make_room(self, node: SimNode) -> None:
        node.platter.full = False
        self._injector.note(node, "has room on its disk again")

    def fail_disk(self) -> None:
        """Have a disk raise an error soon."""
        process = (node := self._injector.any_node()).process
        if process is not None:
            process.disk.faults.fail_in = self._dice.randint(1, 40)
            self._cluster.counts["disk faults"] += 1
            self._injector.note(node, f"will fail in {process.disk.faults.fail_in} disk operations")

    def move_clock(self) -> None:
        """Set a wall clock wrong."""
        node = self._injector.any_node()
        node.skew_us = int(self._dice.gauss(0, self._dice.choice((1e5, 1e6, 2e7))))
        self._injector.note(node, f"has a clock that is off by {node.skew_us} us")

    def lose_disk(self) -> None:
        """Put an empty disk into a node; it is not always told."""
        if self._may_lose_a_disk:
            node = self._injector.any_node()
            node.crash(Ending.KILLED)
            self._restarts.wipe(node)
            if self._dice.random() < 0.3:
                node.replacing, node.wiped_unsaid = False, True

    def damage_disk(self) -> None:
        """Flip a bit where a node can tell damage from a torn tail: far from the journal's end."""
        if not self._may_lose_a_disk:
            return
        node = self._injector.any_node()
        sizes = {name: len(inode.data) for name, inode in sorted(node.platter.names.items())}
        newest = max((name for name in sizes if name.startswith("journal-")), default="")
        if not self._cluster.settled:
            sizes.pop(newest, None)
        large = [name for name, size in sizes.items() if size > 600]
        if large:
            node.crash(Ending.KILLED)
            name = self._dice.choice(large)
            at = self._dice.randrange(sizes[name] // 3)
            node.platter.flip(name, at)
            node.damaged = True
            self._injector.note(node, f"has a flipped bit in {name} at {at}")

    @property
    def _may_lose_a_disk(self) -> bool:
        lost = any(n.replacing or n.damaged or n.wiped_unsaid for n in self._cluster.nodes)
        return not lost
