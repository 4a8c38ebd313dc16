"""What both directions share: a TLS connection whose frames are decoded, and that may end any time.

Rule: once `closed`, nothing more is taken from it, whatever has still arrived.
"""

import asyncio
import socket
import ssl
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from typing import cast

from quorate_replication.wire.codec import decode
from quorate_replication.wire.framing import Deframer
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.limits import WireError
from quorate_replication.wire.messages import Greeting, Message
from quorate_replication.wire.network import NetworkEvents
from quorate_replication.wire.patience import Patience
from quorate_replication.wire.tls import peer_name


@dataclass(frozen=True, slots=True)
class Local:
    """This member, to its connections. What `greeter` and `events` raise is theirs to handle.

    `source`: the address that it dials from, see `sockets.source_of`.
    """

    name: str
    others: frozenset[str]
    greeter: Greeter
    events: NetworkEvents
    patience: Patience
    source: str | None


class Connection(asyncio.Protocol):
    """Takes frames from a socket once TLS is done on it."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.closed = False
        self.ended = asyncio.Event()
        self.transport: asyncio.Transport | None = None
        self._deframer = Deframer()

    @abstractmethod
    def identified(self, name: str | None) -> None:
        """TLS is done, and this is the member that the certificate names."""

    @abstractmethod
    def take(self, message: Message | Greeting) -> None:
        """A message has come."""

    @abstractmethod
    def hang_up(self, why: str) -> None:
        """The other side did something wrong: say so, and `abort`."""

    @abstractmethod
    def lost(self, flaw: Exception | None) -> None:
        """It has ended."""

    def abort(self) -> None:
        """End it at once, even in the middle of a TLS handshake."""
        self.closed = True
        if self.transport is not None:
            self.transport.abort()
        else:  # the socket is still asyncio's: make the handshake fail, and it is closed
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)

    # ------------------------------------------------------------------ asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        self.transport = cast("asyncio.Transport", transport)
        if self.closed:
            self.transport.abort()
        else:
            self.identified(peer_name(transport.get_extra_info("peercert")))

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        if self.closed:
            return
        self._deframer.feed(data)
        while not self.closed:
            try:
                frame = self._deframer.next_frame()
                if frame is None:
                    return
                message = decode(frame)
            except WireError as flaw:
                self.hang_up(str(flaw))
                return
            self.take(message)

    def eof_received(self) -> None:
        """See `asyncio.Protocol`; nobody is there who would read what is queued."""
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        self.closed = True
        self.lost(exc)
        self.ended.set()


def reason(flaw: BaseException) -> str:
    """Return in a few words why a connection failed."""
    if isinstance(flaw, ssl.SSLError) and flaw.reason:
        return f"TLS: {flaw.reason.lower().replace('_', ' ')}"
    if isinstance(flaw, TimeoutError):
        return "no answer in time"
    return getattr(flaw, "strerror", None) or str(flaw) or type(flaw).__name__
