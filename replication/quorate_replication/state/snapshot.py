"""The whole state as a stream of bytes, and back; equal states give equal bytes.

A stream is a sequence of frames: a 4-byte little-endian length, then a `SnapshotRecord`. The
footer holds the number of records and the SHA-256 of their frames, so a stream that was cut or
changed is refused.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from struct import Struct

from cryptography.hazmat.primitives.hashes import SHA256, Hash
from google.protobuf.message import DecodeError

from quorate_proto.internal import snapshot_pb2 as pb
from quorate_replication.state.clock import ClusterClock
from quorate_replication.state.election import Election
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.roll import Answer, Voter

SNAPSHOT_VERSION = 1
PARTICIPANTS_PER_RECORD = 1000
MAX_RECORD_BYTES = 4 << 20
_LENGTH = Struct("<I")


class SnapshotError(ValueError):
    """A stream that is not a whole, intact snapshot of a version that we know."""


def dump(state: Elections) -> Iterator[bytes]:
    """Yield the state, a frame at a time."""
    sha, records = Hash(SHA256()), 0
    for record in _records(state):
        frame = _frame(record)
        sha.update(frame)
        records += 1
        yield frame
    footer = pb.SnapshotFooter(records=records, digest=sha.finalize())
    yield _frame(pb.SnapshotRecord(footer=footer))


def digest(state: Elections) -> bytes:
    """Return the SHA-256 of the whole state: equal on every replica at the same index."""
    sha = Hash(SHA256())
    for record in _records(state):
        sha.update(_frame(record))
    return sha.finalize()


def load(chunks: Iterable[bytes]) -> Elections:
    """Rebuild the state from the chunks of a stream, however it was cut into chunks.

    Raises:
        SnapshotError: the stream is damaged, incomplete or of a newer version.
    """
    loader, sha, records, footer = _Loader(), Hash(SHA256()), 0, None
    for frame in _frames(chunks):
        if footer is not None:
            raise SnapshotError("snapshot: bytes after the footer")
        try:
            record = pb.SnapshotRecord.FromString(frame[_LENGTH.size :])
        except DecodeError:
            raise SnapshotError(f"snapshot: record {records} does not decode") from None
        if record.WhichOneof("kind") == "footer":
            footer = record.footer
            continue
        sha.update(frame)
        records += 1
        loader.take(record)
    if (
        records == 0
        or footer is None
        or footer.records != records
        or footer.digest != sha.finalize()
    ):
        raise SnapshotError("snapshot: damaged or cut off (the digest does not match)")
    return loader.state


def _frame(record: pb.SnapshotRecord) -> bytes:
    content = record.SerializeToString(deterministic=True)
    return _LENGTH.pack(len(content)) + content


def _frames(chunks: Iterable[bytes]) -> Iterator[bytes]:
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(buffer)[0]
            if end > MAX_RECORD_BYTES:
                raise SnapshotError("snapshot: a record is longer than any that we write")
            if len(buffer) < end:
                break
            yield bytes(buffer[:end])
            del buffer[:end]
    if buffer:
        raise SnapshotError("snapshot: cut off in the middle of a record")


def _records(state: Elections) -> Iterator[pb.SnapshotRecord]:
    yield pb.SnapshotRecord(header=pb.SnapshotHeader(version=SNAPSHOT_VERSION))
    yield pb.SnapshotRecord(clock=_clock_record(state.clock))
    for voter in state.roll:
        yield pb.SnapshotRecord(voter=_voter_record(voter))
    for election in state.in_order():
        yield pb.SnapshotRecord(election=_election_record(election))
        participants = (
            pb.Participant(voter_name=name, request_id=election.participation[name])
            for name in sorted(election.participation)
        )
        while chunk := list(islice(participants, PARTICIPANTS_PER_RECORD)):
            yield pb.SnapshotRecord(participation=pb.ParticipationChunk(participants=chunk))


def _clock_record(clock: ClusterClock) -> pb.ClockState:
    readings = [
        pb.ClockReading(member=member, clock_us=clock.readings[member])
        for member in clock.members
        if member in clock.readings
    ]
    return pb.ClockState(cluster_us=clock.now_us, members=clock.members, readings=readings)


def _voter_record(voter: Voter) -> pb.VoterState:
    return pb.VoterState(
        name=voter.name,
        group=voter.group,
        public_key=voter.public_key,
        key_version=voter.key_version,
        registered=voter.registered,
        answers=[
            pb.Answer(request_id=known, outcome=told, unregistered=unregistered)
            for known, told, unregistered in voter.answers
        ],
    )


def _election_record(election: Election) -> pb.ElectionState:
    return pb.ElectionState(
        name=election.name,
        creator=election.creator,
        request_id=election.request_id,
        groups=election.groups,
        choices=election.choices,
        tally=election.tally,
        end_us=election.end_us,
        born_closed=election.born_closed,
        extensions=[
            pb.Extension(request_id=known, end_us=end)
            for known, end in election.extensions.items()  # in log order
        ],
    )


class _Loader:
    """Rebuilds a state record by record."""

    def __init__(self) -> None:
        self.state = Elections()
        self._election: Election | None = None
        self._headed = False

    def take(self, record: pb.SnapshotRecord) -> None:
        kind = record.WhichOneof("kind")
        if (kind == "header") is self._headed:
            raise SnapshotError("snapshot: does not begin with its one header")
        match kind:
            case "header":
                self._header(record.header)
            case "clock":
                clock = record.clock
                readings = {reading.member: reading.clock_us for reading in clock.readings}
                self.state.clock = ClusterClock(tuple(clock.members), readings, clock.cluster_us)
            case "voter":
                self._voter(record.voter)
            case "election":
                self._begin_election(record.election)
            case "participation":
                self._participation(record.participation)
            case "footer" | None:
                raise SnapshotError("snapshot: a record of a kind that we do not know")

    def _header(self, header: pb.SnapshotHeader) -> None:
        if header.version > SNAPSHOT_VERSION:
            raise SnapshotError(
                f"snapshot: version {header.version} is newer than this program's "
                f"{SNAPSHOT_VERSION}; update it"
            )
        if header.version == 0:
            raise SnapshotError("snapshot: the header has no version")
        self._headed = True

    def _voter(self, record: pb.VoterState) -> None:
        try:
            answers = tuple(
                Answer(known.request_id, Outcome(known.outcome), known.unregistered)
                for known in record.answers
            )
        except ValueError:
            raise SnapshotError("snapshot: an outcome that we do not know") from None
        voter = Voter(
            record.name,
            record.group,
            record.public_key,
            record.key_version,
            record.registered,
            answers,
        )
        self.state.roll.add(voter)

    def _begin_election(self, record: pb.ElectionState) -> None:
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
        )
        self.state.add_election(self._election)

    def _participation(self, chunk: pb.ParticipationChunk) -> None:
        if self._election is None:
            raise SnapshotError("snapshot: participation without an election")
        for participant in chunk.participants:
            self._election.participation[participant.voter_name] = participant.request_id
