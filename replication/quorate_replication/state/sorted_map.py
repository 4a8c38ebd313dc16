"""A map in key order that can be frozen at once, however large it is, and written on meanwhile.

The keys are cut into runs, and each run is a plain dict of at most `CHUNK_KEYS`; a sorted list of
the runs' bounds tells which dict may hold a key. A frozen view shares the dicts. Whoever writes
next copies the one dict that he writes to, so a frozen view never changes.

Why not a library: `sortedcontainers` copies every entry to freeze, and `immutables` (a hash trie)
freezes for nothing but has no order, so a dump would sort a million keys in one call, with the
interpreter lock held for a second. Here the longest single call sorts, copies or splits one chunk.
Two more things follow from small plain dicts: no big table is ever rehashed in the middle of a
write, and dicts of str to bytes are of no interest to the cyclic garbage collector (up to 3.13),
which otherwise stops every thread for as long as it takes to walk through them all.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

V = TypeVar("V")

CHUNK_KEYS = 682
"""As many as fit the dict table of 1024 slots: half a chunk fits the table of half the size."""


class SortedView(Mapping[str, V]):
    """A map from text, in code point order. What `freeze` returns never changes."""

    __slots__ = ("_bounds", "_chunks", "_size")

    def __init__(
        self,
        bounds: Iterable[str] = ("",),
        chunks: Iterable[dict[str, V]] | None = None,
        size: int = 0,
    ) -> None:
        self._bounds = list(bounds)  # chunk i holds keys from bound i on, up to the next bound
        self._chunks: list[dict[str, V]] = [{}] if chunks is None else list(chunks)
        self._size: int = size

    def __getitem__(self, key: str) -> V:
        return self._chunks[bisect_right(self._bounds, key) - 1][key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._chunks[bisect_right(self._bounds, key) - 1]

    def __iter__(self) -> Iterator[str]:
        for chunk in self._chunks:
            yield from sorted(chunk)

    def __len__(self) -> int:
        return self._size

    def in_order(self) -> Iterator[tuple[str, V]]:
        """Yield every entry; the map must not be written to meanwhile (a frozen one never is)."""
        for chunk in self._chunks:
            for key in sorted(chunk):
                yield key, chunk[key]

    def after(self, key: str) -> Iterator[V]:
        """Yield the values of the keys that come after `key`, in order."""
        first = bisect_right(self._bounds, key) - 1
        for position in range(first, len(self._chunks)):
            chunk = self._chunks[position]
            names = sorted(chunk)
            start = bisect_right(names, key) if position == first else 0
            for name in names[start:]:
                yield chunk[name]

    def dismantle(self) -> Iterator[None]:
        """Let go of one chunk at a step; nobody may use the map any more.

        To let go of a million entries in one go would hold the interpreter lock for 0.1 s.
        """
        while self._chunks:
            self._chunks.pop()
            yield


class SortedMap(SortedView[V]):
    """The map that is written to. Entries are added and replaced, never removed."""

    __slots__ = ("_shared",)

    def __init__(
        self,
        bounds: Iterable[str] = ("",),
        chunks: Iterable[dict[str, V]] | None = None,
        size: int = 0,
    ) -> None:
        super().__init__(bounds, chunks, size)
        self._shared = self._all_shared()  # by chunk: 1 if somebody else may have it too

    def __setitem__(self, key: str, value: V) -> None:
        position = bisect_right(self._bounds, key) - 1
        chunk = self._chunks[position]
        if len(chunk) >= CHUNK_KEYS and key not in chunk:
            self._split(position, key)
            position = bisect_right(self._bounds, key) - 1
            chunk = self._chunks[position]
        if self._shared[position]:
            chunk = self._chunks[position] = chunk.copy()
            self._shared[position] = 0
        before = len(chunk)
        chunk[key] = value
        self._size += len(chunk) - before

    def freeze(self) -> SortedView[V]:
        """Return the map as it is now, for ever. Takes as long as copying a list of the chunks."""
        self._shared = self._all_shared()
        return SortedView(self._bounds, self._chunks, self._size)

    def copy(self) -> "SortedMap[V]":
        """Return a map of the same entries; each may be written to without the other."""
        self._shared = self._all_shared()
        return SortedMap(self._bounds, self._chunks, self._size)

    def _all_shared(self) -> bytearray:
        return bytearray(b"\1") * len(self._chunks)

    def _split(self, position: int, key: str) -> None:
        """Make room for `key` in a full chunk.

        What comes in order, as when a snapshot is loaded, fills chunk after chunk to the brim.
        """
        chunk = self._chunks[position]
        names = sorted(chunk)
        if position == len(self._chunks) - 1 and key > names[-1]:
            self._bounds.append(key)
            self._chunks.append({})
            self._shared.append(0)
            return
        middle = len(names) // 2
        self._bounds.insert(position + 1, names[middle])
        self._chunks[position : position + 1] = [
            {name: chunk[name] for name in names[:middle]},
            {name: chunk[name] for name in names[middle:]},
        ]
        self._shared[position : position + 1] = b"\0\0"
