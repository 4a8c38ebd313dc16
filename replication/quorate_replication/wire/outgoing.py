"""What waits to be sent on one connection: bounded, and watched for a peer that reads nothing.

The transport is given little at a time, so that what it holds is read within seconds even on a
slow link; while it takes none, the peer must read something within `stall_s`.
"""

import asyncio
from collections import deque
from collections.abc import Callable

MAX_QUEUED_BYTES = 8 << 20
PIECE_BYTES = 64 << 10  # what the transport is given at once, and when it says stop


class Outgoing:
    """A queue of frames before a transport; `pause` and `resume` are the transport's own calls.

    Args:
        transport: a connected one.
        stall_s: how long it may take nothing.
        stalled: called once when it has taken nothing for so long.
    """

    def __init__(
        self, transport: asyncio.Transport, stall_s: float, stalled: Callable[[], None]
    ) -> None:
        self._transport = transport
        self._stall_s = stall_s
        self._stalled = stalled
        self._queue: deque[memoryview] = deque()
        self._queued = 0
        self._watch: asyncio.TimerHandle | None = None
        self._closing = False
        transport.set_write_buffer_limits(high=PIECE_BYTES)

    @property
    def room(self) -> int:
        """Bytes that may be added now."""
        return 0 if self._closing else MAX_QUEUED_BYTES - self._queued

    def add(self, data: bytes) -> bool:
        """Queue `data`; False if there is no room."""
        if len(data) > self.room:
            return False
        self._queue.append(memoryview(data))
        self._queued += len(data)
        self._pump()
        return True

    def pause(self) -> None:
        """The transport takes no more for now."""
        if self._watch is None:
            loop = asyncio.get_running_loop()
            self._watch = loop.call_later(self._stall_s, self._stalled)

    def resume(self) -> None:
        """The transport takes more."""
        self._unwatch()
        self._pump()

    def close(self) -> None:
        """Close the transport once all is sent; add nothing more."""
        self._closing = True
        self._pump()

    def drop(self) -> None:
        """Forget all; the connection is gone."""
        self._closing = True
        self._unwatch()
        self._queue.clear()
        self._queued = 0

    def _pump(self) -> None:
        while self._queue and self._watch is None:  # writing may pause us
            piece = self._queue.popleft()
            if len(piece) > PIECE_BYTES:
                self._queue.appendleft(piece[PIECE_BYTES:])
                piece = piece[:PIECE_BYTES]
            self._queued -= len(piece)
            self._transport.write(piece)
        if self._closing and not self._queue:
            self._transport.close()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
