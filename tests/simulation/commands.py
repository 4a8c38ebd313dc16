"""The commands that clients propose, as they are on the wire.

There is one group, one set of choices and one key: who asks what, when and through whom is what
a run is about. Every bearer has the first version of its key.
"""

from collections.abc import Iterable

from quorate_proto.internal import command_pb2 as pb

GROUP, CHOICES = "staff", ("yes", "no", "abstain")
KEY = bytes(32)


def set_members(names: Iterable[str]) -> pb.Command:
    """Return the command that says who the members are."""
    return pb.Command(set_members=pb.SetMembers(members=names))


def register(name: str, request_id: bytes) -> pb.Command:
    """Return the command that registers a voter, or gives her a new key."""
    command = pb.RegisterVoter(request_id=request_id, name=name, group=GROUP, public_key=KEY)
    return pb.Command(register_voter=command)


def create(creator: str, name: str, end_us: int, request_id: bytes) -> pb.Command:
    """Return the command that creates an election; `end_us` is wall-clock time."""
    command = pb.CreateElection(
        request_id=request_id,
        bearer=_bearer(creator),
        name=name,
        groups=[GROUP],
        choices=CHOICES,
        end_us=end_us,
    )
    return pb.Command(create_election=command)


def extend(creator: str, name: str, end_us: int, request_id: bytes) -> pb.Command:
    """Return the command that moves an election's end; `end_us` is wall-clock time."""
    command = pb.ExtendElection(
        request_id=request_id, bearer=_bearer(creator), name=name, end_us=end_us
    )
    return pb.Command(extend_election=command)


def cast(election: str, voter: str, choice: str, request_id: bytes) -> pb.Command:
    """Return the command that casts a ballot."""
    command = pb.CastBallot(
        request_id=request_id,
        bearer=_bearer(voter),
        election_name=election,
        choice=choice,
    )
    return pb.Command(cast_ballot=command)


def _bearer(name: str) -> pb.Bearer:
    return pb.Bearer(voter_name=name, key_version=1)
