"""Commands with sensible defaults, and a state machine to give them to."""

from collections.abc import Iterable
from itertools import count

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.election import Election
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import digest, dump, load

SECOND = 1_000_000
HOUR = 3600 * SECOND
NOON = 1_800_000_000 * SECOND
"""When commands are proposed, unless a test says otherwise."""
END = NOON + HOUR
"""When elections end, unless a test says otherwise."""

MEMBERS = ("n1", "n2", "n3")
KEY, OTHER_KEY = b"k" * 32, b"o" * 32

_serial = count(1)


def fresh_id() -> bytes:
    return b"request-%d" % next(_serial)


def set_members(*members: str) -> pb.Command:
    return pb.Command(set_members=pb.SetMembers(members=members))


def register(
    name: str, group: str = "staff", *, key: bytes = KEY, request_id: bytes | None = None
) -> pb.Command:
    known = fresh_id() if request_id is None else request_id
    return pb.Command(
        register_voter=pb.RegisterVoter(request_id=known, name=name, group=group, public_key=key)
    )


def unregister(name: str, *, request_id: bytes | None = None) -> pb.Command:
    known = fresh_id() if request_id is None else request_id
    return pb.Command(unregister_voter=pb.UnregisterVoter(request_id=known, name=name))


def create(  # noqa: PLR0913 - one argument per field
    creator: str,
    name: str = "budget",
    *,
    groups: Iterable[str] = ("staff",),
    choices: Iterable[str] = ("yes", "no"),
    end_us: int = END,
    version: int = 1,
    request_id: bytes | None = None,
) -> pb.Command:
    return pb.Command(
        create_election=pb.CreateElection(
            request_id=fresh_id() if request_id is None else request_id,
            bearer=pb.Bearer(voter_name=creator, key_version=version),
            name=name,
            groups=groups,
            choices=choices,
            end_us=end_us,
        )
    )


def extend(
    creator: str,
    end_us: int,
    *,
    name: str = "budget",
    version: int = 1,
    request_id: bytes | None = None,
) -> pb.Command:
    return pb.Command(
        extend_election=pb.ExtendElection(
            request_id=fresh_id() if request_id is None else request_id,
            bearer=pb.Bearer(voter_name=creator, key_version=version),
            name=name,
            end_us=end_us,
        )
    )


def cast(
    voter: str,
    choice: str = "yes",
    *,
    election: str = "budget",
    version: int = 1,
    request_id: bytes | None = None,
) -> pb.Command:
    return pb.Command(
        cast_ballot=pb.CastBallot(
            request_id=fresh_id() if request_id is None else request_id,
            bearer=pb.Bearer(voter_name=voter, key_version=version),
            election_name=election,
            choice=choice,
        )
    )


class Machine:
    """A state machine of three members whose commands come from `n1` at noon."""

    def __init__(self, *, members: tuple[str, ...] = MEMBERS) -> None:
        self.state = Elections()
        assert self.do(set_members(*members)) is Outcome.ACCEPTED

    def batch(self, *commands: pb.Command, at_us: int = NOON, by: str = "n1") -> list[Outcome]:
        return self.state.apply(pb.Batch(version=1, proposer=by, clock_us=at_us, commands=commands))

    def do(self, command: pb.Command, *, at_us: int = NOON, by: str = "n1") -> Outcome:
        (outcome,) = self.batch(command, at_us=at_us, by=by)
        return outcome

    def given(self, *commands: pb.Command) -> None:
        """Apply what a test takes for granted."""
        for command in commands:
            assert self.do(command).is_acceptance

    def read(self, at_us: int, *members: str) -> None:
        """Let these members propose idle batches with this clock reading."""
        for member in members or MEMBERS:
            assert self.batch(at_us=at_us, by=member) == []

    def restart(self) -> None:
        """Go on from a snapshot, as a node does that was down for long."""
        before = digest(self.state)
        self.state = load(dump(self.state))
        assert digest(self.state) == before

    def election(self, name: str = "budget") -> Election:
        return self.state.elections[name]

    def is_closed(self, name: str = "budget") -> bool:
        return self.state.is_closed(self.election(name))
