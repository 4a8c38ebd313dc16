"""`quorate status`: how the cluster is."""

import math
import time
from typing import Annotated

import typer

from quorate_client.cli import output
from quorate_client.cli.options import Settings, with_settings
from quorate_client.errors import NotDone
from quorate_proto.v1.cluster_pb2 import GetClusterStatusResponse, NodeStatus, Role

LOOK_AGAIN_S = 0.2
STRAGGLERS_S = 3.0  # how long --wait waits for the rest, once a majority is ready


@with_settings
def status(
    settings: Settings,
    digest: Annotated[
        bool, typer.Option("--digest", help="With a hash of each node's whole state.")
    ] = False,
    wait: Annotated[
        bool,
        typer.Option(
            "--wait", help="Until the nodes are ready, a majority at least, or --timeout is over."
        ),
    ] = False,
) -> None:
    """Show the nodes as any one of them sees them.

    Exits with 0 if a majority is ready, else with 4.

    Example: quorate status --wait
    """
    deadline = time.monotonic() + settings.timeout_s
    with settings.client() as client:
        cluster = client.cluster_status(include_digest=digest)
        majority_since = math.inf
        while wait:
            now = time.monotonic()
            majority_since = min(majority_since, now) if _majority_ready(cluster) else math.inf
            settled = majority_since < math.inf and _all_ready(cluster)
            if settled or now >= min(deadline, majority_since + STRAGGLERS_S):
                break
            time.sleep(LOOK_AGAIN_S)
            cluster = client.cluster_status(include_digest=digest)
    majority = _majority_ready(cluster)
    leader = next((n.name for n in cluster.nodes if n.reachable and n.role == Role.ROLE_LEADER), "")
    if settings.json:
        output.emit(
            {
                "cluster_id": cluster.cluster_id,
                "answered_by": cluster.answered_by,
                "leader": leader or None,
                "majority_ready": majority,
                "nodes": [_document(node) for node in cluster.nodes],
            }
        )
    else:
        _show(cluster, leader, digest)
    if not majority:
        if settings.json:
            raise typer.Exit(NotDone.exit_code)
        message = f"{_ready(cluster)} of {len(cluster.nodes)} nodes are ready, which is no majority"
        raise NotDone(f"{message}; wait with --wait, or look at the logs of the others")


def _ready(cluster: GetClusterStatusResponse) -> int:
    return sum(node.reachable and node.ready for node in cluster.nodes)


def _majority_ready(cluster: GetClusterStatusResponse) -> bool:
    return _ready(cluster) > len(cluster.nodes) // 2


def _all_ready(cluster: GetClusterStatusResponse) -> bool:
    """Tell whether all are ready that were reached: a node that is down is not waited for."""
    return all(node.ready for node in cluster.nodes if node.reachable)


def _show(cluster: GetClusterStatusResponse, leader: str, digest: bool) -> None:
    columns = ["node", "endpoint", "role", "term", "commit", "applied", "ready", "clock offset"]
    rows: list[list[str]] = []
    for node in cluster.nodes:
        row = [node.name, node.client_endpoint]
        if not node.reachable:
            rows.append([*row, "unreachable", *[""] * (len(columns) - 3 + digest)])
            continue
        row += [_role(node), str(node.term), str(node.commit_index), str(node.applied_index)]
        row += ["yes" if node.ready else f"no: {node.not_ready_reason}", _offset(node)]
        rows.append([*row, node.digest.hex()] if digest else row)
    if digest:
        columns.append("digest")
    output.table(columns, rows, numbers=("term", "commit", "applied", "clock offset"))
    output.say(f"leader: {leader}" if leader else "no leader")


def _document(node: NodeStatus) -> dict[str, object]:
    document: dict[str, object] = {
        "name": node.name,
        "endpoint": node.client_endpoint,
        "reachable": node.reachable,
    }
    if node.reachable:
        document |= {
            "role": _role(node),
            "term": node.term,
            "leader": node.leader_name or None,
            "commit_index": node.commit_index,
            "applied_index": node.applied_index,
            "ready": node.ready,
            "not_ready_reason": node.not_ready_reason or None,
            "clock_offset_s": node.clock_offset.ToTimedelta().total_seconds(),
            "version": node.version,
        }
    if node.digest:
        document["digest"] = node.digest.hex()
    return document


def _role(node: NodeStatus) -> str:
    names = {
        Role.ROLE_LEADER: "leader",
        Role.ROLE_FOLLOWER: "follower",
        Role.ROLE_CANDIDATE: "candidate",
    }
    return names.get(node.role, "unknown")


def _offset(node: NodeStatus) -> str:
    offset_ms = round(node.clock_offset.ToTimedelta().total_seconds() * 1000)
    return f"{offset_ms:+d} ms" if offset_ms else "0 ms"
