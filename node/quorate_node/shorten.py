"""Cutting what is too long to be valid, before it goes into the log.

The state machine rejects names and lists that are too long, in its order of checking. To be
rejected they need not be written to every disk first: each is replaced by something short that is
rejected for the same reason.
"""

from collections.abc import Iterable

from quorate_replication.state import limits


def name(text: str) -> str:
    """Return a name, or the empty one, which is as invalid as one that is too long."""
    return text if limits.is_name(text) else ""


def names(texts: Iterable[str], most: int) -> list[str]:
    """Return names; of too many, one more than there may be."""
    return [name(text) for text in texts][: most + 1]


def public_key(key: bytes) -> bytes:
    """Return a key; of one that is too long, one byte more than it may have."""
    return key[: limits.PUBLIC_KEY_BYTES + 1]
