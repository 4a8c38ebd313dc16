"""Recovery: the segments on a disk, read and judged; nothing is changed here.

Rule 1: only the newest segment may end in a torn tail. The older ones were synced before it was
made, so any damage in them is corruption, and so is a gap between two segments.
Rule 2: a newest segment without its header and its first record was being made at the crash, and
holds nothing; unless it is longer than those, or all there is and not the journal's first: then
the log was in it.
Rule 3: corruption is refused. To go on without an acknowledged entry could lose or double ballots.
"""

from dataclasses import dataclass, field

from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import SNAPSHOT, WAY_OUT
from quorate_replication.storage.log_state import LogState
from quorate_replication.storage.records import Begin, Commit, Mark
from quorate_replication.storage.segments import (
    HEADER_BYTES,
    JournalError,
    Scan,
    Verdict,
    damaged,
    first_sequence,
    scan,
    segment_name,
)

MAX_BEGUN_BYTES = 512
"""A segment's header and first record are shorter: one that is longer was not just being made."""


@dataclass(frozen=True, slots=True)
class TornTail:
    """The end of the newest segment that is to be cut off."""

    name: str
    keep: int
    """Bytes."""
    lose: int
    """Bytes."""


@dataclass(slots=True)
class Recovered:
    """A journal as it is on disk."""

    state: LogState = field(default_factory=LogState)
    records: int = 0
    next_sequence: int = 1
    durable: int = 0
    """As the last record says."""
    last_content: int = 0
    """The last record whose loss would matter."""
    torn: TornTail | None = None
    incomplete: str | None = None
    """A newest segment that is to be removed."""


def recover(disk: Disk, seed: int = 0) -> Recovered:
    """Read all segments. Raises OSError, and JournalError if they can't be used."""
    found = Recovered()
    names = disk.names()
    numbered = [(first, name) for name in names if (first := first_sequence(name))]
    for position, (first, name) in enumerate(numbered):
        newest = position == len(numbered) - 1
        if position and first != found.next_sequence:
            missing = f"{segment_name(found.next_sequence)} should come before it and is missing"
            raise damaged(disk, name, 0, missing)
        segment = scan(disk, name, first, seed)
        if segment.verdict is Verdict.DAMAGE or (segment.verdict is Verdict.TORN and not newest):
            raise damaged(disk, name, segment.end, "what had been synced there can't be read")
        if not segment.bodies:
            if (not position and first != 1) or segment.size > MAX_BEGUN_BYTES:
                raise damaged(disk, name, 0, "it is another disk's, or its first record is damaged")
            found.incomplete = name
        else:
            if segment.verdict is Verdict.TORN:
                found.torn = TornTail(name, segment.end, segment.size - segment.end)
            _replay(disk, name, segment, found)
    state = found.state
    if not state.segments and SNAPSHOT in names:
        raise JournalError(
            f"the journal in {disk.path} is missing, and with it whom this member voted for,"
            f" though {SNAPSHOT} is there. {WAY_OUT}."
        )
    state.commit_index = min(state.commit_index, state.last_index)
    return found


def _replay(disk: Disk, name: str, segment: Scan, found: Recovered) -> None:
    first = segment.bodies[0]
    if not isinstance(first, Begin):
        raise damaged(disk, name, HEADER_BYTES, "it begins with another record than it must")
    number = first_sequence(name) or 0
    try:
        found.state.begin(name, first)
        found.last_content = number
        for body in segment.bodies[1:]:
            number += 1
            found.state.apply(body)
            if not isinstance(body, Commit | Mark):
                found.last_content = number
    except ValueError as flaw:
        raise damaged(disk, name, segment.end, f"record {number} is wrong: {flaw}") from None
    found.next_sequence = number + 1
    found.records += len(segment.bodies)
    found.durable = segment.durable
