"""The seam between a replica and the consensus that drives it.

The engine owns the log, the state and a thread of its own. Everything passed to it returns at
once; the answers come in that thread.
"""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from quorate_replication.errors import EngineStartError
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome

__all__ = [
    "Committed",
    "Engine",
    "EngineStartError",
    "EngineStatus",
    "Refused",
    "Role",
    "Settled",
    "Unknown",
]


class Role(enum.Enum):
    """What a member is in the current term."""

    LEADER = "leader"
    FOLLOWER = "follower"
    CANDIDATE = "candidate"


@dataclass(frozen=True, slots=True)
class EngineStatus:
    """A member's own view of the cluster."""

    role: Role = Role.FOLLOWER
    term: int = 0
    leader: str = ""
    """The leader's name; empty while it knows none."""
    commit_index: int = 0
    applied_index: int = 0
    caught_up: bool = False
    """It knows a leader and has applied all that the leader had committed when last heard."""
    votes: bool = True
    """Whether it counts in elections and commits; see `storage.membership`."""
    standing: str = "voter"
    """Or `asking` (its disk is empty), or `replacing` (it catches up with a new disk)."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The entry is committed and applied here; `outcomes` are its commands', in order."""

    outcomes: list[Outcome]


@dataclass(frozen=True, slots=True)
class Refused:
    """Definite: the entry is in no log, or can never be committed."""

    why: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Indefinite: the entry may be committed, now or later."""

    why: str


Settled = Committed | Refused | Unknown


class Engine(Protocol):
    """Consensus over one log of batches, and the state that they made."""

    @property
    def status(self) -> EngineStatus:
        """The latest view; cheap, from any thread."""
        ...

    async def start(self) -> None:
        """Start; return once it listens to its peers. Raises EngineStartError."""
        ...

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        """Propose an entry; `done` is called at most once, perhaps never."""
        ...

    def read_index(self, ready: Callable[[bool], None]) -> None:
        """Call `ready` with True once the state here shows all that was acknowledged before.

        False: nobody can tell now; nothing was written.
        """
        ...

    def inspect(self, job: Callable[[Elections], None]) -> None:
        """Run `job` on the state, between two entries; it must not change it or raise."""
        ...

    async def stop(self) -> None:
        """Hand leadership over if it is ours, then end; takes a few seconds at most."""
        ...
