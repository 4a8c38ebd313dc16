"""What goes wrong in the demo, on purpose: the leader is killed while voters cast."""

import asyncio

from quorate_client.aio import AsyncClient
from quorate_client.demo.ledger import Ledger
from quorate_client.demo.stage import Stage
from quorate_client.errors import QuorateError
from quorate_client.profile import Profile
from quorate_client.up import Supervisor
from quorate_client.up.watch import POLL_S, leader_of


async def kill_the_leader(
    profile: Profile, supervisor: Supervisor, ledger: Ledger, voters: int, stage: Stage
) -> str:
    """SIGKILL the leader at a third of the ballots and start it again at two thirds; its name."""
    await ledger.reached(max(1, voters // 3))
    leader = await _leader(profile)
    supervisor.kill(leader)
    stage.say(f"killed the leader, {leader}, with SIGKILL", style="yellow")
    try:
        await ledger.reached(max(1, 2 * voters // 3))
    finally:
        supervisor.release(leader)
    return leader


async def _leader(profile: Profile) -> str:
    """The leader's name; waits for one if somebody else has just killed it."""
    async with AsyncClient(profile) as client:
        while True:
            try:
                leader = leader_of(await client.cluster_status())
            except QuorateError:
                leader = None
            if leader is not None:
                return leader.name
            await asyncio.sleep(POLL_S)
