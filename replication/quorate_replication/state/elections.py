"""The state machine: `apply` takes a batch and returns an outcome for each command.

Copy on write: `freeze` returns the state as it is, in next to no time, for a thread that writes
it down while this one goes on applying. What is frozen is shared until it is changed, so every
change of an election begins with `_changing`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from google.protobuf.message import DecodeError

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state import limits
from quorate_replication.state.clock import ClusterClock
from quorate_replication.state.election import Election, check_ballot_paper
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.roll import Roll
from quorate_replication.state.sorted_map import SortedMap, SortedView
from quorate_replication.state.voter import Voter

BATCH_VERSION = 1
"""The newest batch format that this code understands.

Raise it with every new kind of command: an older node must stop at one, not call it malformed.
"""


def decode_batch(entry: bytes) -> pb.Batch | None:
    """Return the batch that a log entry holds, or None if its bytes are none."""
    try:
        return pb.Batch.FromString(entry)
    except DecodeError:
        return None


@dataclass(frozen=True, slots=True)
class FrozenElections:
    """The whole state as it was at one moment: nobody may change anything in it."""

    clock: ClusterClock
    voters: SortedView[bytes]
    """Every name that was ever on the roll, packed (see `voter`)."""
    elections: SortedView[Election]

    def dismantle(self) -> Iterator[None]:
        """Let go of everything, a bit at a step; nobody may use this frozen state any more.

        What the live state or another frozen one shares with it stays theirs.
        """
        elections = [election for _, election in self.elections.in_order()]
        ballots = [election.participation.freeze() for election in elections]
        late = [election.late.freeze() for election in elections if election.late]
        yield from self.elections.dismantle()
        for view in (self.voters, *ballots, *late):
            yield from view.dismantle()


class Elections:
    """The whole state: the roll, every election and the cluster clock."""

    def __init__(self) -> None:
        self.clock = ClusterClock()
        self.roll = Roll()
        self.elections = SortedMap[Election]()
        self._own: set[str] = set()  # elections that no frozen state has
        self._maybe_open: set[str] = set()  # a cache: every open election, perhaps closed ones

    # ------------------------------------------------------------------ changing

    def apply(self, batch: pb.Batch) -> list[Outcome]:
        """Apply a batch; return one outcome for each of its commands, in order."""
        self.clock.observe(batch.proposer, batch.clock_us)
        return [self._apply_command(command, batch) for command in batch.commands]

    def _apply_command(self, command: pb.Command, batch: pb.Batch) -> Outcome:
        match command.WhichOneof("kind"):
            case "cast_ballot":
                return self._cast_ballot(command.cast_ballot, batch.clock_us)
            case "register_voter":
                return self._register_voter(command.register_voter)
            case "unregister_voter":
                return self._unregister_voter(command.unregister_voter)
            case "create_election":
                return self._create_election(command.create_election, batch.clock_us)
            case "extend_election":
                return self._extend_election(command.extend_election, batch.clock_us)
            case "set_members":
                return self._set_members(command.set_members, batch)
            case None:
                return Outcome.MALFORMED

    def _set_members(self, command: pb.SetMembers, batch: pb.Batch) -> Outcome:
        members = tuple(sorted(set(command.members)))
        sane = 0 < len(members) <= limits.MEMBERS and all(map(limits.is_name, members))
        if not sane or len(members) < len(command.members):
            return Outcome.MALFORMED
        self.clock.set_members(members)
        self.clock.observe(batch.proposer, batch.clock_us)
        return Outcome.ACCEPTED

    def _register_voter(self, command: pb.RegisterVoter) -> Outcome:
        if not _is_request_id(command.request_id):
            return Outcome.MALFORMED
        return self.roll.register(
            command.request_id, command.name, command.group, command.public_key
        )

    def _unregister_voter(self, command: pb.UnregisterVoter) -> Outcome:
        if not _is_request_id(command.request_id):
            return Outcome.MALFORMED
        return self.roll.unregister(command.request_id, command.name)

    def _create_election(self, command: pb.CreateElection, reading_us: int) -> Outcome:
        if not _is_request_id(command.request_id):
            return Outcome.MALFORMED
        taken = self.elections.get(command.name)
        name = command.bearer.voter_name
        if taken is not None and (taken.request_id, taken.creator) == (command.request_id, name):
            return Outcome.ACCEPTED
        creator = self._bearer(command.bearer)
        if creator is None:
            return Outcome.INVALID_TOKEN
        groups, choices = tuple(dict.fromkeys(command.groups)), tuple(command.choices)
        flaw = check_ballot_paper(command.name, groups, choices)
        if flaw is not Outcome.ACCEPTED:
            return flaw
        if not limits.is_time(command.end_us):
            return Outcome.END_TIME_INVALID
        if taken is not None:
            return Outcome.NAME_TAKEN
        if len(self.elections) >= limits.ELECTIONS:
            return Outcome.TOO_MANY_ELECTIONS
        election = Election(
            name=command.name,
            creator=creator.name,
            request_id=command.request_id,
            groups=groups,
            choices=choices,
            end_us=command.end_us,
            born_closed=command.end_us <= reading_us,
            tally=[0] * len(choices),
        )
        self.add_election(election)
        return Outcome.ACCEPTED

    def _extend_election(self, command: pb.ExtendElection, reading_us: int) -> Outcome:
        if not _is_request_id(command.request_id):
            return Outcome.MALFORMED
        election = self.elections.get(command.name)
        name = command.bearer.voter_name
        own = election is not None and election.creator == name
        if election is not None and own and command.request_id in election.extensions:
            return Outcome.ACCEPTED
        voter = self._bearer(command.bearer)
        if voter is None:
            return Outcome.INVALID_TOKEN
        if election is None:
            return Outcome.ELECTION_NOT_FOUND
        if election.creator != voter.name:
            return Outcome.NOT_CREATOR
        if election.is_closed(self.clock.now_us) or election.late_extension == command.request_id:
            return Outcome.ELECTION_CLOSED
        if not election.takes(self.clock.now_us, reading_us):
            self._changing(election).late_extension = command.request_id
            return Outcome.ELECTION_CLOSED
        return self._changing(election).extend(command.request_id, command.end_us)

    def _cast_ballot(self, command: pb.CastBallot, reading_us: int) -> Outcome:
        if not _is_request_id(command.request_id):
            return Outcome.MALFORMED
        election = self.elections.get(command.election_name)
        name = command.bearer.voter_name
        if election is not None and election.participation.get(name) == command.request_id:
            return Outcome.ACCEPTED
        voter = self._bearer(command.bearer)
        if voter is None:
            return Outcome.INVALID_TOKEN
        if election is None:
            return Outcome.ELECTION_NOT_FOUND
        if voter.group not in election.groups:
            return Outcome.GROUP_NOT_ALLOWED
        if election.is_closed(self.clock.now_us):
            return Outcome.ELECTION_CLOSED
        if election.late.get(name) == command.request_id:
            return Outcome.ELECTION_CLOSED  # as it was told the first time
        if not election.takes(self.clock.now_us, reading_us):
            self._changing(election).late[name] = command.request_id
            return Outcome.ELECTION_CLOSED
        return self._changing(election).count(voter.name, command.choice, command.request_id)

    def _bearer(self, bearer: pb.Bearer) -> Voter | None:
        return self.roll.bearer(bearer.voter_name, bearer.key_version)

    def add_election(self, election: Election) -> None:
        """Enter an election under a name that is free."""
        self.elections[election.name] = election
        self._own.add(election.name)
        self._maybe_open.add(election.name)

    def _changing(self, election: Election) -> Election:
        """Return the election to make a change in: a copy of it if a frozen state has it."""
        if election.name not in self._own:
            election = election.copy()
            self.elections[election.name] = election
            self._own.add(election.name)
        return election

    # ------------------------------------------------------------------ reading

    def freeze(self) -> FrozenElections:
        """Return the state as it is now; another thread may read it while this one applies."""
        self._own.clear()
        return FrozenElections(self.clock.copy(), self.roll.freeze(), self.elections.freeze())

    def is_closed(self, election: Election) -> bool:
        """Tell whether an election is over by the cluster clock."""
        return election.is_closed(self.clock.now_us)

    def page(self, after: str, size: int) -> list[Election]:
        """Return up to `size` elections whose names come after `after`, in order."""
        return list(islice(self.elections.after(after), size))

    def records(self) -> int:
        """Return about how large the state is: names on the roll, elections and ballots."""
        cast = sum(len(election.participation) for election in self.elections.values())
        return len(self.roll) + len(self.elections) + cast

    def in_order(self) -> list[Election]:
        """Return every election by name."""
        return [election for _, election in self.elections.in_order()]

    def next_end_us(self) -> int | None:
        """Return when the first open election ends, in microseconds, or None."""
        self._maybe_open = {n for n in self._maybe_open if not self.is_closed(self.elections[n])}
        return min((self.elections[name].end_us for name in self._maybe_open), default=None)


def _is_request_id(request_id: bytes) -> bool:
    return 0 < len(request_id) <= limits.REQUEST_ID_BYTES
