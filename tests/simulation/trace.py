"""What happened, to read and to compare.

The readable events are kept, the last ones or all. Everything, each delivered message too, goes
into a hash: two runs of one seed are the same run if their hashes are.
"""

import hashlib
from collections import deque
from collections.abc import Callable
from struct import Struct

_MOMENT = Struct("<d")
LAST = 400
"""Events that are kept unless all are."""


class Trace:
    """The story of one run.

    Args:
        now: virtual seconds.
        keep_all: keep every event, not only the last ones.
    """

    def __init__(self, now: Callable[[], float], *, keep_all: bool = False) -> None:
        self._now = now
        self._events: deque[str] = deque(maxlen=None if keep_all else LAST)
        self._hash = hashlib.blake2b(digest_size=16)

    def note(self, who: str, what: str) -> None:
        """Note an event; it must not hold anything that differs between runs of a seed."""
        line = f"{self._now():10.6f} {who:<8} {what}"
        self._events.append(line)
        self._hash.update(line.encode())

    def note_bytes(self, way: tuple[str, str], data: bytes) -> None:
        """Note a message that arrives; only in the hash."""
        self._hash.update(_MOMENT.pack(self._now()))
        self._hash.update("".join(way).encode())
        self._hash.update(len(data).to_bytes(4, "little") + data[:1])

    @property
    def digest(self) -> str:
        """Of everything."""
        return self._hash.hexdigest()

    def lines(self) -> list[str]:
        """Return the events that were kept."""
        return list(self._events)
