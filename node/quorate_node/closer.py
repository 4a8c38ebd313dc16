"""Keeps the cluster clock going where it matters: at the end of each election.

Every node sets a timer at the next end and then sends its clock reading through the log, so an
election closes within a commit of its end even in an idle cluster, and nothing is written while
nothing happens.
"""

import asyncio
import logging
from contextlib import suppress
from typing import Protocol

from quorate_proto.internal import command_pb2 as pb
from quorate_replication import ClusterError, Elections, Replica
from quorate_replication.state.clock import NEVER_US

log = logging.getLogger(__name__)

LOOK_AGAIN_S = 0.25  # the longest sleep: this clock may be set, a change missed
BREATH_S = 0.05  # the shortest: entries may come by the thousand
TIMEOUT_S = 5.0
AHEAD_US = 1_000_000  # more than a clock that is kept by NTP ever goes back


class Clock(Protocol):
    """This member's clock, and whether the others' agree with it (`Peers`)."""

    def reading_us(self) -> int:
        """Return the time that goes into the log, microseconds since 1970 UTC."""
        ...

    def clock_is_sane(self) -> bool:
        """Tell whether it is near enough to the members' median."""
        ...


async def announce_members(replica: Replica, members: list[str], clock: Clock) -> None:
    """See to it that the state knows whose clocks make the cluster clock."""
    command = pb.Command(set_members=pb.SetMembers(members=sorted(members)))
    while await replica.read(lambda state: state.clock.members) != tuple(sorted(members)):
        with suppress(ClusterError):
            await replica.barrier(TIMEOUT_S)
            if await replica.read(lambda state: state.clock.members) == tuple(sorted(members)):
                return
            if clock.clock_is_sane():  # its reading goes with it
                await replica.propose(command, TIMEOUT_S)
        await asyncio.sleep(BREATH_S)


async def close_on_time(replica: Replica, member: str, clock: Clock) -> None:
    """Send this member's clock reading at each election's end; until cancelled.

    And whenever the one that the others have of it lies in the future: a clock that was mad and is
    mended must not go on counting as it was.
    """
    while True:
        end_us, sent_us = await replica.read(lambda state: _next_end(state, member))
        now_us = clock.reading_us()
        due = end_us is not None and now_us >= end_us > sent_us
        if (due or sent_us > now_us + AHEAD_US) and clock.clock_is_sane():
            try:
                await replica.send_clock(TIMEOUT_S)
            except ClusterError as flaw:
                log.debug("could not send the clock: %s", flaw)
                await asyncio.sleep(BREATH_S)
            continue
        wait_s = LOOK_AGAIN_S
        if end_us is not None and now_us < end_us:
            wait_s = min(wait_s, (end_us - now_us) / 1e6)
        await asyncio.sleep(min(wait_s, BREATH_S))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, wait_s - BREATH_S)):
                await replica.change()


def _next_end(state: Elections, member: str) -> tuple[int | None, int]:
    return state.next_end_us(), state.clock.readings.get(member, NEVER_US)
