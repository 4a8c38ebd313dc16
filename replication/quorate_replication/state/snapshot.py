"""The whole state as a stream of bytes, and back; equal states give equal bytes.

A stream is a sequence of frames: a 4-byte little-endian length, then a `SnapshotRecord`. The
footer holds the number of records and the SHA-256 of their frames, so a stream that was cut or
changed is refused.

All of it may run in a thread of its own while another applies batches, on a frozen state; each
step is short, because a single long call would keep the interpreter lock from that other thread.
"""

from collections.abc import Generator, Iterable, Iterator
from hashlib import sha256
from itertools import islice
from struct import Struct

from google.protobuf.message import DecodeError

from quorate_proto.internal import snapshot_pb2 as pb
from quorate_replication.state.clock import ClusterClock
from quorate_replication.state.election import Election
from quorate_replication.state.elections import Elections, FrozenElections
from quorate_replication.state.rebuild import SNAPSHOT_VERSION, Rebuilder, SnapshotError

__all__ = [
    "MAX_RECORD_BYTES",
    "PARTICIPANTS_PER_RECORD",
    "SNAPSHOT_VERSION",
    "STEP_BYTES",
    "SnapshotError",
    "digest",
    "dump",
    "load",
    "load_steps",
]

PARTICIPANTS_PER_RECORD = 1000
"""Part of the format: another number gives other bytes, and replicas compare digests."""

MAX_RECORD_BYTES = 4 << 20
STEP_BYTES = 32 << 10
"""`load_steps` yields after about as much; a voter's record has some 130 bytes."""

_LENGTH = Struct("<I")


def dump(state: Elections | FrozenElections) -> Iterator[bytes]:
    """Yield the state, a frame at a time, as it is at the call.

    Of a live state it freezes its own view, and lets go of that at the end, bit by bit.
    """
    if isinstance(state, Elections):
        return _dump_and_dismantle(state.freeze())
    return _dump(state)


def digest(state: Elections | FrozenElections) -> bytes:
    """Return the SHA-256 of the whole state: equal on every replica at the same index."""
    frozen = state.freeze() if isinstance(state, Elections) else state
    sha = sha256()
    for frame in _frames_of(frozen):
        sha.update(frame)
    return sha.digest()


def load(chunks: Iterable[bytes]) -> Elections:
    """Rebuild the state from the chunks of a stream, however it was cut into chunks.

    Raises:
        SnapshotError: the stream is damaged, incomplete or of a newer version.
    """
    steps = load_steps(chunks)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            state: Elections = end.value
            return state


def load_steps(chunks: Iterable[bytes]) -> Generator[None, None, Elections]:
    """Do what `load` does, a bit at a step (a `background.Job`)."""
    rebuilder, sha, records, footer = Rebuilder(), sha256(), 0, None
    step_bytes = 0
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
        rebuilder.take(record)
        step_bytes += len(frame)
        if step_bytes >= STEP_BYTES:
            step_bytes = 0
            yield
    if records == 0 or footer is None or footer.records != records or footer.digest != sha.digest():
        raise SnapshotError("snapshot: damaged or cut off (the digest does not match)")
    return rebuilder.state


def _dump(frozen: FrozenElections) -> Iterator[bytes]:
    sha, records = sha256(), 0
    for frame in _frames_of(frozen):
        sha.update(frame)
        records += 1
        yield frame
    footer = pb.SnapshotFooter(records=records, digest=sha.digest())
    yield _frame(pb.SnapshotRecord(footer=footer))


def _dump_and_dismantle(frozen: FrozenElections) -> Iterator[bytes]:
    yield from _dump(frozen)
    for _ in frozen.dismantle():
        pass


def _frame(record: pb.SnapshotRecord) -> bytes:
    return _framed(record.SerializeToString(deterministic=True))


def _framed(content: bytes) -> bytes:
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


def _frames_of(frozen: FrozenElections) -> Iterator[bytes]:
    header = pb.SnapshotHeader(version=SNAPSHOT_VERSION)
    yield _frame(pb.SnapshotRecord(header=header))
    yield _frame(pb.SnapshotRecord(clock=_clock_record(frozen.clock)))
    for _, packed in frozen.voters.in_order():  # a voter is kept as her record
        yield _framed(packed)
    for _, election in frozen.elections.in_order():
        yield _frame(pb.SnapshotRecord(election=_election_record(election)))
        ballots = election.participation.in_order()
        while some := list(islice(ballots, PARTICIPANTS_PER_RECORD)):
            yield _frame(_participation_record(some))
        late = election.late.in_order()
        while some := list(islice(late, PARTICIPANTS_PER_RECORD)):
            yield _frame(_late_record(some))


def _clock_record(clock: ClusterClock) -> pb.ClockState:
    readings = [
        pb.ClockReading(member=member, clock_us=clock.readings[member])
        for member in clock.members
        if member in clock.readings
    ]
    return pb.ClockState(cluster_us=clock.now_us, members=clock.members, readings=readings)


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
        late_extension=election.late_extension,
    )


def _participation_record(ballots: Iterable[tuple[str, bytes]]) -> pb.SnapshotRecord:
    return pb.SnapshotRecord(participation=pb.ParticipationChunk(participants=_named(ballots)))


def _late_record(ballots: Iterable[tuple[str, bytes]]) -> pb.SnapshotRecord:
    return pb.SnapshotRecord(late=pb.LateChunk(participants=_named(ballots)))


def _named(ballots: Iterable[tuple[str, bytes]]) -> Iterator[pb.Participant]:
    return (pb.Participant(voter_name=name, request_id=request_id) for name, request_id in ballots)
