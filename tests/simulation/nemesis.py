"""What goes wrong, and when: crashes, cuts, slow and failing disks, mad clocks, lost disks.

Each run draws its own menu: a few kinds of trouble, often or rarely. So some runs are full of
power cuts, and others of nothing but stalls.

Rule: no more is inflicted than a cluster must withstand. One disk is lost at a time: the next one
when the node that lost it counts again. A node is told to replace its disk until then.
"""

import asyncio
import random
from collections.abc import Callable, Iterable

from quorate_replication.engine import Role
from simulation.cluster import Cluster
from simulation.life import Ending
from simulation.network import Weather
from simulation.node import SimNode

CRASHES = (Ending.KILLED, Ending.POWER_CUT)
CHAOS_S = 30.0
CALM_S = 30.0
"""How long a cluster may take, after the last trouble, until all are equal again."""


class Nemesis:
    """Makes trouble for one run.

    Args:
        cluster: whose.
        dice: what, when, to whom.
    """

    def __init__(self, cluster: Cluster, dice: random.Random) -> None:
        self._cluster, self._dice, self._loop = cluster, dice, cluster.loop
        self._calm = False
        self._soon_back = set[str]()
        self._late_back: dict[str, float] = {}
        cluster.restart = self._restart
        kinds: list[Callable[[], None]] = [
            self._crash_one,
            self._crash_one,
            self._crash_many,
            self._crash_all,
            self._crash_at_callback,
            self._crash_at_disk_operation,
            self._crash_at_disk_operation,
            self._crash_many_at_disk_operation,
            self._lose_a_copy,
            self._lose_a_vote,
            self._crash_in_background,
            self._cut_halves,
            self._cut_leader_off,
            self._cut_one_way,
            self._flap,
            self._break_connections,
            self._change_weather,
            self._slow_disk,
            self._fill_disk,
            self._fail_disk,
            self._move_clock,
            self._pause,
            self._stop_one,
            self._lose_disk,
            self._damage_disk,
        ]
        self._menu = dice.sample(kinds, dice.choice((3, 6, 12)))
        self._pause_s = dice.choice((0.4, 1.0, 2.5))
        for node in cluster.nodes:
            node.platter.forgets = dice.random() < 0.5
            node.rate = dice.uniform(0.97, 1.03)
            node.skew_us = int(dice.gauss(0, 200_000))

    async def run(self) -> None:
        """Make trouble for a while, then none, and put everything right."""
        for node in self._cluster.nodes:
            self._later((0.0, 0.5), node.boot)
        await asyncio.sleep(self._dice.uniform(1.5, 3.0))
        while self._loop.now < CHAOS_S:
            self._dice.choice(self._menu)()
            await asyncio.sleep(self._dice.expovariate(1 / self._pause_s))
        self._put_right()

    def _put_right(self) -> None:
        cluster = self._cluster
        cluster.trace.note("nemesis", "rests")
        self._calm = True
        cluster.wires.heal()
        cluster.wires.weather = Weather()
        for node in cluster.nodes:
            node.platter.full, node.slow_disk_s, node.skew_us = False, (0.0, 0.0), 0
            process = node.process
            if process is None:
                continue
            process.life.crash_at = process.background.crash_in = None
            process.disk.faults.crash_in = process.disk.faults.fail_in = None
            process.disk.faults.crash_when = None

    # ------------------------------------------------------------------ coming back

    def _restart(self, node: SimNode, flaw: Exception | None) -> None:
        """Start a node again, sooner or later."""
        dice = self._dice
        if flaw is not None and (node.damaged or node.wiped_unsaid):
            self._wipe(node)  # it refuses to go on with that disk, and says what to do
        if self._calm:
            self._later((0.1, 1.0), node.boot)
            return
        late = self._late_back.pop(node.name, 0.0) - self._loop.now
        if late > 0:
            self._later((late, late), node.boot)
            return
        if node.name in self._soon_back:
            self._soon_back.remove(node.name)
            self._later((0.01, 0.05), node.boot)
            return
        self._later(dice.choice(((0.05, 0.5), (0.5, 4.0), (0.5, 4.0), (3.0, 10.0))), node.boot)

    def _wipe(self, node: SimNode) -> None:
        self._note(node, "loses its disk")
        self._cluster.counts["disks lost"] += 1
        node.platter.wipe()
        node.damaged = node.wiped_unsaid = False
        node.replacing = True

    # ------------------------------------------------------------------ crashes

    def _crash_one(self) -> None:
        self._crash([self._any()])

    def _crash_many(self) -> None:
        self._crash(self._dice.sample(self._cluster.nodes, self._cluster.majority))

    def _crash_all(self) -> None:
        if self._dice.random() < 0.5:
            self._crash(self._cluster.nodes)

    def _crash(self, nodes: Iterable[SimNode]) -> None:
        if self._calm:
            return
        ending = self._dice.choice(CRASHES)
        for node in nodes:
            node.crash(ending)

    def _crash_at_callback(self) -> None:
        process = (node := self._any()).process
        if process is not None:
            process.life.crash_at = process.life.callbacks + self._dice.randint(1, 300)
            process.life.crash_as = self._dice.choice(CRASHES)
            self._note(node, f"will crash at callback {process.life.crash_at}")

    def _crash_at_disk_operation(self) -> None:
        process = (node := self._any()).process
        if process is not None:
            process.disk.faults.crash_in = self._dice.randint(1, 60)
            process.disk.faults.crash_as = self._dice.choice(CRASHES)
            self._note(node, f"will crash in {process.disk.faults.crash_in} disk operations")

    def _crash_many_at_disk_operation(self) -> None:
        """Power fails for a majority, or for all, while one is about to write or to sync."""
        node, cluster, dice = self._any(), self._cluster, self._dice
        if node.process is None:
            return
        faults = node.process.disk.faults
        faults.crash_in, faults.crash_as = dice.randint(1, 60), dice.choice(CRASHES)
        others = dice.sample(cluster.nodes, dice.choice((cluster.majority, len(cluster.nodes))))
        faults.crash_with = lambda: self._later((0.0, 0.05), self._crash, others)
        self._note(node, f"will crash in {faults.crash_in} disk operations, with many others")

    def _lose_a_copy(self) -> None:
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
        ways = _ways(lagging, [leader, *needed])
        self._cut(ways, 4.0)

        def go_on() -> None:
            cluster.wires.heal(ways)
            self._crash_for(rest, 4.0)

        faults = victim.process.disk.faults
        faults.crash_in, faults.crash_as = dice.randint(2, 20), Ending.POWER_CUT
        faults.crash_with = lambda: self._later((0.005, 0.1), go_on)
        self._soon_back.add(victim.name)
        self._note(victim, f"will crash in {faults.crash_in} disk operations, then its majority")

    def _lose_a_vote(self) -> None:
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
                self._cut(_ways([node], others), 2.5)

        faults = victim.process.disk.faults
        faults.crash_when, faults.crash_as = lambda: bool(candidates()), Ending.POWER_CUT
        faults.crash_with = lambda: self._later((0.002, 0.01), go_on)
        self._soon_back.add(victim.name)
        self._note(victim, "will crash as it votes")
        if cluster.leader is not None and cluster.leader is not victim:
            cluster.leader.crash(Ending.KILLED)

    def _crash_for(self, nodes: Iterable[SimNode], seconds: float) -> None:
        """Crash some, and keep them down for so long."""
        for node in nodes:
            if node.process is not None:
                self._late_back[node.name] = self._loop.now + seconds
                node.crash(self._dice.choice(CRASHES))

    def _crash_in_background(self) -> None:
        process = (node := self._any()).process
        if process is not None:
            process.background.crash_in = self._dice.randint(1, 40)
            process.background.crash_as = self._dice.choice(CRASHES)
            self._note(node, f"will crash in {process.background.crash_in} background steps")

    def _pause(self) -> None:
        node = self._any()
        if node.process is not None:
            seconds = self._dice.choice((0.2, 1.0, 2.5))
            self._note(node, f"is paused for {seconds} s")
            node.process.life.spend(seconds)

    def _stop_one(self) -> None:
        self._loop.create_task(self._any().stop(), context=self._loop.outside)

    # ------------------------------------------------------------------ the network

    def _cut_halves(self) -> None:
        nodes = self._dice.sample(self._cluster.nodes, len(self._cluster.nodes))
        place = self._dice.randint(1, len(nodes) - 1)
        self._cut(_ways(nodes[:place], nodes[place:]), self._dice.uniform(0.3, 6.0))

    def _cut_leader_off(self) -> None:
        leader = self._cluster.leader
        if leader is not None:
            others = [node for node in self._cluster.nodes if node is not leader]
            self._cut(_ways([leader], others), self._dice.uniform(0.3, 6.0))

    def _cut_one_way(self) -> None:
        one, other = self._dice.sample(self._cluster.nodes, 2)
        self._cut([(one.name, other.name)], self._dice.uniform(0.3, 6.0))

    def _flap(self) -> None:
        node = self._any()
        others = [other for other in self._cluster.nodes if other is not node]
        for number in range(self._dice.randint(2, 6)):
            self._later((0.5 * number, 0.5 * number), self._cut, _ways([node], others), 0.25)

    def _cut(self, ways: list[tuple[str, str]], seconds: float) -> None:
        if self._calm:
            return
        self._cluster.trace.note("network", f"{_words(ways)} cut for {seconds:.2f} s")
        self._cluster.counts["partitions"] += 1
        self._cluster.wires.cut(ways)
        self._later((seconds, seconds), self._cluster.wires.heal, ways)

    def _break_connections(self) -> None:
        for _ in range(self._dice.randint(1, 4)):
            broken = self._cluster.wires.break_one()
            self._cluster.trace.note("network", f"connection {broken} breaks")

    def _change_weather(self) -> None:
        dice = self._dice
        slow = dice.choice((0.003, 0.03, 0.15))
        self._cluster.wires.weather = Weather(
            delay_s=(0.0005, slow), slow_share=dice.choice((0.0, 0.02, 0.1))
        )
        self._cluster.trace.note("network", f"messages take up to {slow} s")

    # ------------------------------------------------------------------ disks and clocks

    def _slow_disk(self) -> None:
        node = self._any()
        node.slow_disk_s = self._dice.choice(((0.0, 0.0), (0.001, 0.02), (0.0, 0.2), (0.0, 0.8)))
        self._note(node, f"has a disk that syncs in {node.slow_disk_s} s")

    def _fill_disk(self) -> None:
        node = self._any()
        self._note(node, "has a full disk")
        self._cluster.counts["disk faults"] += 1
        node.platter.full = True
        self._later((0.5, 5.0), self._make_room, node)

    def _make_room(self, node: SimNode) -> None:
        node.platter.full = False
        self._note(node, "has room on its disk again")

    def _fail_disk(self) -> None:
        process = (node := self._any()).process
        if process is not None:
            process.disk.faults.fail_in = self._dice.randint(1, 40)
            self._cluster.counts["disk faults"] += 1
            self._note(node, f"will fail in {process.disk.faults.fail_in} disk operations")

    def _move_clock(self) -> None:
        node = self._any()
        node.skew_us = int(self._dice.gauss(0, self._dice.choice((1e5, 1e6, 2e7))))
        self._note(node, f"has a clock that is off by {node.skew_us} us")

    def _lose_disk(self) -> None:
        if self._may_lose_a_disk:
            node = self._any()
            node.crash(Ending.KILLED)
            self._wipe(node)
            if self._dice.random() < 0.3:
                node.replacing, node.wiped_unsaid = False, True

    def _damage_disk(self) -> None:
        """Flip a bit where a node can tell damage from a torn tail: far from the journal's end."""
        if not self._may_lose_a_disk:
            return
        node = self._any()
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
            self._note(node, f"has a flipped bit in {name} at {at}")

    @property
    def _may_lose_a_disk(self) -> bool:
        lost = any(n.replacing or n.damaged or n.wiped_unsaid for n in self._cluster.nodes)
        return not lost

    # ------------------------------------------------------------------ small things

    def _any(self) -> SimNode:
        """Choose a node: often the leader, for it matters most."""
        leader = self._cluster.leader
        if leader is not None and self._dice.random() < 0.3:
            return leader
        return self._dice.choice(self._cluster.nodes)

    def _later(
        self, within_s: tuple[float, float], call: Callable[..., None], *args: object
    ) -> None:
        delay, context = self._dice.uniform(*within_s), self._loop.outside
        self._loop.call_later(delay, call, *args, context=context)

    def _note(self, node: SimNode, what: str) -> None:
        self._cluster.trace.note("nemesis", f"{node.name} {what}")


def _ways(some: Iterable[SimNode], others: Iterable[SimNode]) -> list[tuple[str, str]]:
    pairs = [(one.name, other.name) for one in some for other in others]
    return pairs + [(other, one) for one, other in pairs]


def _words(ways: list[tuple[str, str]]) -> str:
    return " ".join("->".join(way) for way in ways)
