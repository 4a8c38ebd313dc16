"""Reads that wait: for the leader's answer, or until enough is applied. Nobody waits for ever."""

from collections.abc import Callable
from heapq import heappop, heappush
from itertools import count

Ready = Callable[[bool], None]
PATIENCE_S = 10.0
"""No caller of ours waits longer for one answer."""


class Forwarded:
    """Questions that the leader was asked, by id."""

    def __init__(self, first_id: int) -> None:
        self._id = first_id
        self._open: dict[int, tuple[float, Ready]] = {}  # in the order of asking

    def __len__(self) -> int:
        return len(self._open)

    def next_id(self) -> int:
        """Return an id that no question had."""
        self._id += 1
        return self._id

    def add(self, number: int, ready: Ready, now: float) -> None:
        """Wait for the answer to a question."""
        self._open[number] = (now, ready)

    def take(self, number: int) -> Ready | None:
        """Return who waits for that answer, once."""
        return self._open.pop(number, (0.0, None))[1]

    def expire(self, now: float) -> None:
        """Tell those whose answer must be lost."""
        while self._open:
            number, (asked_at, ready) = next(iter(self._open.items()))
            if now - asked_at < PATIENCE_S:
                return
            del self._open[number]
            ready(False)

    def give_up(self) -> None:
        """Tell everybody that there will be no answer."""
        waiting, self._open = list(self._open.values()), {}
        for _, ready in waiting:
            ready(False)


class Waiting:
    """Reads that wait until an index is applied."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, float, Ready]] = []
        self._serial = count()
        self._look_at = 0.0

    def __len__(self) -> int:
        return len(self._heap)

    def add(self, index: int, ready: Ready, now: float) -> None:
        """Wait until that index is applied."""
        heappush(self._heap, (index, next(self._serial), now, ready))

    def release(self, applied: int) -> None:
        """Tell those that may read now."""
        while self._heap and self._heap[0][0] <= applied:
            heappop(self._heap)[3](True)

    def expire(self, now: float) -> None:
        """Tell those that have waited too long; looks once a second."""
        if now < self._look_at:
            return
        self._look_at = now + 1.0
        late = [each for each in self._heap if now - each[2] >= PATIENCE_S]
        if late:
            self._heap = [each for each in self._heap if now - each[2] < PATIENCE_S]
            self._heap.sort(key=lambda each: each[:2])
        for each in late:
            each[3](False)
