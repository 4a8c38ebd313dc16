"""What `quorate init` tells about the cluster it made."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from quorate_client.provision.layout import OFFICERS, NewCluster
from quorate_client.provision.plan import Plan

COLUMNS = ("node", "voters", "officers", "peers")


def rows(plan: Plan) -> list[tuple[str, str, str, str]]:
    """The nodes and their addresses, a row each under COLUMNS."""
    return [(node.name, node.client, node.officer or "as voters", node.peer) for node in plan.nodes]


def lines(directory: Path, plan: Plan) -> list[str]:
    """What lies where, and what to do next."""
    folder = shlex.quote(str(directory))
    said: list[str] = []
    if not plan.lab:
        certificates = ", ".join(f"officers/{role}.pem" for role in OFFICERS)
        said.append(f"officers' certificates: {certificates}")
    return [
        *said,
        "ca.key signs new certificates: keep it off the nodes, and safe",
        "next:",
        f"  quorate up {folder}",
        f"  quorate --cluster {folder} status",
    ]


def document(
    directory: Path, plan: Plan, cluster: NewCluster, warnings: Sequence[str]
) -> dict[str, object]:
    """The same for programs."""
    return {
        "cluster_id": cluster.cluster_id,
        "directory": str(directory.absolute()),
        "lab": plan.lab,
        "nodes": [
            {
                "name": node.name,
                "client": node.client,
                "officer": node.officer,
                "peer": node.peer,
                "config": f"nodes/{node.name}/node.toml",
            }
            for node in plan.nodes
        ],
        "warnings": list(warnings),
    }
