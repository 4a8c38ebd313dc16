"""A cluster whose nodes are each on a host of its own: containers, or machines.

Rule 1: a node is found under its own name, which its host's name is; the others look that name up
again at every dial, so it may move.
Rule 2: it listens on every address of its host: which these are may change while it runs.
"""

from quorate_client.errors import LocalError
from quorate_client.provision.plan import MAX_NODES, NodePlan, Plan

CLIENT_PORT, OFFICER_PORT, PEER_PORT = 7400, 7500, 7600  # on each host
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - meant
LOOPBACK = "127.0.0.1"


def plan_hosts(nodes: int) -> Plan:
    """Lay out `nodes` nodes n1, n2, ... on hosts of the same names, the ports alike on each.

    The certificates are good for 127.0.0.1 as well: there the host of a container publishes its
    clients' port. Raises LocalError for a number of nodes that cannot be.
    """
    if not 1 <= nodes <= MAX_NODES:
        raise LocalError(f"a cluster has 1 to {MAX_NODES} nodes, not {nodes}")
    return Plan(nodes=tuple(_node(f"n{number}") for number in range(1, nodes + 1)), lab=False)


def _node(name: str) -> NodePlan:
    return NodePlan(
        name=name,
        host=name,
        client_port=CLIENT_PORT,
        officer_port=OFFICER_PORT,
        peer_port=PEER_PORT,
        listen_host=EVERY_ADDRESS,
        also_at=(LOOPBACK,),
    )
