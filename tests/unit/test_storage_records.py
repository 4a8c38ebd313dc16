"""Records: bytes and back, limits, and what proves that something was synced."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_replication.storage import records
from quorate_replication.storage.records import (
    HEADER_BYTES,
    MAGIC,
    MAX_COMMAND_BYTES,
    Begin,
    Body,
    Commit,
    Frame,
    Kind,
    Mark,
    Reset,
    SaveVote,
    Truncate,
    decode,
    encode,
    frame_at,
    proves_durable,
    seed_of,
)
from quorate_replication.wire.messages import Entry

numbers = st.integers(0, 2**64 - 1)
votes = st.builds(SaveVote, numbers, st.none() | st.text(max_size=60))
bodies: st.SearchStrategy[Body] = st.one_of(
    st.builds(Entry, st.binary(max_size=300), numbers, numbers),
    st.builds(Truncate, numbers),
    votes,
    st.builds(Commit, numbers),
    st.builds(Reset, numbers, numbers),
    st.builds(Begin, numbers, numbers, numbers, votes),
    st.just(Mark()),
)


@given(bodies, numbers, numbers)
def test_a_record_is_read_as_it_was_written(body: Body, sequence: int, durable: int) -> None:
    data = b"before" + encode(body, sequence, durable) + b"after"
    frame = frame_at(data, 6)
    assert frame is not None
    assert (frame.sequence, frame.durable, frame.end) == (sequence, durable, len(data) - 5)
    assert decode(data, frame) == body
    assert type(decode(data, frame)) is type(body)


@given(bodies, st.data())
def test_no_changed_bit_is_read_over(body: Body, data: st.DataObject) -> None:
    record = bytearray(encode(body, 7, 3))
    bit = data.draw(st.integers(0, 8 * len(record) - 1))
    record[bit // 8] ^= 1 << bit % 8
    assert frame_at(bytes(record), 0) is None


def test_the_largest_command_fits_and_a_larger_one_is_refused() -> None:
    record = encode(Entry(bytes(MAX_COMMAND_BYTES), 1, 1), 1, 0)
    assert frame_at(record, 0) is not None
    with pytest.raises(ValueError, match="limit"):
        encode(Entry(bytes(MAX_COMMAND_BYTES + 1), 1, 1), 1, 0)


def test_a_name_too_long_for_its_field_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        encode(SaveVote(1, "é" * 128), 1, 0)


def test_a_record_of_a_type_that_is_not_known_is_refused() -> None:
    record = encode(Mark(), 1, 0)
    frame = Frame(sequence=1, durable=0, kind=99, start=HEADER_BYTES, end=len(record))
    with pytest.raises(ValueError, match="unknown type 99"):
        decode(record, frame)


def test_a_record_with_a_payload_of_another_form_is_refused() -> None:
    record = encode(Mark(), 1, 0)
    for kind in (Kind.ENTRY, Kind.TRUNCATE, Kind.VOTE, Kind.COMMIT, Kind.RESET, Kind.BEGIN):
        with pytest.raises(ValueError, match="form"):
            decode(record, Frame(1, 0, kind, HEADER_BYTES, len(record)))


def test_only_a_record_that_knew_of_the_sync_proves_it() -> None:
    early, late = encode(Mark(), 12, 9), encode(Mark(), 13, 10)
    assert not proves_durable(b"???" + early, 0, 10)
    assert proves_durable(b"???" + late, 0, 10)
    assert not proves_durable(b"???" + late[:-1], 0, 10)
    assert not proves_durable(b"???" + late, 0, 11)


def test_no_text_can_contain_what_a_record_begins_with() -> None:
    with pytest.raises(UnicodeDecodeError):
        MAGIC.decode()


def test_bytes_that_a_voter_sends_prove_nothing() -> None:
    """A request id is raw bytes, and long enough for a whole record."""
    seed = seed_of(b"this member's incarnation")
    for guess in (0, seed_of(b""), seed_of(b"another's")):
        crafted = encode(Mark(), 2**62 + 1, 2**62, guess)
        assert len(crafted) <= 64
        assert not proves_durable(b"???" + crafted, 0, 10, seed)
    assert proves_durable(b"???" + encode(Mark(), 2**62 + 1, 2**62, seed), 0, 10, seed)


def test_headers_that_a_voter_sends_do_not_use_up_the_search() -> None:
    header = encode(Entry(bytes(200_000), 1, 1), 12, 11)[:HEADER_BYTES]
    assert not proves_durable((header + bytes(100)) * 2000, 0, 10)


def test_looking_for_proof_ends_in_doubt_on_data_made_to_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """2 MiB of headers that each claim almost a MiB: checked one by one it would be 73 GB."""
    monkeypatch.setattr(records, "MAX_CHECKED_BYTES", 1 << 30)
    header = encode(Entry(bytes(900_000), 1, 1), 12, 11)[:HEADER_BYTES]
    assert proves_durable(header * ((2 << 20) // HEADER_BYTES), 0, 10)
