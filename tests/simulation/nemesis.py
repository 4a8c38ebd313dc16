"""What goes wrong, and when: crashes, cuts, slow and failing disks, mad clocks, lost disks.

Each run draws its own menu: a few kinds of trouble, often or rarely. So some runs are full of
power cuts, and others of nothing but stalls. After the trouble everything is put right, and the
cluster must come to rest.
"""

import asyncio
import random
from collections.abc import Callable

from simulation.aimed_crashes import AimedCrashes
from simulation.cluster import Cluster
from simulation.crashes import Crashes
from simulation.injector import Injector
from simulation.machine_faults import MachineFaults
from simulation.network_faults import NetworkFaults
from simulation.restarts import Restarts
from simulation.wires import Weather

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
        self._injector = Injector(cluster, dice)
        restarts = Restarts(self._injector)
        cluster.restart = restarts.restart
        self._menu = dice.sample(_kinds(self._injector, restarts), dice.choice((3, 6, 12)))
        self._pause_s = dice.choice((0.4, 1.0, 2.5))
        for node in cluster.nodes:
            node.platter.forgets = dice.random() < 0.5
            node.rate = dice.uniform(0.97, 1.03)
            node.skew_us = int(dice.gauss(0, 200_000))

    async def run(self) -> None:
        """Make trouble for a while, then none, and put everything right."""
        for node in self._cluster.nodes:
            self._injector.later((0.0, 0.5), node.boot)
        await asyncio.sleep(self._dice.uniform(1.5, 3.0))
        while self._loop.now < CHAOS_S:
            self._dice.choice(self._menu)()
            await asyncio.sleep(self._dice.expovariate(1 / self._pause_s))
        self._put_right()

    def _put_right(self) -> None:
        cluster = self._cluster
        cluster.trace.note("nemesis", "rests")
        self._injector.calm = True
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


def _kinds(injector: Injector, restarts: Restarts) -> list[Callable[[], None]]:
    """Return every kind of trouble; what is there twice comes up more often."""
    crashes, network = Crashes(injector), NetworkFaults(injector)
    aimed = AimedCrashes(injector, network, restarts)
    machine = MachineFaults(injector, restarts)
    return [
        crashes.crash_one,
        crashes.crash_one,
        crashes.crash_many,
        crashes.crash_all,
        crashes.crash_at_callback,
        crashes.crash_at_disk_operation,
        crashes.crash_at_disk_operation,
        crashes.crash_many_at_disk_operation,
        aimed.lose_a_copy,
        aimed.lose_a_vote,
        crashes.crash_in_background,
        network.cut_halves,
        network.cut_leader_off,
        network.cut_one_way,
        network.flap,
        network.break_connections,
        network.change_weather,
        machine.slow_disk,
        machine.fill_disk,
        machine.fail_disk,
        machine.move_clock,
        crashes.pause,
        crashes.stop_one,
        machine.lose_disk,
        machine.damage_disk,
    ]
