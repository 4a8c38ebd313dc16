"""A hash of the whole state, for whoever compares replicas.

Making one reads the whole state, off the raft thread. So callers share one that is being made,
and a caller who can't wait that long finds it done, or nearly, when she asks again.
"""

import asyncio
from time import monotonic

from quorate_replication import Replica

INTERVAL_S = 1.0  # at most one in this time, or whoever asks all the time costs a core


class StateDigest:
    """The newest digest of one replica's state."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._index, self._digest = -1, b""
        self._making: asyncio.Task[None] | None = None
        self._due = 0.0

    async def get(self, timeout_s: float) -> tuple[int, bytes] | None:
        """Return an index and the digest of the state there; None if it takes longer.

        Raises NotCommitted once the replica was stopped.
        """
        if self._index != self._replica.status.applied_index:
            if self._making is None or self._making.done():
                self._making = asyncio.create_task(self._make(), name="digest")
            try:
                async with asyncio.timeout(timeout_s):
                    await asyncio.shield(self._making)
            except TimeoutError:
                return None
        return self._index, self._digest

    async def _make(self) -> None:
        await asyncio.sleep(max(0.0, self._due - monotonic()))
        self._index, self._digest = await self._replica.digest()
        self._due = monotonic() + INTERVAL_S
