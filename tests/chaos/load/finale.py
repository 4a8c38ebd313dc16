"""The last word of one node: every election's result, and the digest of the whole state."""

import asyncio

from chaos.records import NodeFinal
from quorate_client import AsyncClient, NotDone, QuorateError
from quorate_proto.v1.cluster_pb2 import NodeStatus
from quorate_proto.v1.election_pb2 import GetResultsOutcome

SETTLE_S = 0.3  # between two looks
AT_ONCE = 8


async def final_of(node: str, client: AsyncClient, patience_s: float) -> NodeFinal:
    """Ask `node` (all that `client` knows) for its last word.

    Waits, so long at most, until every election is closed and its state has stopped to move.
    """
    names = [election.name async for election in client.list_elections(page_size=1000)]
    places = asyncio.Semaphore(AT_ONCE)

    async def results(name: str) -> dict[str, int]:
        async with places:
            return await _results(client, name, patience_s)

    counts = await asyncio.gather(*map(results, names))
    status = await _still(node, client, patience_s)
    return NodeFinal(
        node=node,
        applied_index=status.applied_index,
        digest=status.digest.hex(),
        results=dict(zip(names, counts, strict=True)),
    )


async def _results(client: AsyncClient, name: str, patience_s: float) -> dict[str, int]:
    """Return the counts; none if it is open for ever, which the checker then finds."""
    try:
        async with asyncio.timeout(patience_s):
            told = await client.wait_results(name)
    except (TimeoutError, NotDone):
        return {}
    if told.outcome != GetResultsOutcome.GET_RESULTS_OUTCOME_AVAILABLE:
        return {}
    return {count.choice: count.count for count in told.counts}


async def _still(node: str, client: AsyncClient, patience_s: float) -> NodeStatus:
    """Wait until all members are at the same index, as far as this node sees them."""
    seen = NodeStatus()
    try:
        async with asyncio.timeout(patience_s):
            while True:
                status = await client.cluster_status(include_digest=True)
                [seen] = [each for each in status.nodes if each.name == node]
                if len({(each.applied_index, each.digest) for each in status.nodes}) == 1:
                    return seen
                await asyncio.sleep(SETTLE_S)
    except (TimeoutError, QuorateError):
        return seen
