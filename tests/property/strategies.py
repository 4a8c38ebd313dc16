"""Commands from small pools, so that requests repeat, names clash and tokens go stale."""

from collections.abc import Callable
from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from quorate_proto.internal import command_pb2 as pb

T = TypeVar("T")

MEMBERS = ("n1", "n2", "n3", "n4", "n5")
VOTERS = ("ann", "an", "Zoë", "O'Brien")
GROUPS = ("staff", "staf", "gäste")
ELECTIONS = ("budget", "budge", '"; --', "選挙")
CHOICES = ("yes", "no", "ye", "無")

NOON = 1_800_000_000_000_000
"""About when elections end; they end up to `SPAN` microseconds later."""
SPAN = 25

CURRENT = 2**64 - 1
"""The key version of a token that `with_tokens` replaces with a valid one."""

TOO_LONG = "é" * 129


def _mostly(usual: SearchStrategy[T], *unusual: T) -> SearchStrategy[T]:
    return st.integers(0, 20).flatmap(lambda die: usual if die < 20 else st.sampled_from(unusual))


def _names(pool: tuple[str, ...]) -> SearchStrategy[str]:
    return _mostly(st.sampled_from(pool), "", TOO_LONG, "nobody")


def _ends() -> SearchStrategy[int]:
    usual = st.integers(-3, SPAN).map(lambda offset: NOON + offset)
    return _mostly(usual, -(2**63), 2**63 - 1, -62_135_596_800_000_001, 253_402_300_800_000_000)


_request_ids = _mostly(st.integers(1, 60).map(b"%d".__mod__), b"", b"r" * 64, b"r" * 65)
_bearers = st.builds(
    pb.Bearer,
    voter_name=_names(VOTERS),
    key_version=st.sampled_from([CURRENT] * 6 + [0, 1, 2]),
)
_election_names = _names((ELECTIONS[0],) * 3 + ELECTIONS)
_choices = st.lists(_names(CHOICES), max_size=4, unique=True)

_registrations = st.builds(
    pb.RegisterVoter,
    request_id=_request_ids,
    name=_names(VOTERS),
    group=_names(GROUPS),
    public_key=_mostly(st.sampled_from([b"k" * 32, b"o" * 32]), b"", b"k" * 31, b"k" * 33),
)
_unregistrations = st.builds(pb.UnregisterVoter, request_id=_request_ids, name=_names(VOTERS))
_creations = st.builds(
    pb.CreateElection,
    request_id=_request_ids,
    bearer=_bearers,
    name=_names(ELECTIONS),
    groups=st.lists(_names(GROUPS), max_size=3),
    choices=_mostly(_choices, ["yes", "no", "yes"]),
    end_us=_ends(),
)
_extensions = st.builds(
    pb.ExtendElection,
    request_id=_request_ids,
    bearer=_bearers,
    name=_election_names,
    end_us=_ends(),
)
_ballots = st.builds(
    pb.CastBallot,
    request_id=_request_ids,
    bearer=_bearers,
    election_name=_election_names,
    choice=_names(CHOICES),
)
_memberships = st.builds(pb.SetMembers, members=st.lists(_names(MEMBERS), max_size=5))

ballots: SearchStrategy[pb.Command] = st.builds(pb.Command, cast_ballot=_ballots)
papers: SearchStrategy[pb.Command] = st.builds(pb.Command, create_election=_creations)
extensions: SearchStrategy[pb.Command] = st.builds(pb.Command, extend_election=_extensions)
registrations: SearchStrategy[pb.Command] = st.one_of(
    st.builds(pb.Command, register_voter=_registrations),
    st.builds(pb.Command, unregister_voter=_unregistrations),
)
commands: SearchStrategy[pb.Command] = st.one_of(
    ballots, papers, ballots, extensions, ballots, registrations
)
"""Any command but SetMembers."""

memberships: SearchStrategy[pb.Command] = st.builds(pb.Command, set_members=_memberships)

drifts = _mostly(st.integers(-2, 2), -(2**40), 2**40, -(2**62), 2**62)
"""How far one reading is from the true time, in microseconds; rarely the clock is mad."""


def with_tokens(command: pb.Command, version_of: Callable[[str], int]) -> pb.Command:
    """Return the command with a valid token in place of a `CURRENT` one."""
    ready = pb.Command()
    ready.CopyFrom(command)
    match ready.WhichOneof("kind"):
        case "create_election":
            bearer = ready.create_election.bearer
        case "extend_election":
            bearer = ready.extend_election.bearer
        case "cast_ballot":
            bearer = ready.cast_ballot.bearer
        case _:
            return ready
    if bearer.key_version == CURRENT:
        bearer.key_version = version_of(bearer.voter_name)
    return ready


def beginning(members: int) -> pb.Batch:
    """Return a first batch that is accepted as a whole: members, every voter, one election."""
    joinings = [
        pb.RegisterVoter(
            request_id=b"join", name=name, group=GROUPS[number % 2], public_key=b"k" * 32
        )
        for number, name in enumerate(VOTERS)
    ]
    paper = pb.CreateElection(
        request_id=b"paper",
        bearer=pb.Bearer(voter_name=VOTERS[0], key_version=1),
        name=ELECTIONS[0],
        groups=GROUPS[:2],
        choices=CHOICES[:3],
        end_us=NOON + SPAN // 2,
    )
    return pb.Batch(
        version=1,
        proposer=MEMBERS[0],
        clock_us=NOON - 5,
        commands=[
            pb.Command(set_members=pb.SetMembers(members=MEMBERS[:members])),
            *(pb.Command(register_voter=joining) for joining in joinings),
            pb.Command(create_election=paper),
        ],
    )
