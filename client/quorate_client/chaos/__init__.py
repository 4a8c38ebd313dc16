"""Breaking a running cluster on purpose, and mending it.

Rule 1. Only what is this cluster's is touched: the processes that its `run.json` names, the
        containers of its compose project, the packets between its nodes' peer addresses.
Rule 2. Nothing is remembered: what is broken is read from the system itself (stopped processes,
        firewall rules, containers' states). So it can be mended after a crash of the one who broke
        it, and whoever broke it.
Rule 3. Mending mends everything that can be broken here, and may be repeated. It does not start
        processes: that is for `quorate up`.
"""

from quorate_client.chaos.compose import Compose
from quorate_client.chaos.engine import Project
from quorate_client.chaos.leader import leader_now
from quorate_client.chaos.machine import Machine
from quorate_client.chaos.model import Broken, Cluster, Mended, NodeState

__all__ = [
    "Broken",
    "Cluster",
    "Compose",
    "Machine",
    "Mended",
    "NodeState",
    "Project",
    "leader_now",
]
