"""Asking every node by itself, without failover to another."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import replace

from quorate_client.aio import AsyncClient
from quorate_client.demo.checker import NodeAnswer
from quorate_client.errors import QuorateError
from quorate_client.profile import Node, Profile
from quorate_proto.v1.election_pb2 import GetResultsOutcome

SAME_INDEX_WITHIN_S = 15.0
_POLL_S = 0.2


async def ask_every_node(
    profile: Profile, election: str, *, within_s: float
) -> dict[str, NodeAnswer]:
    """The result and the state of every node, by name; `within_s` for the election to close."""
    answers = await asyncio.gather(
        *(_result(profile, node, election, within_s) for node in profile.nodes)
    )
    by_name = {node.name: answer for node, answer in zip(profile.nodes, answers, strict=True)}
    return await _with_digests(profile, by_name)


async def _result(profile: Profile, node: Node, election: str, within_s: float) -> NodeAnswer:
    try:
        async with _only(profile, node) as client, asyncio.timeout(within_s):
            results = await client.wait_results(election)
    except TimeoutError:
        return NodeAnswer({}, error=f"no result within {within_s:.0f} s")
    except QuorateError as error:
        return NodeAnswer({}, error=str(error))
    if results.outcome != GetResultsOutcome.GET_RESULTS_OUTCOME_AVAILABLE:
        return NodeAnswer({}, error=f"no result: {GetResultsOutcome.Name(results.outcome)}")
    return NodeAnswer({count.choice: count.count for count in results.counts})


async def _with_digests(
    profile: Profile, answers: Mapping[str, NodeAnswer]
) -> dict[str, NodeAnswer]:
    """Add the nodes' digests as soon as all are at the same index, or the last seen ones."""
    deadline = time.monotonic() + SAME_INDEX_WITHIN_S
    while True:
        states = await asyncio.gather(*(_state(profile, node) for node in profile.nodes))
        alike = len(set(states)) == 1 and states[0][1] != b""
        if alike or time.monotonic() > deadline:
            return {
                node.name: replace(answers[node.name], applied_index=index, digest=digest)
                for node, (index, digest) in zip(profile.nodes, states, strict=True)
            }
        await asyncio.sleep(_POLL_S)


async def _state(profile: Profile, node: Node) -> tuple[int, bytes]:
    """The node's applied index and digest, from its own memory; (0, b"") without an answer."""
    try:
        async with _only(profile, node) as client:
            status = await client.cluster_status(include_digest=True)
    except QuorateError:
        return 0, b""
    own = next((n for n in status.nodes if n.name == node.name == status.answered_by), None)
    return (0, b"") if own is None else (own.applied_index, own.digest)


def _only(profile: Profile, node: Node) -> AsyncClient:
    return AsyncClient(replace(profile, nodes=(node,)))
