"""A TCP relay: whoever connects to its port talks to another port, through weather.

What is held back (by a delay, or by a cut) comes later and in order, like what TCP has to send
again; connections that are made during a cut are accepted, and nothing passes. Bytes are never
lost nor changed: what a network may do worse, `reset` does, and `packets.py`.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections import deque
from dataclasses import dataclass

_HELD_BYTES = 1 << 18
"""Of one direction: beyond that its sender has to wait."""
_HARD_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER: the other side gets a reset, not an end


@dataclass(slots=True)
class Weather:
    """What a connection goes through; shared by all of one relay, and changed at any time."""

    cut: bool = False
    delay_s: float = 0.0
    jitter_s: float = 0.0


class _Side(asyncio.Protocol):
    """One of the two sockets of a connection; what it reads, the other one writes."""

    def __init__(self, relay: "Relay") -> None:
        self._relay = relay
        self._loop = asyncio.get_running_loop()
        self._held: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self.ended = self._congested = False
        self._last_due = 0.0
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None

    # ------------------------------------------------------------------ what asyncio tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._relay.sides.add(self)
        self._relay.opened(self)

    def data_received(self, data: bytes) -> None:
        weather = self._relay.weather
        due = self._loop.time() + weather.delay_s + weather.jitter_s * self._relay.dice.random()
        self._last_due = max(due, self._last_due)
        self._held.append((self._last_due, data))
        self._held_bytes += len(data)
        self.pass_on()

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.ended = True
        self.pass_on()
        if self.other is None:
            self._relay.sides.discard(self)

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.hold_on(wait=True)

    def resume_writing(self) -> None:
        if self.other is not None:
            self.other.hold_on(wait=False)

    # ------------------------------------------------------------------ passing on

    def pass_on(self) -> None:
        """Write to the other side what is due."""
        weather, other = self._relay.weather, self.other
        if not weather.cut and other is not None and other.transport is not None:
            now = self._loop.time()
            while self._held and self._held[0][0] <= now:
                _, data = self._held.popleft()
                self._held_bytes -= len(data)
                if not other.transport.is_closing():  # else nobody is there to hear it
                    other.transport.write(data)
            if self._held and self._timer is None:
                self._timer = self._loop.call_at(self._held[0][0], self._on_time)
            if self.ended and not self._held:  # during a cut the other side hears nothing of it
                other.transport.close()
                self._relay.sides.discard(self)
        if not self.ended:
            self._adjust_reading()

    def hold_on(self, *, wait: bool) -> None:
        """Read no more, or go on: the other side's socket is full, or has room again."""
        self._congested = wait
        self._adjust_reading()

    def _on_time(self) -> None:
        self._timer = None
        self.pass_on()

    def _adjust_reading(self) -> None:
        if self.transport is None or self.transport.is_closing():
            return
        wait = self._congested or self.other is None or self._held_bytes > _HELD_BYTES
        (self.transport.pause_reading if wait else self.transport.resume_reading)()

    def end(self, *, hard: bool) -> None:
        """End this side at once, `hard` with a reset; what is held is lost."""
        self._held.clear()
        self._held_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
        if self.transport is not None:
            sock = self.transport.get_extra_info("socket")
            if hard and sock is not None:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _HARD_CLOSE)
            self.transport.abort()


class Relay:
    """Listens on a free port (`port`) of this machine, and passes on to `target`, host:port."""

    def __init__(self, target: str, dice: random.Random) -> None:
        self.weather = Weather()
        self.sides: set[_Side] = set()
        self.dice = dice
        self.port = 0
        self._target = target
        self._server: asyncio.Server | None = None
        self._dialling: set[asyncio.Task[None]] = set()
        self._waiting: list[_Side] = []  # accepted during a cut

    async def open(self) -> None:
        """Listen."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Side(self), "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def opened(self, side: _Side) -> None:
        """Take a new socket; if it is a caller's, dial what it wants."""
        if side.other is not None:  # it is the one that was dialled
            return
        if side.transport is not None:
            side.transport.pause_reading()
        if self.weather.cut:
            self._waiting.append(side)
        else:
            self._dial(side)

    def changed(self) -> None:
        """Look at the weather again."""
        for side in tuple(self.sides):
            side.pass_on()
        if not self.weather.cut:
            waiting, self._waiting = self._waiting, []
            for side in waiting:
                self._dial(side)

    def reset(self) -> None:
        """Break every connection; both ends are told so by a reset."""
        for side in tuple(self.sides):
            side.end(hard=True)

    async def close(self) -> None:
        """Break everything off, and listen no more."""
        if self._server is not None:
            self._server.close()
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        self.reset()

    def _dial(self, caller: _Side) -> None:
        task = asyncio.create_task(self._connect(caller))
        self._dialling.add(task)
        task.add_done_callback(self._dialling.discard)

    async def _connect(self, caller: _Side) -> None:
        if caller.ended:
            return
        called = _Side(self)
        called.other = caller
        try:
            loop = asyncio.get_running_loop()
            host, _, port = self._target.rpartition(":")
            await loop.create_connection(lambda: called, host, int(port))
        except OSError:  # nobody listens there
            caller.end(hard=True)
            return
        caller.other = called
        if caller.ended:
            called.end(hard=True)
        caller.pass_on()
        called.pass_on()
