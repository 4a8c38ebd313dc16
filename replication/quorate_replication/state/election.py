"""One election: who may vote on what until when, who has, and the tally."""

from dataclasses import dataclass, field, replace

from quorate_replication.state import limits
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.sorted_map import SortedMap


@dataclass(slots=True)
class Election:
    """Participation (who) and tally (what) are kept apart and share no order.

    `tally` runs parallel to `choices`. Times are microseconds since 1970 UTC.
    """

    name: str
    creator: str
    request_id: bytes
    groups: tuple[str, ...]
    choices: tuple[str, ...]
    end_us: int
    born_closed: bool
    tally: list[int]
    participation: SortedMap[bytes] = field(default_factory=SortedMap[bytes])
    extensions: dict[bytes, int] = field(default_factory=dict[bytes, int])
    late: SortedMap[bytes] = field(default_factory=SortedMap[bytes])
    """The last ballot of a voter that was rejected by one clock, while the cluster's had not closed
    the election yet: repeated through a node whose clock is slower it would be counted."""
    late_extension: bytes = b""
    """The request id of the creator's last extension that was rejected so."""

    def copy(self) -> "Election":
        """Return one that changes apart from this one; the ballots are not copied yet."""
        return replace(
            self,
            tally=self.tally.copy(),
            participation=self.participation.copy(),
            extensions=self.extensions.copy(),
            late=self.late.copy(),
        )

    def is_closed(self, cluster_us: int) -> bool:
        """Tell whether it is over by the cluster clock; once over it stays over."""
        return self.born_closed or cluster_us >= self.end_us

    def takes(self, cluster_us: int, reading_us: int) -> bool:
        """Tell whether something read at `reading_us` is in time.

        Both clocks must be before the end: the cluster's may lag behind an outage that
        spanned the end, and a single reading may be mad.
        """
        return not self.is_closed(cluster_us) and reading_us < self.end_us

    def count(self, voter: str, choice: str, request_id: bytes) -> Outcome:
        """Count one ballot, if it is the voter's first and names a choice."""
        if voter in self.participation:
            return Outcome.ALREADY_CAST
        if choice not in self.choices:
            return Outcome.CHOICE_NOT_FOUND
        self.participation[voter] = request_id
        self.tally[self.choices.index(choice)] += 1
        return Outcome.ACCEPTED

    def extend(self, request_id: bytes, end_us: int) -> Outcome:
        """Move the end later."""
        if not limits.is_time(end_us):
            return Outcome.END_TIME_INVALID
        if end_us <= self.end_us:
            return Outcome.END_TIME_NOT_LATER
        if len(self.extensions) >= limits.EXTENSIONS_PER_ELECTION:
            return Outcome.TOO_MANY_EXTENSIONS
        self.extensions[request_id] = end_us
        self.end_us = end_us
        return Outcome.ACCEPTED


def check_ballot_paper(name: str, groups: tuple[str, ...], choices: tuple[str, ...]) -> Outcome:
    """Return ACCEPTED, or what is wrong with a new election's texts."""
    if not groups or not choices:
        return Outcome.GROUPS_OR_CHOICES_MISSING
    if not limits.is_name(name):
        return Outcome.NAME_INVALID
    if len(groups) > limits.GROUPS_PER_ELECTION or not all(map(limits.is_name, groups)):
        return Outcome.GROUP_INVALID
    too_many = len(choices) > limits.CHOICES_PER_ELECTION
    if too_many or not all(map(limits.is_name, choices)) or len(set(choices)) < len(choices):
        return Outcome.CHOICES_INVALID
    return Outcome.ACCEPTED
