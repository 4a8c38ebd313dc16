"""Ports that nobody uses at the moment."""

import random
import socket
from contextlib import ExitStack

from quorate_client.errors import LocalError
from quorate_client.provision import NodePlan, Plan

HOST = "127.0.0.1"
# Below the range from which the system takes the ports of outgoing connections, so that none of
# those lands on a port between its choice and its use.
FIRST, LAST = 20_000, 32_000
_TRIES = 1000


def plan_on_free_ports(nodes: int) -> Plan:
    """Lay out a cluster with TLS on this machine. Raises LocalError if there is no room."""
    ports = iter(free_ports(3 * nodes))
    return Plan(
        nodes=tuple(
            NodePlan(f"n{number + 1}", HOST, next(ports), next(ports), next(ports))
            for number in range(nodes)
        ),
        lab=False,
    )


def free_ports(count: int) -> list[int]:
    """Find `count` different ports that can be bound now. Raises LocalError if it cannot."""
    found: list[int] = []
    with ExitStack() as held:
        for _ in range(_TRIES):
            if len(found) == count:
                return found
            port = random.randrange(FIRST, LAST)  # noqa: S311  no secret
            listener = held.enter_context(socket.socket())
            try:
                listener.bind((HOST, port))
            except OSError:
                continue
            found.append(port)
    raise LocalError(f"no {count} free ports in {FIRST}..{LAST}")
