"""All nodes of one run, and what was noticed about them."""

import random
from collections import Counter
from collections.abc import Callable

from quorate_replication import EngineStatus
from quorate_replication.errors import DiskFailure, EngineStartError, NotWelcome
from simulation.checker import Applied, Final
from simulation.dice import split
from simulation.life import Ending, Life
from simulation.loop import VirtualLoop
from simulation.node import SimNode
from simulation.process import World
from simulation.trace import Trace
from simulation.wires import Wires


class Cluster:
    """The nodes, their wires, and the incidents: ends of processes that nothing excuses.

    Args:
        size: how many nodes.
        dice: for everything that is left to chance.
        keep_all: keep the whole trace.
    """

    def __init__(self, size: int, dice: random.Random, *, keep_all: bool = False) -> None:
        self.loop = VirtualLoop()
        self.trace = Trace(lambda: self.loop.now, keep_all=keep_all)
        self.applied = Applied()
        self.counts: Counter[str] = Counter()
        self.incidents: list[str] = []
        self.restart: Callable[[SimNode, Exception | None], None] = lambda _node, _flaw: None
        self.wires = Wires(self.loop, split(dice), self.trace)
        world = World(
            loop=self.loop,
            wires=self.wires,
            trace=self.trace,
            applied=self.applied,
            names=tuple(f"n{number}" for number in range(1, size + 1)),
            snapshot_entries=dice.choice((20, 40, 80)),
            segment_bytes=dice.choice((1500, 4000, 20_000)),
        )
        self.nodes = [SimNode(world, name, split(dice), self._ended) for name in world.names]
        self._by_name = {node.name: node for node in self.nodes}
        self._statuses: dict[str, EngineStatus] = {}
        self._seen: dict[str, str] = {}
        self.loop.died = self._died
        self.loop.ran = self._ran
        self.loop.raised = self._raised

    @property
    def majority(self) -> int:
        """How many nodes make one."""
        return len(self.nodes) // 2 + 1

    @property
    def healthy(self) -> bool:
        """Whether every node serves, votes and has caught up."""
        return all(is_healthy(node) for node in self.nodes)

    @property
    def settled(self) -> bool:
        """Whether all nodes are healthy and equally far."""
        statuses = [node.status for node in self.nodes]
        indexes = {(s.applied_index, s.commit_index) for s in statuses if s is not None}
        return self.healthy and len(indexes) == 1

    @property
    def leader(self) -> SimNode | None:
        """The node that leads in the highest term."""
        leading = [
            (s.term, n.name, n) for n in self.nodes if (s := n.status) and s.role.value == "leader"
        ]
        return max(leading)[2] if leading else None

    def finals(self) -> list[Final]:
        """Return what the nodes have come to."""
        found = list[Final]()
        for node in self.nodes:
            process, status = node.process, node.status
            if process is None or status is None:
                found.append(Final(node.name, 0, ready=False, state=None))
            else:
                ready = is_healthy(node)
                state = process.driver.state
                found.append(Final(node.name, status.applied_index, ready, state))
        return found

    def close(self) -> None:
        """Let go of everything."""
        for node in self.nodes:
            node.lay_to_rest()

    # ------------------------------------------------------------------ what happens

    def _died(self, life: Life) -> None:
        self._node(life).bury(life)

    def _ran(self, life: Life) -> None:
        """Note in the trace what has become of a node."""
        node = self._node(life)
        status = node.status
        if status is None or status is self._statuses.get(node.name):
            return
        self._statuses[node.name] = status
        view = f"{status.role.value} in term {status.term}, leader {status.leader or '?'}"
        if not status.votes:
            view += f", {status.standing}"
        if self._seen.get(node.name) != view:
            self._seen[node.name] = view
            node.note(view)
            if status.role.value == "leader":
                self.counts["elections"] += 1
        if node.replacing and status.votes:
            node.replacing = False
            self.counts["disks replaced"] += 1

    def _raised(self, life: Life, flaw: Exception) -> None:
        node = self._node(life)
        if node.process is not None and node.process.life is life:
            life.end(Ending.FAILED)
            node.bury(life, flaw)

    def _ended(self, node: SimNode, ending: Ending, flaw: Exception | None) -> None:
        self.counts[ending.value] += 1
        self._seen.pop(node.name, None)
        if flaw is not None and not is_excused(node, flaw):
            self.incidents.append(f"{node.name} ended itself: {flaw!r}")
        self.restart(node, flaw)

    def _node(self, life: Life) -> SimNode:
        return self._by_name[life.name]


def is_healthy(node: SimNode) -> bool:
    """Tell whether a node serves, votes and has caught up."""
    status = node.status
    return status is not None and status.votes and status.caught_up


def is_excused(node: SimNode, flaw: Exception) -> bool:
    """Tell whether something was done to a node that makes it end itself in that way."""
    if isinstance(flaw, DiskFailure | EngineStartError):
        return node.disk_failed or node.damaged
    if isinstance(flaw, NotWelcome):
        return node.wiped_unsaid
    return False
