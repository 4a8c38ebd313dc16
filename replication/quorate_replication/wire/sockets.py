"""Sockets as members want them: addresses, listeners, and options that find dead links."""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable

from quorate_replication.errors import EngineStartError

BACKLOG = 128
MAX_PORT = 65535
_USUAL_LOOPBACK = "127.0.0.1"
_BIND_ADDRESS_NO_PORT = 24  # Linux: the port is chosen at the connect (`socket` knows it from 3.12)
_OPTIONS = (
    (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
    (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 2),  # seconds of silence before the first probe
    (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 1),
    (socket.IPPROTO_TCP, "TCP_KEEPCNT", 3),
    (socket.IPPROTO_TCP, "TCP_USER_TIMEOUT", 4_000),  # milliseconds that sent bytes go unanswered
)

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""As `getaddrinfo` has it."""
Located = tuple[int, SocketAddress]
"""An address family and an address of it."""
Resolver = Callable[[str, int], Awaitable[list[Located]]]
"""Host and port to where they are now. Raises OSError."""


def split_address(address: str) -> tuple[str, int]:
    """Return host and port of `host:port` or `[v6]:port`. Raises ValueError."""
    host, colon, port = address.rpartition(":")
    host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > MAX_PORT:
        raise ValueError(f"{address} is not HOST:PORT")
    return host, int(port)


async def resolve(host: str, port: int) -> list[Located]:
    """Ask the system's resolver, in another thread unless the host is a number. See `Resolver`."""
    kind = socket.SOCK_STREAM
    try:
        found = socket.getaddrinfo(host, port, type=kind, flags=socket.AI_NUMERICHOST)
    except OSError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=kind)
    return [(family, address) for family, _, _, _, address in found]


def tune(sock: socket.socket) -> None:
    """Send at once, and notice within seconds that a link is dead; as far as the system can."""
    for level, name, value in _OPTIONS:
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(level, option, value)


def source_of(bind: str) -> str | None:
    """Return the loopback address of its own that a member listens on; None if it has none.

    It dials other loopback addresses from there, so that members who share a machine can be told
    apart by the packets between them, and cut off from each other.
    """
    host, _ = split_address(bind)
    return host if _is_loopback(host) and host != _USUAL_LOOPBACK else None


def bind_source(sock: socket.socket, source: str, address: SocketAddress) -> None:
    """Let a socket be dialled from `source` if `address`, which it will dial, is a loopback one.

    From a loopback address nothing else can be reached. Raises OSError.
    """
    if _is_loopback(str(address[0])):
        sock.setsockopt(socket.IPPROTO_IP, _BIND_ADDRESS_NO_PORT, 1)
        sock.bind((source, 0))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False


def refuse_itself(sock: socket.socket) -> None:
    """Raise ConnectionRefusedError if a dialled socket is connected to itself.

    The kernel may choose the very port that is dialled on this machine while nobody listens on
    it; kept, that connection would keep the member who should listen from starting.
    """
    if sock.getsockname() == sock.getpeername():
        raise ConnectionRefusedError("nobody listens there")


async def listen(bind: str) -> list[socket.socket]:
    """Return sockets that listen on every address of `host:port`. Raises EngineStartError."""
    try:
        return _listen_on_all(dict.fromkeys(await resolve(*split_address(bind))))
    except (OSError, ValueError) as flaw:
        reason = getattr(flaw, "strerror", None) or flaw
        raise EngineStartError(f"cannot listen for peers on {bind}: {reason}") from None


def _listen_on_all(located: Iterable[Located]) -> list[socket.socket]:
    listeners: list[socket.socket] = []
    missing = OSError("it has no address")
    for family, address in located:
        try:
            listeners.append(_listener(family, address))
        except OSError as flaw:
            if flaw.errno not in (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT):
                for listener in listeners:
                    listener.close()
                raise
            missing = flaw  # `localhost` may have an address that this machine has not
    if not listeners:
        raise missing
    return listeners


def _listener(family: int, address: SocketAddress) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setblocking(False)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a restart need not wait
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except BaseException:
        listener.close()
        raise
    return listener
