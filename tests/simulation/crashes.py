"""Processes that end, or stand still: now, or at a moment that they do not choose.

One node crashes, or many, or all; between two callbacks, in the middle of an operation on its disk,
or in one of its background jobs. It is killed, or its power is cut. Or it is merely paused, or
stopped as it should be.
"""

from collections.abc import Iterable

from simulation.injector import CRASHES, Injector
from simulation.node import SimNode


class Crashes:
    """Crashes that aim at nothing in particular.

    Args:
        injector: of the run.
    """

    def __init__(self, injector: Injector) -> None:
        self._injector = injector
        self._cluster, self._dice, self._loop = injector.cluster, injector.dice, injector.loop

    def crash_one(self) -> None:
        """Crash any node."""
        self.crash([self._injector.any_node()])

    def crash_many(self) -> None:
        """Crash a majority at once."""
        self.crash(self._dice.sample(self._cluster.nodes, self._cluster.majority))

    def crash_all(self) -> None:
        """Crash all at once, every other time that it is asked to."""
        if self._dice.random() < 0.5:
            self.crash(self._cluster.nodes)

    def crash(self, nodes: Iterable[SimNode]) -> None:
        """Crash some in the same way, unless it is calm."""
        if self._injector.calm:
            return
        ending = self._dice.choice(CRASHES)
        for node in nodes:
            node.crash(ending)

    def crash_at_callback(self) -> None:
        """Crash a process between two of its callbacks."""
        process = (node := self._injector.any_node()).process
        if process is not None:
            process.life.crash_at = process.life.callbacks + self._dice.randint(1, 300)
            process.life.crash_as = self._dice.choice(CRASHES)
            self._injector.note(node, f"will crash at callback {process.life.crash_at}")

    def crash_at_disk_operation(self) -> None:
        """Crash a process as it writes, syncs or renames."""
        process = (node := self._injector.any_node()).process
        if process is not None:
            process.disk.faults.crash_in = self._dice.randint(1, 60)
            process.disk.faults.crash_as = self._dice.choice(CRASHES)
            self._injector.note(
                node, f"will crash in {process.disk.faults.crash_in} disk operations"
            )

    def crash_many_at_disk_operation(self) -> None:
        """Power fails for a majority, or for all, while one is about to write or to sync."""
        node, cluster, dice = self._injector.any_node(), self._cluster, self._dice
        if node.process is None:
            return
        faults = node.process.disk.faults
        faults.crash_in, faults.crash_as = dice.randint(1, 60), dice.choice(CRASHES)
        others = dice.sample(cluster.nodes, dice.choice((cluster.majority, len(cluster.nodes))))
        faults.crash_with = lambda: self._injector.later((0.0, 0.05), self.crash, others)
        self._injector.note(
            node, f"will crash in {faults.crash_in} disk operations, with many others"
        )

    def crash_in_background(self) -> None:
        """Crash a process in the middle of a background job."""
        process = (node := self._injector.any_node()).process
        if process is not None:
            process.background.crash_in = self._dice.randint(1, 40)
            process.background.crash_as = self._dice.choice(CRASHES)
            self._injector.note(
                node, f"will crash in {process.background.crash_in} background steps"
            )

    def pause(self) -> None:
        """Have a process do nothing for a while."""
        node = self._injector.any_node()
        if node.process is not None:
            seconds = self._dice.choice((0.2, 1.0, 2.5))
            self._injector.note(node, f"is paused for {seconds} s")
            node.process.life.spend(seconds)

    def stop_one(self) -> None:
        """Stop a node as an operator would."""
        self._loop.create_task(self._injector.any_node().stop(), context=self._loop.outside)
