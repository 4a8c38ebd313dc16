"""A state from the records of a snapshot, one after another.

Only what `snapshot.dump` would write is taken: each kind of record in its place, and names in
order without repetition, so that one state has one stream.
"""

from collections.abc import Iterable

from quorate_proto.internal import snapshot_pb2 as pb
from quorate_replication.state.clock import ClusterClock
from quorate_replication.state.election import Election
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.sorted_map import SortedMap

SNAPSHOT_VERSION = 2
"""The newest stream that this code writes and reads."""

_PLACES = {"header": 0, "clock": 1, "voter": 2, "election": 3, "participation": 3, "late": 3}


class SnapshotError(ValueError):
    """A stream that is not a whole, intact snapshot of a version that we know."""


class Rebuilder:
    """Takes the records before the footer; `state` is theirs once the footer has been checked."""

    def __init__(self) -> None:
        self.state = Elections()
        self._election: Election | None = None
        self._place = 0
        self._headed = False
        self._last_voter = self._last_election = ""
        self._last_participant = self._last_late = ""

    def take(self, record: pb.SnapshotRecord) -> None:
        """Add what a record holds. Raises SnapshotError."""
        kind = record.WhichOneof("kind")
        if (kind == "header") is self._headed:
            raise SnapshotError("snapshot: does not begin with its one header")
        if kind is None or kind == "footer":
            raise SnapshotError("snapshot: a record of a kind that we do not know")
        place = _PLACES[kind]
        if place < self._place or (place == self._place and kind == "clock"):
            raise SnapshotError(f"snapshot: a {kind} record where none belongs")
        self._place = place
        match kind:
            case "header":
                self._header(record.header)
            case "clock":
                self._clock(record.clock)
            case "voter":
                self._voter(record)
            case "election":
                self._begin_election(record.election)
            case "participation":
                self._participation(record.participation)
            case "late":
                self._late(record.late)

    def _header(self, header: pb.SnapshotHeader) -> None:
        if header.version > SNAPSHOT_VERSION:
            raise SnapshotError(
                f"snapshot: version {header.version} is newer than this program's "
                f"{SNAPSHOT_VERSION}; update it"
            )
        if header.version == 0:
            raise SnapshotError("snapshot: the header has no version")
        self._headed = True

    def _clock(self, clock: pb.ClockState) -> None:
        readings = {reading.member: reading.clock_us for reading in clock.readings}
        self.state.clock = ClusterClock(tuple(clock.members), readings, clock.cluster_us)

    def _voter(self, record: pb.SnapshotRecord) -> None:
        voter = record.voter
        for answer in voter.answers:
            if answer.outcome not in _OUTCOMES:
                raise SnapshotError("snapshot: an outcome that we do not know")
        self._last_voter = _next(self._last_voter, voter.name)
        record.DiscardUnknownFields()
        self.state.roll.put_packed(voter.name, record.SerializeToString(deterministic=True))

    def _begin_election(self, record: pb.ElectionState) -> None:
        self._last_election = _next(self._last_election, record.name)
        self._last_participant = self._last_late = ""
        self._election = Election(
            name=record.name,
            creator=record.creator,
            request_id=record.request_id,
            groups=tuple(record.groups),
            choices=tuple(record.choices),
            end_us=record.end_us,
            born_closed=record.born_closed,
            tally=list(record.tally),
            extensions={known.request_id: known.end_us for known in record.extensions},
            late_extension=record.late_extension,
        )
        self.state.add_election(self._election)

    def _participation(self, chunk: pb.ParticipationChunk) -> None:
        if self._election is None or self._last_late:
            raise SnapshotError("snapshot: participation that follows no election")
        ballots = self._election.participation
        self._last_participant = _fill(ballots, chunk.participants, self._last_participant)

    def _late(self, chunk: pb.LateChunk) -> None:
        if self._election is None:
            raise SnapshotError("snapshot: late ballots that follow no election")
        self._last_late = _fill(self._election.late, chunk.participants, self._last_late)


_OUTCOMES = frozenset(map(int, Outcome))


def _fill(ballots: SortedMap[bytes], chunk: Iterable[pb.Participant], last: str) -> str:
    """Enter ballots by name, all after `last`; return the last name."""
    for participant in chunk:
        last = _next(last, participant.voter_name)
        ballots[last] = participant.request_id
    return last


def _next(last: str, name: str) -> str:
    if name <= last:
        raise SnapshotError(f"snapshot: {name!r} is not in its place in the order of names")
    return name
