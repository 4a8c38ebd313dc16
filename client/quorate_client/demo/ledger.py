"""What the voters were told: kept apart from the cluster, and compared with it at the end."""

import asyncio
from collections import Counter


class Ledger:
    """Counts the outcomes of the voters' calls, as the client told them.

    `acknowledged` per choice; `rejected` per reason; `not_cast` per error: definitely not;
    `unknown`: never resolved; `longest_wait_s`: the longest that a voter waited for an answer.
    """

    def __init__(self) -> None:
        self.acknowledged: Counter[str] = Counter()
        self.rejected: Counter[str] = Counter()
        self.not_cast: Counter[str] = Counter()
        self.unknown = 0
        self.longest_wait_s = 0.0
        self._changed = asyncio.Event()

    @property
    def settled(self) -> int:
        """How many voters know what became of their ballot, or have given up."""
        told = self.acknowledged.total() + self.rejected.total()
        return told + self.not_cast.total() + self.unknown

    def no_answer(self, error: str, *, perhaps: bool) -> None:
        """Note that a voter gave up at `error`; `perhaps`: her ballot may have been counted."""
        if perhaps:
            self.unknown += 1
        else:
            self.not_cast[error] += 1

    def settle(self, waited_s: float) -> None:
        """Tell those who wait that another voter is done, after `waited_s` seconds."""
        self.longest_wait_s = max(self.longest_wait_s, waited_s)
        self._changed.set()
        self._changed = asyncio.Event()

    async def reached(self, count: int) -> None:
        """Wait until `count` voters are done."""
        while self.settled < count:
            await self._changed.wait()
