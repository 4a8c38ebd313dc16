"""Snapshots: the whole state, the same bytes for the same state, and nothing else loads."""

from collections.abc import Iterator
from hashlib import sha256
from itertools import permutations

import pytest

from quorate_proto.internal import snapshot_pb2 as pb
from quorate_replication.state import limits
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import (
    MAX_RECORD_BYTES,
    PARTICIPANTS_PER_RECORD,
    SNAPSHOT_VERSION,
    STEP_BYTES,
    SnapshotError,
    digest,
    dump,
    load,
    load_steps,
)
from quorate_replication.state.sorted_map import SortedMap

from .state_commands import (
    END,
    HOUR,
    KEY,
    NOON,
    SECOND,
    Machine,
    cast,
    create,
    extend,
    register,
    unregister,
)


@pytest.fixture(scope="module")
def machine() -> Machine:
    """Something of everything; tests of this module only read it."""
    machine = Machine()
    machine.given(
        register("ann", request_id=b"r1"),
        register("bob", "guests", request_id=b"r2"),
        register("Zoë", request_id=b"r3"),
        register("ann", "staff", request_id=b"r4"),
        unregister("bob", request_id=b"r5"),
        create("ann", choices=["yes", "no"], version=2, request_id=b"c1"),
        create("Zoë", "past", end_us=NOON - HOUR, request_id=b"c2"),
        extend("ann", END + 2, version=2, request_id=b"x2"),
        extend("ann", END + 3, version=2, request_id=b"x1"),
        cast("ann", "yes", version=2, request_id=b"b1"),
        cast("Zoë", "no", request_id=b"b2"),
    )
    machine.read(NOON + SECOND, "n2")
    return machine


@pytest.fixture(scope="module")
def stream(machine: Machine) -> bytes:
    return b"".join(dump(machine.state))


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(4, "little") + content


def sealed(*records: pb.SnapshotRecord) -> bytes:
    """Return the stream of these records, with the footer that belongs to them."""
    body = b"".join(framed(record.SerializeToString()) for record in records)
    footer = pb.SnapshotFooter(records=len(records), digest=sha256(body).digest())
    return body + framed(pb.SnapshotRecord(footer=footer).SerializeToString())


HEADER = pb.SnapshotRecord(header=pb.SnapshotHeader(version=SNAPSHOT_VERSION))


# ------------------------------------------------------------------ there and back


def test_a_loaded_state_is_the_dumped_one(machine: Machine, stream: bytes) -> None:
    loaded = load([stream])
    assert loaded.clock == machine.state.clock
    assert loaded.elections == machine.state.elections
    assert list(loaded.roll) == list(machine.state.roll)
    assert loaded.in_order() == machine.state.in_order()
    assert loaded.next_end_us() == machine.state.next_end_us() == END + 3


def test_a_loaded_state_dumps_the_same_bytes(stream: bytes) -> None:
    assert b"".join(dump(load([stream]))) == stream


def test_an_empty_state_comes_back_empty() -> None:
    assert digest(load(dump(Elections()))) == digest(Elections())


def test_the_digest_is_that_of_the_records(machine: Machine, stream: bytes) -> None:
    *records, footer = dump(machine.state)
    assert digest(machine.state) == sha256(b"".join(records)).digest()
    assert footer[4:] == stream[-len(footer) + 4 :]
    assert digest(machine.state) in footer


def test_a_large_state_is_loaded_in_many_steps() -> None:
    state = Elections()
    for number in range(5000):
        state.roll.register(b"1", f"{number}", "staff", KEY)
    loaded: list[Elections] = []

    def job() -> Iterator[None]:
        loaded.append((yield from load_steps(dump(state))))

    steps = sum(1 for _ in job())
    assert steps >= sum(map(len, dump(state))) // (2 * STEP_BYTES) > 1
    assert digest(loaded[0]) == digest(state)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10**6])
def test_a_stream_may_be_cut_into_any_chunks(stream: bytes, size: int) -> None:
    chunks = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert b"".join(dump(load([b"", *chunks, b""]))) == stream


def test_participation_of_any_size_is_cut_into_records_and_put_together() -> None:
    for voters in (PARTICIPANTS_PER_RECORD, PARTICIPANTS_PER_RECORD + 1):
        machine = Machine()
        machine.given(register("ann"), create("ann"), create("ann", "next"))
        for number in range(voters):
            machine.election().count(f"voter {number}", "yes", b"%d" % number)
        machine.given(cast("ann", election="next"))
        machine.restart()
        assert len(machine.election().participation) == voters
        assert set(machine.election("next").participation) == {"ann"}


def test_the_largest_records_that_the_limits_allow_can_be_loaded() -> None:
    machine = Machine()
    machine.given(register("ann"))
    longest = [f"{number:0{limits.NAME_BYTES}}" for number in range(PARTICIPANTS_PER_RECORD)]
    groups, choices = longest[: limits.GROUPS_PER_ELECTION], longest[: limits.CHOICES_PER_ELECTION]
    machine.given(create("ann", groups=groups, choices=choices))
    for number in range(limits.EXTENSIONS_PER_ELECTION):
        request_id = f"{number:0{limits.REQUEST_ID_BYTES}}".encode()
        machine.given(extend("ann", END + 1 + number, request_id=request_id))
    for name in longest:
        machine.election().count(name, choices[0], b"r" * limits.REQUEST_ID_BYTES)
    machine.restart()
    assert max(map(len, dump(machine.state))) < MAX_RECORD_BYTES


def test_every_part_of_the_state_shows_in_the_digest(machine: Machine) -> None:
    def variants() -> Iterator[Elections]:
        for change in (
            register("new"),
            register("ann"),
            unregister("ann"),
            create("Zoë", "new"),
            create("Zoë", "new", end_us=NOON),
            extend("ann", END + 4, version=2),
        ):
            changed = Machine()
            changed.state = load(dump(machine.state))
            assert changed.do(change).is_acceptance
            yield changed.state
        for member in ("n1", "n2", "n3"):
            changed = Machine()
            changed.state = load(dump(machine.state))
            changed.read(NOON + 5 * SECOND, member)
            yield changed.state
        moved = load(dump(machine.state))
        moved.elections["budget"].tally = [0, 2]
        yield moved
        stayed = load(dump(machine.state))
        stayed.elections["budget"].participation = SortedMap[bytes]()
        yield stayed

    digests = [digest(machine.state), *map(digest, variants())]
    assert len(set(digests)) == len(digests)


# ------------------------------------------------------------------ secrecy


def test_nothing_in_a_snapshot_tells_the_order_of_casting() -> None:
    ballots = [
        cast("ann", "yes", request_id=b"1"),
        cast("bob", "no", request_id=b"2"),
        cast("cyd", "no", request_id=b"3"),
        cast("dan", "yes", request_id=b"4"),
    ]
    streams: set[bytes] = set()
    for order in permutations(ballots):
        machine = Machine()
        machine.given(*(register(name, request_id=b"r") for name in ("ann", "bob", "cyd", "dan")))
        machine.given(create("ann", request_id=b"c"), *order)
        streams.add(b"".join(dump(machine.state)))
    assert len(streams) == 1


def test_nothing_in_a_snapshot_tells_who_chose_what() -> None:
    streams: set[bytes] = set()
    for ann, bob in (("yes", "no"), ("no", "yes")):
        machine = Machine()
        machine.given(register("ann", request_id=b"r"), register("bob", request_id=b"r"))
        machine.given(create("ann", request_id=b"c"))
        machine.given(cast("ann", ann, request_id=b"1"), cast("bob", bob, request_id=b"2"))
        streams.add(b"".join(dump(machine.state)))
    assert len(streams) == 1


# ------------------------------------------------------------------ damage


def test_every_stream_that_was_cut_off_is_refused(stream: bytes) -> None:
    for length in range(len(stream)):
        with pytest.raises(SnapshotError):
            load([stream[:length]])


def test_every_stream_that_lost_its_beginning_is_refused(stream: bytes) -> None:
    for start in range(1, len(stream)):
        with pytest.raises(SnapshotError):
            load([stream[start:]])


def test_every_flipped_bit_is_refused(stream: bytes) -> None:
    for position in range(8 * len(stream)):
        damaged = bytearray(stream)
        damaged[position // 8] ^= 1 << position % 8
        with pytest.raises(SnapshotError):
            load([bytes(damaged)])


def test_every_byte_that_was_zeroed_doubled_or_left_out_is_refused(stream: bytes) -> None:
    for position in range(len(stream)):
        before, byte, after = stream[:position], stream[position], stream[position + 1 :]
        zeroed = [] if byte == 0 else [before + b"\0" + after]
        for damaged in (*zeroed, before + after, before + bytes([byte, byte]) + after):
            if damaged != stream:
                with pytest.raises(SnapshotError):
                    load([damaged])


def test_records_in_another_order_or_number_are_refused(machine: Machine) -> None:
    frames = list(dump(machine.state))
    for position in range(len(frames)):
        with pytest.raises(SnapshotError):
            load(frames[:position] + frames[position + 1 :])
        with pytest.raises(SnapshotError):
            load([*frames[:position], frames[position], *frames[position:]])
    for position in range(len(frames) - 1):
        swapped = list(frames)
        swapped[position : position + 2] = reversed(frames[position : position + 2])
        with pytest.raises(SnapshotError):
            load(swapped)


def test_anything_after_the_footer_is_refused(stream: bytes) -> None:
    for more in (b"\0", b"\0\0\0\0", stream):
        with pytest.raises(SnapshotError):
            load([stream, more])


def test_nothing_at_all_is_no_snapshot() -> None:
    for chunks in ([], [b""], [b"", b""]):
        with pytest.raises(SnapshotError, match="damaged or cut off"):
            load(chunks)


# ------------------------------------------------------------------ what is sealed and still wrong


def test_a_sealed_stream_loads() -> None:
    assert len(load([sealed(HEADER)]).roll) == 0


def test_a_newer_version_is_refused_by_number() -> None:
    newer = pb.SnapshotRecord(header=pb.SnapshotHeader(version=SNAPSHOT_VERSION + 1))
    with pytest.raises(SnapshotError, match=f"version {SNAPSHOT_VERSION + 1} is newer"):
        load([sealed(newer)])


@pytest.mark.parametrize(
    ("records", "why"),
    [
        ([pb.SnapshotRecord(clock=pb.ClockState())], "its one header"),
        ([HEADER, HEADER], "its one header"),
        ([HEADER, pb.SnapshotRecord()], "a kind that we do not know"),
        (
            [HEADER, pb.SnapshotRecord(participation=pb.ParticipationChunk())],
            "participation that follows no election",
        ),
        (
            [
                HEADER,
                pb.SnapshotRecord(
                    voter=pb.VoterState(
                        name="ann", public_key=KEY, answers=[pb.Answer(request_id=b"1", outcome=9)]
                    )
                ),
            ],
            "an outcome that we do not know",
        ),
    ],
)
def test_a_sealed_stream_of_senseless_records_is_refused(
    records: list[pb.SnapshotRecord], why: str
) -> None:
    with pytest.raises(SnapshotError, match=why):
        load([sealed(*records)])


def voter(name: str) -> pb.SnapshotRecord:
    return pb.SnapshotRecord(voter=pb.VoterState(name=name))


def election(name: str) -> pb.SnapshotRecord:
    return pb.SnapshotRecord(election=pb.ElectionState(name=name))


def ballots(*names: str) -> pb.SnapshotRecord:
    participants = [pb.Participant(voter_name=name, request_id=b"1") for name in names]
    return pb.SnapshotRecord(participation=pb.ParticipationChunk(participants=participants))


CLOCK = pb.SnapshotRecord(clock=pb.ClockState())


@pytest.mark.parametrize(
    "records",
    [
        [voter("b"), voter("a")],
        [voter("a"), voter("a")],
        [election("b"), election("a")],
        [election("a"), election("a")],
        [election("a"), ballots("b", "a")],
        [election("a"), ballots("a", "a")],
        [election("a"), ballots("b"), ballots("a")],
        [election("a"), ballots("a"), ballots("a")],
    ],
)
def test_names_that_are_out_of_order_or_doubled_are_refused(
    records: list[pb.SnapshotRecord],
) -> None:
    with pytest.raises(SnapshotError, match="not in its place in the order of names"):
        load([sealed(HEADER, *records)])


def test_the_order_of_names_begins_anew_with_each_election() -> None:
    loaded = load([sealed(HEADER, election("a"), ballots("b"), election("b"), ballots("a"))])
    assert [list(each.participation) for each in loaded.in_order()] == [["b"], ["a"]]


@pytest.mark.parametrize(
    "records", [[voter("a"), CLOCK], [election("a"), voter("a")], [CLOCK, CLOCK]]
)
def test_records_in_a_place_of_another_kind_are_refused(records: list[pb.SnapshotRecord]) -> None:
    with pytest.raises(SnapshotError, match="record where none belongs"):
        load([sealed(HEADER, *records)])


def test_fields_that_nobody_knows_do_not_live_on_in_the_state() -> None:
    known = pb.VoterState(name="ann")
    strange = pb.VoterState.FromString(known.SerializeToString() + bytes([0xFA, 0x01, 1, 7]))
    loaded = load([sealed(HEADER, pb.SnapshotRecord(voter=strange))])
    assert digest(loaded) == digest(load([sealed(HEADER, voter("ann"))]))


def test_a_record_that_does_not_decode_is_refused() -> None:
    with pytest.raises(SnapshotError, match="record 1 does not decode"):
        load([framed(HEADER.SerializeToString()), framed(b"\xff")])


def test_a_record_that_claims_to_be_huge_is_refused_before_it_is_read() -> None:
    def endless() -> Iterator[bytes]:
        yield MAX_RECORD_BYTES.to_bytes(4, "little")
        pytest.fail("read on")

    with pytest.raises(SnapshotError, match="longer than any that we write"):
        load(endless())


def test_a_refusal_is_a_value_error_for_those_who_do_not_care_why() -> None:
    assert issubclass(SnapshotError, ValueError)


def test_after_a_restart_votes_go_on_where_they_were(machine: Machine) -> None:
    again = Machine()
    again.state = load(dump(machine.state))
    assert again.do(cast("Zoë", "yes")) is Outcome.ALREADY_CAST
    assert again.do(cast("Zoë", "yes", request_id=b"b2")) is Outcome.ACCEPTED
    again.given(register("dan"))
    assert again.do(cast("dan", "yes")) is Outcome.ACCEPTED
    assert again.election().tally == [2, 1]
