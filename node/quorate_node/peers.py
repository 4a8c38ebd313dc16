"""What the other members say of themselves, asked once a second; above all, what time it is.

A member whose clock is away from the members' median says so, is not ready and serves no ballots
until it is mended.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic_ns

import grpc

from quorate_node.config import Member
from quorate_proto.v1 import cluster_pb2 as pb
from quorate_proto.v1 import cluster_pb2_grpc

log = logging.getLogger(__name__)

INTERVAL_S = 1.0
TIMEOUT_S = 0.8


def own_offset_us(peer_offsets_us: Iterable[int]) -> int:
    """Return how far this clock is from the median of all members' clocks, this one included.

    Args:
        peer_offsets_us: each reachable peer's clock minus this one, microseconds. Of two middle
            values the one nearer to this clock counts: between two clocks nobody can tell.
    """
    clocks = sorted((0, *peer_offsets_us))
    middle = clocks[(len(clocks) - 1) // 2], clocks[len(clocks) // 2]
    return -min(middle, key=abs)


@dataclass(slots=True)
class _Peer:
    member: Member
    stub: "cluster_pb2_grpc.ClusterServiceAsyncStub"  # quoted: only its stubs have it
    status: pb.NodeStatus
    beyond_us: int | None = None  # its clock minus our monotonic one, when it last answered


class Peers:
    """Asks the other members how they are, until cancelled.

    Args:
        others: every member but this one.
        credentials: TLS towards them, or None for plaintext (lab mode).
        clock_us: this machine's clock, microseconds since 1970 UTC.
        limit_us: how far this clock may be off.
    """

    def __init__(
        self,
        others: Sequence[Member],
        credentials: grpc.ChannelCredentials | None,
        clock_us: Callable[[], int],
        limit_us: int,
    ) -> None:
        self._clock_us = clock_us
        self._limit_us = limit_us
        self._channels = [_channel(member.client, credentials) for member in others]
        self._peers = [
            _Peer(member, cluster_pb2_grpc.ClusterServiceStub(channel), _unreachable(member))
            for member, channel in zip(others, self._channels, strict=True)
        ]
        self._said_mad = False
        self._trusted_us: int | None = None  # this clock minus the monotonic one, when it was sane
        self.clock_is_known = False
        """Whether so many members once told the time that theirs and ours were a majority."""

    @property
    def offset_us(self) -> int:
        """How far this clock is from the members' median, at this moment."""
        return self._offset_of(self._clock_us() - _monotonic_us())

    def clock_is_sane(self) -> bool:
        """Tell whether this clock is near enough to the members' median, as far as is known."""
        return self._is_sane(self._clock_us() - _monotonic_us())

    def reading_us(self) -> int:
        """Return the time that goes into the log: this clock, or what it would be without a jump.

        While it is away from the members' median, the time goes on from when it was last near it,
        by the monotonic clock. A mad reading in the log would count for as long as nobody replaces
        it, and with that of another member that goes mad later it would be a majority.
        """
        monotonic_us = _monotonic_us()
        own_us = self._clock_us() - monotonic_us  # read once: it may jump between two looks
        if self._is_sane(own_us):
            self._trusted_us = own_us
        if self._trusted_us is None:  # never sane so far: the median itself, if it is known
            return monotonic_us + own_us - self._offset_of(own_us)
        return monotonic_us + self._trusted_us

    def _is_sane(self, own_us: int) -> bool:
        return self.clock_is_known and abs(self._offset_of(own_us)) <= self._limit_us

    def _offset_of(self, own_us: int) -> int:
        """Return how far a clock that is `own_us` beyond the monotonic one is from the median.

        The members' clocks are kept as distances from the monotonic clock, which nobody sets: so a
        jump of this machine's clock is seen at once, and not when the members are asked again. A
        member that does not answer counts as it was: else a mad clock would pass for sane as soon
        as nobody could be asked.
        """
        told = (peer.beyond_us for peer in self._peers)
        return own_offset_us(theirs_us - own_us for theirs_us in told if theirs_us is not None)

    async def run(self) -> None:
        """Ask for ever."""
        while True:
            await self.ask()
            self._mention_clock()
            await asyncio.sleep(INTERVAL_S)

    async def ask(self, *, digest_within_s: float | None = None) -> list[pb.NodeStatus]:
        """Ask every peer now and return what they say; with a digest, wait that long for it."""
        return await asyncio.gather(*(self._ask(peer, digest_within_s) for peer in self._peers))

    async def close(self) -> None:
        """Close the channels."""
        for channel in self._channels:
            await channel.close()

    async def _ask(self, peer: _Peer, digest_within_s: float | None) -> pb.NodeStatus:
        before_us = _monotonic_us()
        request = pb.GetNodeStatusRequest(include_digest=digest_within_s is not None)
        timeout_s = TIMEOUT_S if digest_within_s is None else digest_within_s
        try:
            reply = await peer.stub.GetNodeStatus(request, timeout=timeout_s)
        except grpc.aio.AioRpcError:
            peer.status = _unreachable(peer.member)
            return peer.status
        after_us = _monotonic_us()
        if digest_within_s is None:  # making a digest takes time, which would look like an offset
            theirs_us = reply.node.clock.ToMicroseconds()
            peer.beyond_us = theirs_us - (before_us + after_us) // 2
        peer.status = reply.node
        return peer.status

    def _mention_clock(self) -> None:
        told = sum(peer.beyond_us is not None for peer in self._peers)
        self.clock_is_known |= 2 * (told + 1) > len(self._peers) + 1
        if not self.clock_is_known:
            return
        mad = not self.clock_is_sane()
        if mad and not self._said_mad:
            log.error(
                "this machine's clock is %.1f s off the members' median: no ballots are taken "
                "here until it is mended",
                self.offset_us / 1e6,
            )
        elif self._said_mad and not mad:
            log.warning("this machine's clock agrees with the members' again")
        self._said_mad = mad


def _monotonic_us() -> int:
    return monotonic_ns() // 1000


def _channel(address: str, credentials: grpc.ChannelCredentials | None) -> grpc.aio.Channel:
    options = [
        ("grpc.initial_reconnect_backoff_ms", 200),
        ("grpc.max_reconnect_backoff_ms", 1000),
        # A container that starts again may have another address: its name is looked up again at
        # each dial, not every half minute.
        ("grpc.dns_min_time_between_resolutions_ms", 1000),
        ("grpc.enable_retries", 0),
    ]
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=options)
    return grpc.aio.secure_channel(address, credentials, options=options)


def _unreachable(member: Member) -> pb.NodeStatus:
    return pb.NodeStatus(name=member.name, client_endpoint=member.client, reachable=False)
