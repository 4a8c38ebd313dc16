"""Dialling one member for ever, and sending to it while it is there.

A name is resolved anew for every dial, so a member is found wherever it has moved.
"""

import asyncio
import logging
import random
import socket
import ssl
from contextlib import suppress

from quorate_replication.wire.connection import Local, reason
from quorate_replication.wire.messages import Message
from quorate_replication.wire.outbound import Called
from quorate_replication.wire.quiet import QuietLog
from quorate_replication.wire.sockets import (
    Located,
    Resolver,
    bind_source,
    refuse_itself,
    split_address,
    tune,
)

log = logging.getLogger(__name__)


class Dialler:
    """Keeps one connection to one other member."""

    def __init__(
        self, local: Local, tls: ssl.SSLContext, peer: str, address: str, find: Resolver
    ) -> None:
        self._local = local
        self._tls = tls
        self._peer = peer
        self._address = address
        self._find = find
        self._loop = asyncio.get_running_loop()
        self._connection: Called | None = None
        self._shaking_hands = False
        self._stopping = False
        self._said = ""
        self._complaints = QuietLog(log, self._loop.time)
        self._task = self._loop.create_task(self._run())

    @property
    def room(self) -> int:
        """Bytes that may be sent now."""
        return 0 if self._connection is None else self._connection.room

    def send(self, message: Message) -> bool:
        """Queue a message; False if there is no connection, or no room."""
        connection = self._connection
        return connection is not None and connection.send(message)

    async def close(self) -> None:
        """Dial no more; send what is queued, for `flush_s` at most."""
        self._stopping = True
        connection = self._connection
        if self._shaking_hands and connection is not None:
            connection.abort()  # asyncio forgets a handshake that is cancelled: let it fail
        else:
            self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if connection is None or connection.transport is None:
            return
        connection.finish()
        with suppress(TimeoutError):
            await asyncio.wait_for(connection.ended.wait(), self._local.patience.flush_s)
        connection.abort()
        await connection.ended.wait()

    # ------------------------------------------------------------------ dialling

    async def _run(self) -> None:
        failures = 0
        while not self._stopping:
            slowly = False
            try:
                connection = await self._dial(failures)
            except Exception as flaw:  # noqa: BLE001 - whatever it is, it must dial again
                # ValueError: no name that could be looked up; RuntimeError: no thread to do it in
                self._complain(reason(flaw))
                failures += 1
            else:
                await connection.ended.wait()
                failures = 0 if connection.welcomed else failures + 1
                slowly = connection.unwelcome
                self._after(connection)
            if not self._stopping:
                await asyncio.sleep(self._pause_s(failures, slowly=slowly))

    def _pause_s(self, failures: int, *, slowly: bool) -> float:
        least, most = self._local.patience.redial_s
        limit = min(most, least * (2 << min(failures, 16)))
        if slowly:
            limit = self._local.patience.slow_redial_s
        return limit * random.uniform(0.5, 1.0)  # noqa: S311 - apart from the others, no secret

    async def _dial(self, failures: int) -> Called:
        """Try its addresses, beginning with another one after each failure."""
        patience = self._local.patience
        async with asyncio.timeout(patience.resolve_s):
            located = await self._find(*split_address(self._address))
        flaw = OSError("its name has no address")
        first = failures % max(1, len(located))
        for each in located[first:] + located[:first]:
            try:
                sock = await self._connect(each)
            except OSError as error:
                flaw = error
            else:
                return await self._shake_hands(sock)
        raise flaw

    async def _connect(self, located: Located) -> socket.socket:
        family, address = located
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            tune(sock)
            if self._local.source is not None:
                bind_source(sock, self._local.source, address)
            async with asyncio.timeout(self._local.patience.connect_s):
                await self._loop.sock_connect(sock, address)
            refuse_itself(sock)
        except BaseException:
            sock.close()
            raise
        return sock

    async def _shake_hands(self, sock: socket.socket) -> Called:
        connection = self._connection = Called(self._local, self._peer, sock)
        self._shaking_hands = True
        try:
            await self._loop.create_connection(
                lambda: connection,
                sock=sock,
                ssl=self._tls,
                server_hostname=self._peer,
                ssl_handshake_timeout=self._local.patience.greeting_s,
            )
        finally:
            self._shaking_hands = False
        if connection.transport is None:
            raise ConnectionResetError("it hung up")
        return connection

    # ------------------------------------------------------------------ what is said of it

    def _after(self, connection: Called) -> None:
        if connection.welcomed:
            self._said = ""
            log.warning("lost the connection to %s: %s", self._peer, connection.why)
        else:
            self._complain(connection.why)

    def _complain(self, why: str) -> None:
        if why != self._said and not self._stopping:  # once, not at every dial
            self._complaints.warning(f"cannot connect to {self._peer} at {self._address}: {why}")
            self._said = why
