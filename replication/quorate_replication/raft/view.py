"""What the parts of a member need to know of its Raft core, and may do to it.

`core.RaftCore` is the real one. Peers are named by their member names; indexes and terms are
Raft's; times are monotonic seconds.
"""

from collections.abc import Sequence
from typing import Protocol

from quorate_replication.engine import Role
from quorate_replication.wire.messages import Entry, Message


class RaftView(Protocol):
    """One member's Raft state."""

    @property
    def peers(self) -> tuple[str, ...]:
        """Every other member, in order."""
        ...

    @property
    def role(self) -> Role:
        """What this member is in the current term."""
        ...

    @property
    def term(self) -> int:
        """The current term."""
        ...

    @property
    def leader(self) -> str:
        """The current term's leader; empty while it knows none."""
        ...

    @property
    def log(self) -> Sequence[Entry]:
        """The log; never empty, indexes are consecutive."""
        ...

    @property
    def commit_index(self) -> int:
        """The last entry that is known to be committed."""
        ...

    @property
    def applied_index(self) -> int:
        """The last entry in the state."""
        ...

    def next_index(self, peer: str) -> int:
        """Return the next entry that a leader sends there."""
        ...

    def set_next_index(self, peer: str, index: int) -> None:
        """Send from there on next."""
        ...

    def match_index(self, peer: str) -> int:
        """Return up to where that peer's copy is known to match, and to be durable."""
        ...

    def handle(self, peer: str, message: Message) -> None:
        """Let PySyncObj act on a message that was checked."""
        ...

    def send(self, peer: str, message: Message) -> bool:
        """Send a message; False if there is no connection, or no room."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...


def has_entry(log: Sequence[Entry], index: int, term: int) -> bool:
    """Tell whether the log holds that very entry."""
    first, last = log[0].index, log[-1].index
    return first <= index <= last and log[index - first].term == term
