"""No bytes and no batch make the state machine raise, or make a state that cannot be saved."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.elections import Elections, decode_batch
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import SnapshotError, digest, dump, load

from .strategies import (
    CHOICES,
    ELECTIONS,
    GROUPS,
    MEMBERS,
    NOON,
    SPAN,
    VOTERS,
    beginning,
    commands,
    memberships,
    with_tokens,
)

OFTEN = settings(max_examples=3 * settings().max_examples)


def inhabited() -> Elections:
    """Return a state with members, voters, an open and a closed election, and a ballot."""
    state = Elections()
    assert set(state.apply(beginning(members=3))) == {Outcome.ACCEPTED}
    ann = pb.Bearer(voter_name=VOTERS[0], key_version=1)
    ballot = pb.CastBallot(
        request_id=b"1", bearer=ann, election_name=ELECTIONS[0], choice=CHOICES[0]
    )
    past = pb.CreateElection(
        request_id=b"2", bearer=ann, name=ELECTIONS[1], groups=GROUPS, choices=CHOICES, end_us=0
    )
    wishes = [pb.Command(cast_ballot=ballot), pb.Command(create_election=past)]
    batch = pb.Batch(version=1, proposer=MEMBERS[1], clock_us=NOON, commands=wishes)
    assert set(state.apply(batch)) == {Outcome.ACCEPTED}
    return state


def check_totality(entry: bytes) -> None:
    """Decode and apply, twice; whatever came of it can be saved, loaded and read."""
    state = inhabited()
    for _ in range(2):
        batch = decode_batch(entry)
        if batch is None:
            return
        outcomes = state.apply(batch)
        assert len(outcomes) == len(batch.commands)
        assert all(isinstance(outcome, Outcome) for outcome in outcomes)
    loaded = load(dump(state))
    assert digest(loaded) == digest(state)
    assert loaded.next_end_us() == state.next_end_us()
    for election in state.page("", 100):
        assert sum(election.tally) == len(election.participation)
        state.is_closed(election)
    state.roll.page("", 100)


# ------------------------------------------------------------------ what may come

texts = st.one_of(
    st.sampled_from((*VOTERS, *ELECTIONS, *GROUPS, *CHOICES, *MEMBERS)),
    st.text(),
    st.sampled_from(
        ["", "\0", "x" * 256, "x" * 257, "é" * 5000, "\U0010ffff", "\ufffe", "e\u0301"]
    ),
)
octets = st.one_of(st.sampled_from([b"1", b"2", b"3", b"k" * 32]), st.binary(max_size=70))
int64s = st.one_of(
    st.sampled_from([-(2**63), 2**63 - 1, 0, -1, NOON, NOON + SPAN // 2, NOON + SPAN]),
    st.integers(-(2**63), 2**63 - 1),
)
bearers = st.builds(
    pb.Bearer,
    voter_name=texts,
    key_version=st.one_of(st.sampled_from([0, 1, 2**64 - 1]), st.integers(0, 2**64 - 1)),
)
anything = st.one_of(
    st.builds(pb.Command),
    st.builds(
        pb.Command, set_members=st.builds(pb.SetMembers, members=st.lists(texts, max_size=20))
    ),
    st.builds(
        pb.Command,
        register_voter=st.builds(
            pb.RegisterVoter, request_id=octets, name=texts, group=texts, public_key=octets
        ),
    ),
    st.builds(
        pb.Command, unregister_voter=st.builds(pb.UnregisterVoter, request_id=octets, name=texts)
    ),
    st.builds(
        pb.Command,
        create_election=st.builds(
            pb.CreateElection,
            request_id=octets,
            bearer=bearers,
            name=texts,
            groups=st.lists(texts, max_size=5),
            choices=st.lists(texts, max_size=5),
            end_us=int64s,
        ),
    ),
    st.builds(
        pb.Command,
        extend_election=st.builds(
            pb.ExtendElection, request_id=octets, bearer=bearers, name=texts, end_us=int64s
        ),
    ),
    st.builds(
        pb.Command,
        cast_ballot=st.builds(
            pb.CastBallot, request_id=octets, bearer=bearers, election_name=texts, choice=texts
        ),
    ),
)
extreme_batches = st.builds(
    pb.Batch,
    version=st.integers(0, 2**32 - 1),
    proposer=texts,
    clock_us=int64s,
    commands=st.lists(anything, max_size=5),
)


@st.composite
def valid_entries(draw: DrawFn) -> bytes:
    wishes = draw(st.lists(st.one_of(commands, memberships), max_size=4))
    ready = [with_tokens(wish, lambda _: 1) for wish in wishes]
    batch = pb.Batch(
        version=1,
        proposer=draw(st.sampled_from(MEMBERS)),
        clock_us=NOON + draw(st.integers(-5, 5)),
        commands=ready,
    )
    return batch.SerializeToString()


@st.composite
def mutated(draw: DrawFn, originals: st.SearchStrategy[bytes]) -> bytes:
    """Change, insert and leave out bytes of an original here and there."""
    content = bytearray(draw(originals))
    for _ in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(content)))
        left_out = draw(st.integers(0, 3))
        content[start : start + left_out] = draw(st.binary(max_size=3))
    return bytes(content)


# ------------------------------------------------------------------ what must not happen


@OFTEN
@given(entry=st.binary(max_size=200))
def test_no_bytes_make_it_raise(entry: bytes) -> None:
    check_totality(entry)


@OFTEN
@given(entry=mutated(valid_entries()))
def test_no_mutated_batch_makes_it_raise(entry: bytes) -> None:
    check_totality(entry)


@OFTEN
@given(batch=extreme_batches)
def test_no_extreme_batch_makes_it_raise(batch: pb.Batch) -> None:
    check_totality(batch.SerializeToString())


@given(entries=st.lists(extreme_batches.map(pb.Batch.SerializeToString), max_size=4).map(b"".join))
def test_no_concatenated_batches_make_it_raise(entries: bytes) -> None:
    check_totality(entries)


INTACT = b"".join(dump(inhabited()))


@OFTEN
@given(stream=st.one_of(st.binary(max_size=200), mutated(st.just(INTACT))))
def test_no_bytes_load_as_a_state_that_they_are_not(stream: bytes) -> None:
    try:
        loaded = load([stream])
    except SnapshotError:
        return
    assert b"".join(dump(loaded)) == stream
