"""Crashes that are aimed: at the moments in which a promise that is not durable would show.

Chance alone seldom lets a node crash just as it acknowledges or votes, and then seldom has those
lead who need not know. So here several things are done in a row: a crash, cuts, and more crashes.
"""

from quorate_replication.engine import Role
from simulation.injector import Injector
from simulation.life import Ending
from simulation.network_faults import NetworkFaults, ways_between
from simulation.node import SimNode
from simulation.restarts import Restarts


class AimedCrashes:
    """Plans of several steps.

    Args:
        injector: of the run.
        network: makes the cuts.
        restarts: who comes back when.
    """

    def __init__(self, injector: Injector, network: NetworkFaults, restarts: Restarts) -> None:
        self._injector, self._network, self._restarts = injector, network, restarts
        self._cluster, self._dice = injector.cluster, injector.dice

    def lose_a_copy(self) -> None:
        """A bare majority goes on; one of it crashes as it writes, and then the others of it.

        Then those who lag may lead, with the one that crashed. What it had promised must be there.
        """
        cluster, dice, leader = self._cluster, self._dice, self._cluster.leader
        if leader is None or leader.process is None:
            return
        followers = [node for node in cluster.nodes if node is not leader]
        dice.shuffle(followers)
        needed = followers[: cluster.majority - 1]
        lagging = followers[cluster.majority - 1 :]
        victim = dice.choice((*needed, leader))
        if victim.process is None:
            return
        rest = [node for node in (leader, *needed) if node is not victim]
        ways = ways_between(lagging, [leader, *needed])
        self._network.cut(ways, 4.0)

        def go_on() -> None:
            cluster.wires.heal(ways)
            self._restarts.crash_for(rest, 4.0)

        faults = victim.process.disk.faults
        faults.crash_in, faults.crash_as = dice.randint(2, 20), Ending.POWER_CUT
        faults.crash_with = lambda: self._injector.later((0.005, 0.1), go_on)
        self._restarts.soon_back.add(victim.name)
        self._injector.note(
            victim, f"will crash in {faults.crash_in} disk operations, then its majority"
        )

    def lose_a_vote(self) -> None:
        """One crashes as it writes its vote; whom it voted for is cut off, and others may stand."""
        cluster, dice = self._cluster, self._dice
        victim = dice.choice(cluster.nodes)
        if victim.process is None:
            return

        def candidates() -> list[SimNode]:
            others = [node for node in cluster.nodes if node is not victim]
            return [n for n in others if (s := n.status) and s.role is Role.CANDIDATE]

        def go_on() -> None:
            for node in candidates():
                others = [other for other in cluster.nodes if other is not node]
                self._network.cut(ways_between([node], others), 2.5)

        faults = victim.process.disk.faults
        faults.crash_when, faults.crash_as = lambda: bool(candidates()), Ending.POWER_CUT
        faults.crash_with = lambda: self._injector.later((0.002, 0.01), go_on)
        self._restarts.soon_back.add(victim.name)
        self._injector.note(victim, "will crash as it votes")
        if cluster.leader is not None and cluster.leader is not victim:
            cluster.leader.crash(Ending.KILLED)
