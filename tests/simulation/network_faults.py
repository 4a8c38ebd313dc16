"""What goes wrong with the network: it is cut, or it is slow, or connections break.

A cut lasts for a while. It parts two halves, takes the leader off, goes one way only, or comes and
goes.
"""

from collections.abc import Iterable

from simulation.injector import Injector
from simulation.node import SimNode
from simulation.wires import Weather


class NetworkFaults:
    """Cuts, breaks and weather.

    Args:
        injector: of the run.
    """

    def __init__(self, injector: Injector) -> None:
        self._injector, self._cluster, self._dice = injector, injector.cluster, injector.dice

    def cut_halves(self) -> None:
        """Cut the cluster in two."""
        nodes = self._dice.sample(self._cluster.nodes, len(self._cluster.nodes))
        place = self._dice.randint(1, len(nodes) - 1)
        self.cut(ways_between(nodes[:place], nodes[place:]), self._dice.uniform(0.3, 6.0))

    def cut_leader_off(self) -> None:
        """Cut the leader off from all others."""
        leader = self._cluster.leader
        if leader is not None:
            others = [node for node in self._cluster.nodes if node is not leader]
            self.cut(ways_between([leader], others), self._dice.uniform(0.3, 6.0))

    def cut_one_way(self) -> None:
        """Cut one way between two nodes; the other one stays."""
        one, other = self._dice.sample(self._cluster.nodes, 2)
        self.cut([(one.name, other.name)], self._dice.uniform(0.3, 6.0))

    def flap(self) -> None:
        """Cut a node off and let it come back, again and again."""
        node = self._injector.any_node()
        others = [other for other in self._cluster.nodes if other is not node]
        for number in range(self._dice.randint(2, 6)):
            self._injector.later(
                (0.5 * number, 0.5 * number), self.cut, ways_between([node], others), 0.25
            )

    def cut(self, ways: list[tuple[str, str]], seconds: float) -> None:
        """Cut some ways for so long, unless it is calm."""
        if self._injector.calm:
            return
        self._cluster.trace.note("network", f"{_words(ways)} cut for {seconds:.2f} s")
        self._cluster.counts["partitions"] += 1
        self._cluster.wires.cut(ways)
        self._injector.later((seconds, seconds), self._cluster.wires.heal, ways)

    def break_connections(self) -> None:
        """End some connections."""
        for _ in range(self._dice.randint(1, 4)):
            broken = self._cluster.wires.break_one()
            self._cluster.trace.note("network", f"connection {broken} breaks")

    def change_weather(self) -> None:
        """Make the network slower, or faster."""
        dice = self._dice
        slow = dice.choice((0.003, 0.03, 0.15))
        self._cluster.wires.weather = Weather(
            delay_s=(0.0005, slow), slow_share=dice.choice((0.0, 0.02, 0.1))
        )
        self._cluster.trace.note("network", f"messages take up to {slow} s")


def ways_between(some: Iterable[SimNode], others: Iterable[SimNode]) -> list[tuple[str, str]]:
    """Return each way from one of the former to one of the latter, and back."""
    pairs = [(one.name, other.name) for one in some for other in others]
    return pairs + [(other, one) for one, other in pairs]


def _words(ways: list[tuple[str, str]]) -> str:
    return " ".join("->".join(way) for way in ways)
