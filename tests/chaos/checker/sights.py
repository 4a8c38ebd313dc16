"""What an answer shows of the election that it is about.

The state machine checks in the order of the proto's enums, so a rejection shows all that was
checked before it: ALREADY_CAST, CHOICE_NOT_FOUND and END_TIME_NOT_LATER come only while the
election is open. ELECTION_CLOSED shows no more than that there is an election: a ballot or an
extension is in time when both the cluster clock and its own node's reading are before the end,
so a node may say so a moment before the others see the election closed.
"""

import enum

from chaos.records import Kind, Op


class Sight(enum.Enum):
    """What an election was like when a call took effect."""

    ABSENT = "not there"
    THERE = "there"
    OPEN = "open"
    CLOSED = "closed"


_SIGHTS: dict[tuple[Kind, str], Sight] = {
    ("election", "NOT_FOUND"): Sight.ABSENT,
    ("election", "OPEN"): Sight.OPEN,
    ("election", "CLOSED"): Sight.CLOSED,
    ("results", "ELECTION_NOT_FOUND"): Sight.ABSENT,
    ("results", "ELECTION_OPEN"): Sight.OPEN,
    ("results", "AVAILABLE"): Sight.CLOSED,
    ("check", "ELECTION_NOT_FOUND"): Sight.ABSENT,
    ("check", "COUNTED"): Sight.THERE,
    ("check", "NOT_COUNTED_YET"): Sight.OPEN,
    ("check", "NOT_COUNTED"): Sight.CLOSED,
    ("cast", "ELECTION_NOT_FOUND"): Sight.ABSENT,
    ("cast", "GROUP_NOT_ALLOWED"): Sight.THERE,
    ("cast", "ELECTION_CLOSED"): Sight.THERE,
    ("cast", "ALREADY_CAST"): Sight.OPEN,
    ("cast", "CHOICE_NOT_FOUND"): Sight.OPEN,
    ("cast", "COUNTED"): Sight.THERE,
    ("create", "CREATED"): Sight.THERE,
    ("create", "NAME_TAKEN"): Sight.THERE,
    ("extend", "ELECTION_NOT_FOUND"): Sight.ABSENT,
    ("extend", "NOT_CREATOR"): Sight.THERE,
    ("extend", "ELECTION_CLOSED"): Sight.THERE,
    ("extend", "END_TIME_INVALID"): Sight.OPEN,
    ("extend", "END_TIME_NOT_LATER"): Sight.OPEN,
    ("extend", "TOO_MANY_EXTENSIONS"): Sight.OPEN,
    ("extend", "EXTENDED"): Sight.THERE,
}


def sight_of(op: Op) -> Sight | None:
    """Return what the answer shows; None: nothing."""
    return _SIGHTS.get((op.kind, op.outcome))
