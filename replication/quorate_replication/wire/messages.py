"""What members say to one another.

Terms, indexes and ids are unsigned 64-bit numbers. `codec` turns messages into bytes and back;
limits on every length are enforced there, in both directions.
"""

import enum
from dataclasses import dataclass
from typing import NamedTuple


class Entry(NamedTuple):
    """A log entry; a plain tuple to PySyncObj. `command` is its type byte, then a batch."""

    command: bytes
    index: int  # type: ignore[assignment] # pyright: ignore[reportIncompatibleMethodOverride] - nobody calls tuple.index on an entry
    term: int


# ------------------------------------------------------------------ greeting (a connection's first)


class Standing(enum.IntEnum):
    """Whether a member counts in elections and commits."""

    VOTER = 1
    ASKING = 2
    """Its disk is empty and nothing says why: it asks every other member whether it is known."""
    REPLACING = 3
    """Started with `--replace` on an empty disk: it catches up before it votes."""
    REPLACED = 4
    """It has caught up and counts; not every other member has met its new disk yet."""

    @property
    def counts(self) -> bool:
        """Whether such a member votes, and its copies count."""
        return self in (Standing.VOTER, Standing.REPLACED)

    @property
    def is_new_disk(self) -> bool:
        """Whether such a member says that what was known under its name is lost."""
        return self in (Standing.REPLACING, Standing.REPLACED)


@dataclass(frozen=True, slots=True)
class Hello:
    """Who dials. The certificate says the name, too; both must agree."""

    cluster_id: str
    name: str
    incarnation: bytes
    """16 random bytes, made with the data folder: another disk is another incarnation."""
    standing: Standing


@dataclass(frozen=True, slots=True)
class Welcome:
    """Who answers; from here on the dialler sends, and the answerer only listens."""

    incarnation: bytes
    standing: Standing


class Refusal(enum.IntEnum):
    """Why a caller is turned away."""

    WRONG_CLUSTER = 1
    NOT_A_MEMBER = 2
    OTHER_INCARNATION = 3
    """The name is known with another disk: wiped, or restored from an old copy."""


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """The answer to a `Hello` that is not accepted; the connection ends."""

    refusal: Refusal


# ------------------------------------------------------------------ Raft


@dataclass(frozen=True, slots=True)
class RequestVote:
    """Raft figure 2. `transfer`: the leader itself asked for this election."""

    term: int
    last_index: int
    last_term: int
    transfer: bool = False


@dataclass(frozen=True, slots=True)
class Vote:
    """A vote granted in `term`; refusals are silent."""

    term: int


@dataclass(frozen=True, slots=True)
class RequestPreVote:
    """Would you vote for me in `term`? Raft dissertation, section 9.6."""

    term: int
    last_index: int
    last_term: int


@dataclass(frozen=True, slots=True)
class PreVote:
    """Yes, I would, in `term`. Promises nothing."""

    term: int


@dataclass(frozen=True, slots=True)
class TimeoutNow:
    """The leader hands over: start an election at once. Raft dissertation, section 3.10."""

    term: int


@dataclass(frozen=True, slots=True)
class AppendEntries:
    """Raft figure 2; without entries it is a heartbeat."""

    term: int
    commit_index: int
    previous_index: int
    previous_term: int
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class AppendReply:
    """The answer to AppendEntries, and to a snapshot's last chunk.

    `success`: all before `next_index` is durable here and matches. `reset`: there is a gap or a
    contradiction; go on at `next_index`. Neither: only a sign of life, and of the term.
    `counts`: whether this member's copy counts towards a commit (`Standing.VOTER`).
    """

    term: int
    next_index: int
    success: bool
    reset: bool
    counts: bool = True


@dataclass(frozen=True, slots=True)
class SnapshotChunk:
    """A piece of the leader's snapshot file, at `offset` of `size` bytes."""

    term: int
    index: int
    """Of the last entry in the snapshot; its term is `last_term`."""
    last_term: int
    offset: int
    size: int
    data: bytes


@dataclass(frozen=True, slots=True)
class SnapshotReply:
    """How far a snapshot has arrived, in bytes; `refused`: begin again, or send entries."""

    term: int
    index: int
    offset: int
    refused: bool = False


# ------------------------------------------------------------------ proposals and reads


@dataclass(frozen=True, slots=True)
class Propose:
    """Append this on the leader, if it leads in `term`; `id` is the sender's own."""

    term: int
    id: int
    entry: bytes


@dataclass(frozen=True, slots=True)
class Proposed:
    """It is in the leader's log at `index` in `term`: committed if that entry ever is."""

    id: int
    index: int
    term: int


@dataclass(frozen=True, slots=True)
class NotProposed:
    """It is in no log: this member does not lead in the term, or takes no more."""

    id: int


@dataclass(frozen=True, slots=True)
class AskReadIndex:
    """From a follower: from which commit index on is a read current? Dissertation, 6.4."""

    term: int
    id: int


@dataclass(frozen=True, slots=True)
class ReadIndex:
    """To a follower: a read of a state that has applied `index` is current."""

    id: int
    index: int


@dataclass(frozen=True, slots=True)
class NoReadIndex:
    """To a follower: this member can't tell; ask again, elsewhere."""

    id: int


@dataclass(frozen=True, slots=True)
class ConfirmLeader:
    """From the leader: do you still follow me in `term`? `round` counts up."""

    term: int
    round: int


@dataclass(frozen=True, slots=True)
class LeaderConfirmed:
    """Yes, as of `round`."""

    term: int
    round: int


Greeting = Hello | Welcome | TurnedAway
Message = (
    RequestVote
    | Vote
    | RequestPreVote
    | PreVote
    | TimeoutNow
    | AppendEntries
    | AppendReply
    | SnapshotChunk
    | SnapshotReply
    | Propose
    | Proposed
    | NotProposed
    | AskReadIndex
    | ReadIndex
    | NoReadIndex
    | ConfirmLeader
    | LeaderConfirmed
)
