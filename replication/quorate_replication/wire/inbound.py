"""Callers: who they are must be proven and greeted first, then they are only listened to.

Rule 1: at most MAX_STRANGERS callers have yet to prove themselves. One more displaces any of
them: if it were the oldest, say, a flood of strangers could displace every member.
Rule 2: a caller is who its certificate says, another member, and its `Hello` says the same.
Rule 3: of a member's connections the latest counts; the one before is dead once it is welcomed.
Rule 4: whatever a caller does wrong ends its connection, and nothing else.
"""

import asyncio
import logging
import random
import socket
import ssl
from collections.abc import Collection

from quorate_replication.wire.codec import encode
from quorate_replication.wire.connection import Connection, Local, reason
from quorate_replication.wire.framing import framed
from quorate_replication.wire.messages import Greeting, Hello, Message, TurnedAway, Welcome
from quorate_replication.wire.quiet import QuietLog
from quorate_replication.wire.sockets import tune

MAX_STRANGERS = 64
log = logging.getLogger(__name__)


class Listener:
    """Accepts callers and keeps the one connection of each member."""

    def __init__(self, local: Local, tls: ssl.SSLContext) -> None:
        self.local = local
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._of_strangers = QuietLog(log, self._loop.time)
        self._of_members = QuietLog(log, self._loop.time)  # strangers can't drown these
        self._sockets: Collection[socket.socket] = ()
        self._closed = False
        self._receiving: dict[asyncio.Task[None], Caller] = {}
        self._strangers: set[Caller] = set()
        self._members: dict[str, Caller] = {}
        self._count = 0

    def open(self, sockets: Collection[socket.socket]) -> None:
        """Accept callers on these sockets; `close` closes them."""
        self._sockets = sockets
        for each in sockets:
            self._watch(each)

    async def close(self) -> None:
        """Stop accepting, and end all connections."""
        sockets, self._sockets = self._sockets, ()
        self._closed = True
        for each in sockets:
            self._loop.remove_reader(each)
            each.close()
        for caller in self._receiving.values():
            caller.abort()
        await asyncio.gather(*self._receiving, return_exceptions=True)

    def _watch(self, listening: socket.socket) -> None:
        if not self._closed:
            self._loop.add_reader(listening, self._accept, listening)

    def _accept(self, listening: socket.socket) -> None:
        """Accept one caller, so that a flood of them does not starve the raft thread."""
        try:
            sock, _ = listening.accept()
        except BlockingIOError:
            return
        except OSError as flaw:  # no descriptors left, or the caller has gone already
            self._of_strangers.warning(f"cannot accept a peer: {reason(flaw)}")
            self._loop.remove_reader(listening)
            self._loop.call_later(self.local.patience.accept_s, self._watch, listening)
            return
        try:
            self._admit(sock)
        except OSError:
            sock.close()  # it has gone already

    def _admit(self, sock: socket.socket) -> None:
        sock.setblocking(False)
        tune(sock)
        host = str(sock.getpeername()[0])
        if len(self._strangers) >= MAX_STRANGERS:
            victim = random.choice(tuple(self._strangers))  # noqa: S311 - no secret
            victim.hang_up("too many callers have not proven who they are")
        self._count += 1
        caller = Caller(self, sock, host, self._count)
        self._strangers.add(caller)
        task = self._loop.create_task(self._receive(caller))
        self._receiving[task] = caller
        task.add_done_callback(self._receiving.pop)

    async def _receive(self, caller: "Caller") -> None:
        limit_s = self.local.patience.greeting_s
        deadline = self._loop.call_later(limit_s, self._expire, caller)
        try:
            await self._loop.connect_accepted_socket(
                lambda: caller, caller.sock, ssl=self._tls, ssl_handshake_timeout=limit_s
            )
            if caller.transport is not None:
                await caller.ended.wait()
        except OSError as flaw:  # of TLS too
            caller.hang_up(reason(flaw))
        finally:
            deadline.cancel()
            self.gone(caller)

    def _expire(self, caller: "Caller") -> None:
        if caller in self._strangers:
            caller.hang_up("it took too long to say who it is")

    # ------------------------------------------------------------------ for callers

    def welcome(self, caller: "Caller") -> bool:
        """Make this the connection of its member; False if a later one already is."""
        current = self._members.get(caller.peer)
        if current is not None:
            if current.number > caller.number:
                return False
            current.abort()
        self._members[caller.peer] = caller
        self._strangers.discard(caller)
        return True

    def gone(self, caller: "Caller") -> None:
        """Forget a connection that has ended."""
        self._strangers.discard(caller)
        if self._members.get(caller.peer) is caller:
            del self._members[caller.peer]

    def complain(self, caller: "Caller", why: str) -> None:
        """Log why a caller was hung up on."""
        if caller.peer:
            self._of_members.warning(f"hung up on member {caller.peer} at {caller.host}: {why}")
        else:
            self._of_strangers.warning(f"hung up on a caller at {caller.host}: {why}")


class Caller(Connection):
    """One caller's connection. `number` counts up, in the order in which callers came."""

    def __init__(self, listener: Listener, sock: socket.socket, host: str, number: int) -> None:
        super().__init__(sock)
        self.host = host
        self.number = number
        self.peer = ""
        """The member that its certificate names."""
        self._listener = listener
        self._local = listener.local
        self._welcomed = False

    def identified(self, name: str | None) -> None:
        """See `Connection`."""
        if name is None or name not in self._local.others:
            self.hang_up("its certificate is of no other member")
        else:
            self.peer = name

    def take(self, message: Message | Greeting) -> None:
        """See `Connection`."""
        if isinstance(message, Hello) and not self._welcomed:
            self._greet(message)
        elif isinstance(message, Greeting) or not self._welcomed:
            self.hang_up(f"it said {type(message).__name__} out of turn")
        else:
            self._local.events.received(self.peer, message)

    def hang_up(self, why: str) -> None:
        """See `Connection`."""
        if not self.closed:
            self._listener.complain(self, why)
        self.abort()
        self._listener.gone(self)

    def lost(self, flaw: Exception | None) -> None:  # noqa: ARG002 - the dialler says why
        """See `Connection`."""
        self._listener.gone(self)

    def _greet(self, hello: Hello) -> None:
        if hello.name != self.peer:
            self.hang_up(f"its certificate says {self.peer}, it says {hello.name!r}")
            return
        answer = self._local.greeter.greet(hello)
        if isinstance(answer, TurnedAway):
            self._listener.complain(self, f"turned away, {answer.refusal.name}")
            self._answer(answer)
            self._finish()
        elif self._listener.welcome(self):
            self._welcomed = True
            self._answer(answer)
        else:
            self.hang_up("it has called again since")

    def _answer(self, answer: Welcome | TurnedAway) -> None:
        if self.transport is not None:
            self.transport.write(framed(encode(answer)))

    def _finish(self) -> None:
        """Close once the answer is sent; the listener's deadline still holds."""
        self.closed = True
        if self.transport is not None:
            self.transport.close()
