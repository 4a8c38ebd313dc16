"""Who leads now, as a majority sees it: each node is asked, since one that is cut off may be wrong.

A node that asks others who are cut off answers late, and one that is frozen never does: as soon as
a majority has named a leader, nobody else is waited for.
"""

import asyncio
import time
from collections import Counter
from dataclasses import replace

from quorate_client.aio import AsyncClient
from quorate_client.errors import NotDone, QuorateError
from quorate_client.profile import Node, Profile
from quorate_client.up.watch import leader_of

_ANSWER_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.2


def leader_now(profile: Profile, within_s: float) -> str:
    """Return the name of the node that leads and serves; wait for one. Raises NotDone."""
    return asyncio.run(_leader_now(profile, within_s))


async def _leader_now(profile: Profile, within_s: float) -> str:
    deadline = time.monotonic() + within_s
    while True:
        left_s = max(deadline - time.monotonic(), _LOOK_AGAIN_S)
        leader = await _look(profile, min(left_s, _ANSWER_WITHIN_S))
        if leader is not None:
            return leader
        if time.monotonic() >= deadline:
            raise NotDone(f"no majority has named a leader within {within_s:g} s; nothing was done")
        await asyncio.sleep(_LOOK_AGAIN_S)


async def _look(profile: Profile, within_s: float) -> str | None:
    tasks = [asyncio.create_task(_named_by(profile, node, within_s)) for node in profile.nodes]
    votes: Counter[str] = Counter()
    try:
        for answer in asyncio.as_completed(tasks):
            leader = await answer
            if leader is not None:
                votes[leader] += 1
                if votes[leader] > len(profile.nodes) // 2:
                    return leader
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    return None


async def _named_by(profile: Profile, node: Node, within_s: float) -> str | None:
    """Return the leader that one node sees; None if it sees none or does not answer."""
    try:
        only = replace(profile, nodes=(node,))
        async with AsyncClient(only, timeout_s=within_s) as client:
            leader = leader_of(await client.cluster_status())
    except QuorateError:
        return None
    return None if leader is None else leader.name
