"""One connection to a member that was dialled, from TLS to its end.

Rule 1: messages may be sent once its certificate, its `Welcome` and our greeter agree on who it is.
Rule 2: nothing but the answer to the greeting is ever received here.
Rule 3: `connected` is told once, and then `disconnected` once, unless we stop.
"""

import asyncio
import logging
import socket

from quorate_replication.wire.codec import encode
from quorate_replication.wire.connection import Connection, Local, reason
from quorate_replication.wire.framing import framed
from quorate_replication.wire.messages import (
    Greeting,
    Hello,
    Message,
    Refusal,
    TurnedAway,
    Welcome,
)
from quorate_replication.wire.outgoing import Outgoing

log = logging.getLogger(__name__)

_REFUSALS = {
    Refusal.WRONG_CLUSTER: "it belongs to another cluster",
    Refusal.NOT_A_MEMBER: "it does not count this member among its own",
    Refusal.OTHER_INCARNATION: "it knows this member with another disk",
}


class Called(Connection):
    """A connection to the member that was dialled; it may be welcome there, or not."""

    def __init__(self, local: Local, peer: str, sock: socket.socket) -> None:
        super().__init__(sock)
        self.welcomed = False
        self.unwelcome = False
        """It turned us away, or we it: there is no hurry to dial again."""
        self.why = ""
        """It ended."""
        self._local = local
        self._peer = peer
        self._outgoing: Outgoing | None = None
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def room(self) -> int:
        """Bytes that may be sent now; 0 until it is welcomed."""
        return 0 if self.closed or self._outgoing is None else self._outgoing.room

    def send(self, message: Message) -> bool:
        """Queue a message; False if there is no room for it, or it has ended."""
        if self.closed or self._outgoing is None:
            return False
        return self._outgoing.add(framed(encode(message)))

    def finish(self) -> None:
        """Close it once what is queued is sent; nothing is told of it any more."""
        outgoing = None if self.closed else self._outgoing
        self.closed = True
        self.welcomed = False
        if outgoing is not None:
            outgoing.close()
        else:
            self.abort()

    def identified(self, name: str | None) -> None:
        """See `Connection`."""
        if name != self._peer:
            self.hang_up(f"its certificate is of {name or 'no member'}")
            return
        self._write(self._local.greeter.hello())
        loop = asyncio.get_running_loop()
        limit_s = self._local.patience.greeting_s
        self._deadline = loop.call_later(limit_s, self.hang_up, "no answer to the greeting")

    def take(self, message: Message | Greeting) -> None:
        """See `Connection`."""
        if self.welcomed or not isinstance(message, Welcome | TurnedAway):
            self.hang_up(f"it said {type(message).__name__} out of turn")
        elif isinstance(message, TurnedAway):
            self._turned_away(message.refusal)
        elif not self._local.greeter.welcomed(self._peer, message):
            self.unwelcome = True
            self.hang_up("it answers with another disk than the one that is known of it")
        else:
            self._connected()

    def hang_up(self, why: str) -> None:
        """See `Connection`."""
        self.why = self.why or why
        self.abort()

    def lost(self, flaw: Exception | None) -> None:
        """See `Connection`."""
        self._answered()
        self.why = self.why or ("it hung up" if flaw is None else reason(flaw))
        if self._outgoing is not None:
            self._outgoing.drop()
        if self.welcomed:
            self._local.events.disconnected(self._peer)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self._outgoing is not None:
            self._outgoing.pause()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self._outgoing is not None:
            self._outgoing.resume()

    # ------------------------------------------------------------------ greeting

    def _write(self, hello: Hello) -> None:
        if self.transport is not None:
            self.transport.write(framed(encode(hello)))

    def _answered(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _connected(self) -> None:
        self._answered()
        if self.transport is None:
            return
        limit_s = self._local.patience.stall_s
        self._outgoing = Outgoing(
            self.transport, limit_s, lambda: self.hang_up(f"it has read nothing for {limit_s} s")
        )
        self.welcomed = True
        self._local.events.connected(self._peer)

    def _turned_away(self, refusal: Refusal) -> None:
        self.unwelcome = True
        self.hang_up(f"it turns this member away: {_REFUSALS[refusal]}")
        if refusal is Refusal.OTHER_INCARNATION:
            self._local.events.refused(
                f"{self._peer} knows {self._local.name} with another disk: its data folder was "
                "emptied, or is an old copy. Put the right folder back; or, if it is lost for "
                "good, start this node with an empty one and --replace"
            )
