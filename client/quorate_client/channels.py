"""gRPC channels, one per endpoint, and whether they are connected.

`Channels.ready` lends a channel only once it is connected. So when it raises NotConnected, nothing
was sent, and the attempt failed definitely.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import grpc
from grpc import aio

CONNECT_TIMEOUT_S = 1.0

OPTIONS: tuple[tuple[str, int], ...] = (
    # A node that restarts is back within a second; gRPC's own backoff goes up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    # Channels to one address share connections and their backoff unless told not to: then a
    # replaced channel would wait out the backoff of the one that it replaces.
    ("grpc.use_local_subchannel_pool", 1),
    # Retrying is failover.py's business: it knows which attempts were definite.
    ("grpc.enable_retries", 0),
    # A ballot goes to the node that the profile names, never through a proxy of the environment.
    ("grpc.enable_http_proxy", 0),
    # A connection that died unnoticed (a router forgot it, a node was cut off) is given up before
    # somebody needs it. Nodes allow a ping every five seconds, and without calls, too.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),  # no limit of our own
)


class NotConnected(Exception):  # noqa: N818 - an outcome of an attempt, handled in calls.py
    """The endpoint was not reached, for the reason in the text; nothing was sent."""


@dataclass(slots=True)
class Lease:
    """A connected channel, lent for one attempt."""

    channel: aio.Channel
    users: int = 0
    retired: bool = False
    answered_at: float = 0.0  # when a call was last answered on it, by the monotonic clock


class Channels:
    """The channels that share one set of credentials; None means plaintext."""

    def __init__(self, credentials: grpc.ChannelCredentials | None) -> None:
        self._credentials = credentials
        self._leases: dict[str, Lease] = {}

    @asynccontextmanager
    async def ready(self, endpoint: str, timeout_s: float) -> AsyncGenerator[Lease]:
        """Lend the channel to `endpoint`, connected within `timeout_s`; else NotConnected."""
        lease = self._leases.get(endpoint)
        if lease is None:
            lease = self._leases[endpoint] = Lease(self._open(endpoint))
        lease.users += 1
        try:
            try:
                async with asyncio.timeout(timeout_s):
                    await _connected(lease.channel)
            except TimeoutError as error:
                self.retire(endpoint, lease)
                raise NotConnected("no connection in time") from error
            except NotConnected:
                self.retire(endpoint, lease)
                raise
            yield lease
        finally:
            lease.users -= 1
            await _close_unused(lease)

    def retire(self, endpoint: str, lease: Lease) -> None:
        """Replace a channel that may lead nowhere: the next attempt connects anew.

        Closing a channel cancels its calls, so it stays open until its last user returns it.
        """
        lease.retired = True
        if self._leases.get(endpoint) is lease:
            del self._leases[endpoint]

    async def close(self) -> None:
        """Close every channel; calls in flight are cancelled."""
        leases, self._leases = list(self._leases.values()), {}
        for lease in leases:
            await lease.channel.close()

    def _open(self, endpoint: str) -> aio.Channel:
        if self._credentials is None:
            return aio.insecure_channel(endpoint, options=OPTIONS)
        return aio.secure_channel(endpoint, self._credentials, options=OPTIONS)


async def _close_unused(lease: Lease) -> None:
    if lease.retired and lease.users == 0:
        await lease.channel.close()


async def _connected(channel: aio.Channel) -> None:
    """Wait until `channel` is connected; NotConnected at the first failure to connect."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state in (
            grpc.ChannelConnectivity.TRANSIENT_FAILURE,
            grpc.ChannelConnectivity.SHUTDOWN,
        ):
            raise NotConnected(await _why_unreachable(channel))
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


async def _why_unreachable(channel: aio.Channel) -> str:
    """Ask for the reason: gRPC tells it to a call only. This one is harmless if it gets through."""
    probe = channel.unary_unary(
        "/grpc.health.v1.Health/Check", request_serializer=bytes, response_deserializer=bytes
    )
    try:
        await probe(b"", timeout=CONNECT_TIMEOUT_S)
    except aio.AioRpcError as error:
        return _plain(error.details() or "")
    return "the connection came and went"


def _plain(details: str) -> str:
    known = {
        "CERTIFICATE_VERIFY_FAILED": "its certificate is not of this cluster's CA",
        "WRONG_VERSION_NUMBER": "it does not speak TLS; is it a lab cluster (--plaintext)?",
        "Connection refused": "connection refused",
    }
    for sign, reason in known.items():
        if sign in details:
            return reason
    return details.rpartition("last error: ")[2].splitlines()[0][:200] if details else "unreachable"
