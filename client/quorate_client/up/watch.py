"""Watching who leads: asks the cluster again and again, and tells what is new."""

import asyncio
import time
from collections.abc import Callable

from quorate_client.aio import AsyncClient
from quorate_client.errors import QuorateError
from quorate_client.profile import Profile
from quorate_client.up.events import Event, Leading, NodeRow, Ready, Waiting
from quorate_proto.v1.cluster_pb2 import GetClusterStatusResponse, NodeStatus, Role

POLL_S = 0.25  # until it is ready; then
RELAXED_POLL_S = 1.0
ALL_READY_WITHIN_S = 3.0  # how long the slower nodes are waited for once there is a leader
PATIENCE_S = 15.0  # how often it is said that there is still no leader
_ANSWER_WITHIN_S = 2.0
ROLES = {
    Role.ROLE_LEADER: "leader",
    Role.ROLE_FOLLOWER: "follower",
    Role.ROLE_CANDIDATE: "candidate",
}


def leader_of(status: GetClusterStatusResponse) -> NodeStatus | None:
    """The member that leads and serves, as the node that answered sees it; else None."""
    leaders = [
        node
        for node in status.nodes
        if node.reachable and node.ready and node.role == Role.ROLE_LEADER
    ]
    return max(leaders, key=lambda node: node.term, default=None)


def _always(_: str) -> bool:
    return True


async def wait_until_ready(
    profile: Profile,
    report: Callable[[Event], None],
    running: Callable[[str], bool] = _always,
) -> Ready:
    """Wait, without end, until a leader serves, and a little for the other nodes; report it.

    `running` tells by its name whether a node's process runs: one that does not isn't waited for.
    """
    began = time.monotonic()
    said = 0
    led_since: float | None = None
    async with AsyncClient(profile, timeout_s=_ANSWER_WITHIN_S) as client:
        while True:
            status = await _status(client)
            now = time.monotonic()
            leader = None if status is None else leader_of(status)
            if status is not None and leader is not None:
                led_since = now if led_since is None else led_since
                complete = all(node.ready or not running(node.name) for node in status.nodes)
                if complete or now - led_since > ALL_READY_WITHIN_S:
                    ready = Ready(leader.name, leader.term, _rows(profile, status, running))
                    report(ready)
                    return ready
            elif now - began > (said + 1) * PATIENCE_S:
                said += 1
                report(Waiting(now - began))
            await asyncio.sleep(POLL_S)


async def watch(
    profile: Profile, report: Callable[[Event], None], running: Callable[[str], bool]
) -> None:
    """Report `Ready` once, then every change of the leader, until cancelled."""
    ready = await wait_until_ready(profile, report, running)
    known = (ready.leader, ready.term)
    async with AsyncClient(profile, timeout_s=_ANSWER_WITHIN_S) as client:
        while True:
            await asyncio.sleep(RELAXED_POLL_S)
            status = await _status(client)
            leader = None if status is None else leader_of(status)
            if leader is not None and leader.term >= known[1] and leader.name != known[0]:
                report(Leading(leader.name, leader.term))
                known = (leader.name, leader.term)


async def _status(client: AsyncClient) -> GetClusterStatusResponse | None:
    try:
        return await client.cluster_status()
    except QuorateError:
        return None


def _rows(
    profile: Profile, status: GetClusterStatusResponse, running: Callable[[str], bool]
) -> tuple[NodeRow, ...]:
    by_name = {node.name: node for node in status.nodes}
    return tuple(
        NodeRow(
            name=node.name,
            endpoint=node.client,
            officer_endpoint=node.officer,
            role=ROLES.get(by_name[node.name].role, "unknown")
            if node.name in by_name
            else "unknown",
            ready=node.name in by_name and by_name[node.name].ready,
            running=running(node.name),
        )
        for node in profile.nodes
    )
