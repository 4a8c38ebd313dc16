"""How one kind of message lies in a frame: a type byte, fixed fields, and perhaps a tail.

Rule 1: a number is big-endian, a flag is 0 or 1, an enum's value is known; all else is refused.
Rule 2: nothing is allocated on the word of a length: what it counts must be in the frame.
Rule 3: nothing follows the end.
Rule 4: a message's own check runs on it when it is sent and when it has come.
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from quorate_replication.wire.limits import (
    INCARNATION_BYTES,
    MAX_NAME_BYTES,
    MAX_NUMBER,
    WireError,
)
from quorate_replication.wire.messages import Entry, Greeting, Message, Refusal, Standing

_ENTRY = struct.Struct(">QI")  # ENTRY_OVERHEAD_BYTES


class Field(NamedTuple):
    """A fixed field: its `struct` code, and what a value must pass, in both directions."""

    code: str
    convert: Callable[[Any], Any]


def _number(value: int) -> int:
    if value > MAX_NUMBER:
        raise WireError("a number is higher than any that is used")
    return value  # `struct` knows nothing below zero


def _flag(value: int) -> bool:
    if value not in (0, 1):
        raise WireError("a flag is neither 0 nor 1")
    return value == 1


def _incarnation(value: bytes) -> bytes:
    if len(value) != INCARNATION_BYTES:
        raise WireError(f"an incarnation is not {INCARNATION_BYTES} bytes long")
    return value


NUMBER = Field("Q", _number)
FLAG = Field("B", _flag)
INCARNATION = Field(f"{INCARNATION_BYTES}s", _incarnation)
STANDING = Field("B", Standing)
REFUSAL = Field("B", Refusal)


class Tail(Protocol):
    """What follows the fixed fields, up to the frame's end."""

    def pack(self, message: Any) -> bytes:  # noqa: ANN401 - the layout knows its own messages
        """Return the bytes."""
        ...

    def unpack(self, frame: bytes, at: int, found: dict[str, Any]) -> dict[str, Any]:
        """Return the message's further attributes; `found` are those of the fixed fields."""
        ...


class Blob(NamedTuple):
    """All the rest, as bytes."""

    name: str

    def pack(self, message: Any) -> bytes:  # noqa: ANN401
        """See `Tail`."""
        data: bytes = getattr(message, self.name)
        return data

    def unpack(self, frame: bytes, at: int, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """See `Tail`."""
        return {self.name: frame[at:]}


class Names(NamedTuple):
    """Short texts, each a length byte and UTF-8."""

    names: tuple[str, ...]

    def pack(self, message: Any) -> bytes:  # noqa: ANN401
        """See `Tail`."""
        parts: list[bytes] = []
        for name in self.names:
            text = str(getattr(message, name)).encode()
            _check_name(text)
            parts += (bytes((len(text),)), text)
        return b"".join(parts)

    def unpack(self, frame: bytes, at: int, found: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        """See `Tail`."""
        texts: dict[str, str] = {}
        for name in self.names:
            start = at + 1
            length = frame[at] if at < len(frame) else 0
            at = start + length
            _check_name(frame[start:at])
            texts[name] = _whole(frame[start:at], length).decode()
        if at != len(frame):
            raise WireError("bytes follow its end")
        return texts


class Entries(NamedTuple):
    """Log entries up to the end: term, length, command. Their indexes follow one another."""

    name: str

    def pack(self, message: Any) -> bytes:  # noqa: ANN401
        """See `Tail`."""
        entries: tuple[Entry, ...] = getattr(message, self.name)
        parts: list[bytes] = []
        for command, _, term in entries:
            parts += (_ENTRY.pack(term, len(command)), command)
        return b"".join(parts)

    def unpack(self, frame: bytes, at: int, found: dict[str, Any]) -> dict[str, Any]:
        """See `Tail`."""
        index = found["previous_index"]
        entries: list[Entry] = []
        while at < len(frame):
            term, length = _ENTRY.unpack_from(frame, at)
            at += _ENTRY.size
            command = _whole(frame[at : at + length], length)
            at += length
            index += 1
            entries.append(Entry(command, index, term))
        return {self.name: tuple(entries)}


class Layout:
    """One kind of message; `fields` in the order of the wire.

    Args:
        kind: its type byte; never given to another kind.
        make: its class.
        tail: what follows the fixed fields.
        check: raises WireError for a message that must be neither sent nor taken.
        version: said after the type byte; a frame that says a newer one is refused.
    """

    def __init__(
        self,
        kind: int,
        make: Callable[..., Message | Greeting],
        tail: Tail | None = None,
        check: Callable[[Any], None] | None = None,
        version: int | None = None,
        **fields: Field,
    ) -> None:
        self.kind = kind
        self.make = make
        self._tail = tail
        self._check = check
        self._version = version
        self._fields = tuple(fields.items())
        self._preamble = (kind,) if version is None else (kind, version)
        start = ">B" if version is None else ">BH"
        self._start = struct.Struct(start)
        self._head = struct.Struct(start + "".join(field.code for field in fields.values()))

    def pack(self, message: Message | Greeting) -> bytes:
        """Return a message's frame. Raises ValueError or struct.error if it may not be sent."""
        if self._check is not None:
            self._check(message)
        values = (field.convert(getattr(message, name)) for name, field in self._fields)
        head = self._head.pack(*self._preamble, *values)
        return head if self._tail is None else head + self._tail.pack(message)

    def unpack(self, frame: bytes) -> Message | Greeting:
        """Return a frame's message. Raises ValueError or struct.error if it is malformed."""
        if self._version is not None:
            _check_version(self._start.unpack_from(frame)[1], self._version)
        values = self._head.unpack_from(frame)[len(self._preamble) :]
        found = {
            name: field.convert(value)
            for (name, field), value in zip(self._fields, values, strict=True)
        }
        if self._tail is not None:
            found |= self._tail.unpack(frame, self._head.size, found)
        elif len(frame) != self._head.size:
            raise WireError("bytes follow its end")
        message = self.make(**found)
        if self._check is not None:
            self._check(message)
        return message


def _check_version(said: int, own: int) -> None:
    if said > own:
        raise WireError(
            f"the peer speaks version {said} of the protocol, this member only up to {own}: "
            "upgrade this member"
        )
    if said < 1:
        raise WireError("there is no version 0 of the protocol")


def _check_name(text: bytes) -> None:
    if not 1 <= len(text) <= MAX_NAME_BYTES:
        raise WireError(f"a name is not 1 to {MAX_NAME_BYTES} bytes long")


def _whole(data: bytes, length: int) -> bytes:
    if len(data) != length:
        raise WireError("it is cut short")
    return data
