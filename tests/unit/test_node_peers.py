"""Which clock is mad: a minority of mad ones never makes a good one insane, nor passes for sane."""

import asyncio
from time import time_ns

import grpc
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.config import Member
from quorate_node.peers import Peers, own_offset_us
from quorate_proto.v1 import cluster_pb2 as pb
from quorate_proto.v1 import cluster_pb2_grpc

SPREAD_US = 500_000  # how far good clocks are from the true time
MAD = st.integers(-(10**15), 10**15)
GOOD = st.integers(-SPREAD_US, SPREAD_US)


@st.composite
def clocks(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Return good clocks and fewer mad ones, as offsets from the true time."""
    good = draw(st.lists(GOOD, min_size=1, max_size=8))
    return good, draw(st.lists(MAD, max_size=len(good) - 1))


@given(clocks())
def test_a_minority_of_mad_clocks_never_makes_a_good_one_insane(
    these: tuple[list[int], list[int]],
) -> None:
    good, mad = these
    own, *others = good
    offset = own_offset_us(clock - own for clock in (*others, *mad))
    assert abs(offset) <= 2 * SPREAD_US


@given(clocks(), MAD)
def test_a_mad_clock_among_a_majority_of_good_ones_is_found_out(
    these: tuple[list[int], list[int]], own: int
) -> None:
    good, mad = these
    if len(mad) + 1 >= len(good):
        return  # with it the mad ones are no minority
    offset = own_offset_us(clock - own for clock in (*good, *mad))
    assert abs(offset - own) <= SPREAD_US


@given(st.lists(MAD, max_size=9), st.randoms())
def test_the_order_of_the_answers_does_not_matter(offsets: list[int], dice: object) -> None:
    shuffled = offsets.copy()
    getattr(dice, "shuffle")(shuffled)  # noqa: B009 - Hypothesis's type of it is private
    assert own_offset_us(shuffled) == own_offset_us(offsets)


@given(MAD)
def test_alone_or_between_two_nobody_can_tell(offset: int) -> None:
    assert own_offset_us([]) == 0
    assert own_offset_us([offset]) == 0


def test_among_three_the_one_that_is_off_knows_by_how_much() -> None:
    assert own_offset_us([90_000_000, 90_000_000]) == -90_000_000
    assert own_offset_us([0, 90_000_000]) == 0
    assert own_offset_us([-90_000_000, 90_000_000]) == 0


async def test_a_clock_is_not_called_sane_before_a_majority_told_the_time() -> None:
    others = [Member(name=name, client="127.0.0.1:1", peer="127.0.0.1:2") for name in ("n2", "n3")]
    peers = Peers(others, None, lambda: 0, limit_us=2_000_000)
    try:
        assert not peers.clock_is_sane()
        assert [status.reachable for status in await peers.ask()] == [False] * 2
        assert not peers.clock_is_sane()
    finally:
        await peers.close()


class Clock(cluster_pb2_grpc.ClusterServiceServicer):
    """A member that tells the time, and nothing else."""

    async def GetNodeStatus(  # noqa: N802 - gRPC dictates the name
        self, request: pb.GetNodeStatusRequest, context: object
    ) -> pb.GetNodeStatusResponse:
        del request, context
        reply = pb.GetNodeStatusResponse()
        reply.node.clock.FromMicroseconds(time_ns() // 1000)
        return reply

    async def GetClusterStatus(  # noqa: N802 - as above
        self, request: pb.GetClusterStatusRequest, context: object
    ) -> pb.GetClusterStatusResponse:
        del request, context
        return pb.GetClusterStatusResponse()


async def test_a_clock_that_jumps_is_found_out_before_anybody_is_asked_again() -> None:
    server = grpc.aio.server()
    cluster_pb2_grpc.add_ClusterServiceServicer_to_server(Clock(), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    others = [Member(name=name, client=address, peer="127.0.0.1:2") for name in ("n2", "n3")]
    jump_us = 0
    peers = Peers(others, None, lambda: time_ns() // 1000 + jump_us, limit_us=2_000_000)
    asking = asyncio.create_task(peers.run())
    try:
        async with asyncio.timeout(30):
            while not peers.clock_is_sane():  # noqa: ASYNC110 - there is no event to wait for
                await asyncio.sleep(0.01)
        assert abs(peers.reading_us() - time_ns() // 1000) < SPREAD_US
        for jump_us in (3_000_000, -3_000_000):
            assert not peers.clock_is_sane()
            assert abs(peers.offset_us - jump_us) < SPREAD_US
            # What goes into the log is the time as it would be without the jump.
            assert abs(peers.reading_us() - time_ns() // 1000) < SPREAD_US
        await server.stop(None)
        assert [status.reachable for status in await peers.ask()] == [False] * 2
        assert not peers.clock_is_sane(), "it passes for sane when nobody can be asked"
        jump_us = 0
        assert peers.clock_is_sane()
    finally:
        asking.cancel()
        await peers.close()
        await server.stop(None)
