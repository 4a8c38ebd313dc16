"""What the course and the design promise, said a second time and more simply.

The model is a history: a list of the facts that were established, oldest first. Nothing is ever
changed in it or kept beside it; whatever is asked is looked up in the history, however slowly.
It shares nothing with the state machine but the names of the outcomes.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.outcome import Outcome

FIRST_SECOND, AFTER_LAST_SECOND = -62_135_596_800, 253_402_300_800
"""The years 1 to 9999, in seconds since 1970."""


@dataclass(frozen=True)
class Members:
    names: frozenset[str]


@dataclass(frozen=True)
class Reading:
    member: str
    us: int


@dataclass(frozen=True)
class Joined:
    request_id: bytes
    voter: str
    group: str
    key: bytes
    told: Outcome


@dataclass(frozen=True)
class Left:
    request_id: bytes
    voter: str
    told: Outcome = Outcome.ACCEPTED


@dataclass(frozen=True)
class Called:
    """An election was called."""

    request_id: bytes
    by: str
    election: str
    groups: frozenset[str]
    choices: tuple[str, ...]
    end_us: int
    read_us: int


@dataclass(frozen=True)
class Prolonged:
    request_id: bytes
    election: str
    end_us: int


@dataclass(frozen=True)
class Voted:
    request_id: bytes
    election: str
    voter: str
    choice: str


@dataclass(frozen=True)
class Late:
    """A ballot, or an extension, that was late by one clock and not by the cluster's."""

    request_id: bytes
    election: str
    voter: str


Fact = Members | Reading | Joined | Left | Called | Prolonged | Voted | Late


class Model:
    """The history, and questions to it."""

    def __init__(self) -> None:
        self.history: list[Fact] = []

    # ------------------------------------------------------------------ questions

    def clock_us(self) -> int | None:
        """Return the latest moment that a majority had read at any one time."""
        members: frozenset[str] = frozenset()
        latest: dict[str, int] = {}
        best: int | None = None
        for fact in self.history:
            match fact:
                case Members(names):
                    members = names
                    latest = {name: us for name, us in latest.items() if name in names}
                case Reading(member, us) if member in members and _printable(us):
                    latest[member] = us
                case _:
                    continue
            for us in latest.values():
                have_read_it = sum(1 for other in latest.values() if other >= us)
                if 2 * have_read_it > len(members) and (best is None or us > best):
                    best = us
        return best

    def changes_of(self, voter: str) -> list[Joined | Left]:
        return [f for f in self.history if isinstance(f, Joined | Left) and f.voter == voter]

    def group_of(self, voter: str) -> str | None:
        """Return the group of a voter who is on the roll, or None."""
        changes = self.changes_of(voter)
        return changes[-1].group if changes and isinstance(changes[-1], Joined) else None

    def key_version_of(self, voter: str) -> int:
        return sum(1 for change in self.changes_of(voter) if isinstance(change, Joined))

    def called(self, election: str) -> Called | None:
        found = [f for f in self.history if isinstance(f, Called) and f.election == election]
        return found[0] if found else None

    def elections(self) -> list[Called]:
        """Return all elections by name."""
        found = [f for f in self.history if isinstance(f, Called)]
        return sorted(found, key=lambda called: called.election)

    def extensions_of(self, election: str) -> list[Prolonged]:
        return [f for f in self.history if isinstance(f, Prolonged) and f.election == election]

    def end_us(self, called: Called) -> int:
        return max([called.end_us, *(f.end_us for f in self.extensions_of(called.election))])

    def is_over(self, called: Called) -> bool:
        now_us = self.clock_us()
        stillborn = called.read_us >= called.end_us
        return stillborn or (now_us is not None and now_us >= self.end_us(called))

    def next_end_us(self) -> int | None:
        ends = [self.end_us(called) for called in self.elections() if not self.is_over(called)]
        return min(ends, default=None)

    def ballots_in(self, election: str) -> list[Voted]:
        return [f for f in self.history if isinstance(f, Voted) and f.election == election]

    def last_late(self, election: str, voter: str) -> Late | None:
        late = [f for f in self.history if isinstance(f, Late)]
        late = [f for f in late if (f.election, f.voter) == (election, voter)]
        return late[-1] if late else None

    def counts(self, called: Called) -> list[int]:
        chosen = [ballot.choice for ballot in self.ballots_in(called.election)]
        return [chosen.count(choice) for choice in called.choices]

    # ------------------------------------------------------------------ commands

    def apply(self, batch: pb.Batch) -> list[Outcome]:
        reading = Reading(batch.proposer, batch.clock_us)
        self.history.append(reading)
        return [self._answer(command, reading) for command in batch.commands]

    def _answer(self, command: pb.Command, reading: Reading) -> Outcome:
        if command.HasField("register_voter"):
            return self._register(command.register_voter)
        if command.HasField("unregister_voter"):
            return self._unregister(command.unregister_voter)
        if command.HasField("create_election"):
            return self._create(command.create_election, reading)
        if command.HasField("extend_election"):
            return self._extend(command.extend_election, reading)
        if command.HasField("cast_ballot"):
            return self._cast(command.cast_ballot, reading)
        if command.HasField("set_members"):
            return self._set_members(command.set_members.members, reading)
        return Outcome.MALFORMED

    def _establish(self, fact: Fact) -> Outcome:
        self.history.append(fact)
        return Outcome.ACCEPTED

    def _set_members(self, members: Iterable[str], reading: Reading) -> Outcome:
        names = list(members)
        if not 1 <= len(names) <= 15 or len(names) != len(set(names)):
            return Outcome.MALFORMED
        if not all(_is_name(name) for name in names):
            return Outcome.MALFORMED
        self.history.append(Members(frozenset(names)))
        return self._establish(reading)

    def _answered(self, voter: str, request_id: bytes, kind: type[Joined | Left]) -> Outcome | None:
        """Return what one of the voter's 16 latest changes was told, if it had this id and kind."""
        latest = [c for c in self.changes_of(voter)[-16:] if isinstance(c, kind)]
        known = [c for c in latest if c.request_id == request_id]
        return known[0].told if known else None

    def _register(self, wish: pb.RegisterVoter) -> Outcome:
        if not _is_request_id(wish.request_id):
            return Outcome.MALFORMED
        if told := self._answered(wish.name, wish.request_id, Joined):
            return told
        if not _is_name(wish.name):
            return Outcome.NAME_INVALID
        if not _is_name(wish.group):
            return Outcome.GROUP_INVALID
        if len(wish.public_key) != 32:
            return Outcome.PUBLIC_KEY_INVALID
        told = Outcome.ACCEPTED if self.group_of(wish.name) is None else Outcome.REPLACED
        self.history.append(Joined(wish.request_id, wish.name, wish.group, wish.public_key, told))
        return told

    def _unregister(self, wish: pb.UnregisterVoter) -> Outcome:
        if not _is_request_id(wish.request_id):
            return Outcome.MALFORMED
        if told := self._answered(wish.name, wish.request_id, Left):
            return told
        if self.group_of(wish.name) is None:
            return Outcome.VOTER_NOT_FOUND
        return self._establish(Left(wish.request_id, wish.name))

    def _is_bearer(self, bearer: pb.Bearer) -> bool:
        on_the_roll = self.group_of(bearer.voter_name) is not None
        return on_the_roll and bearer.key_version == self.key_version_of(bearer.voter_name)

    def _create(self, wish: pb.CreateElection, reading: Reading) -> Outcome:
        called = self.called(wish.name)
        new = Called(
            wish.request_id,
            wish.bearer.voter_name,
            wish.name,
            frozenset(wish.groups),
            tuple(wish.choices),
            wish.end_us,
            reading.us,
        )
        if not _is_request_id(wish.request_id):
            return Outcome.MALFORMED
        if called is not None and (called.request_id, called.by) == (new.request_id, new.by):
            return Outcome.ACCEPTED
        if not self._is_bearer(wish.bearer):
            return Outcome.INVALID_TOKEN
        if (flaw := _flaw_of(new)) is not None:
            return flaw
        if called is not None:
            return Outcome.NAME_TAKEN
        return self._establish(new)

    def _extend(self, wish: pb.ExtendElection, reading: Reading) -> Outcome:
        called = self.called(wish.name)
        if not _is_request_id(wish.request_id):
            return Outcome.MALFORMED
        known = [f.request_id for f in self.extensions_of(wish.name)]
        if called is not None and called.by == wish.bearer.voter_name and wish.request_id in known:
            return Outcome.ACCEPTED
        if not self._is_bearer(wish.bearer):
            return Outcome.INVALID_TOKEN
        if called is None:
            return Outcome.ELECTION_NOT_FOUND
        if called.by != wish.bearer.voter_name:
            return Outcome.NOT_CREATOR
        creator = ""  # no voter's name: the creator may have a late ballot besides
        if self._comes_too_late(called, Late(wish.request_id, called.election, creator), reading):
            return Outcome.ELECTION_CLOSED
        return self._prolong(called, Prolonged(wish.request_id, wish.name, wish.end_us))

    def _prolong(self, called: Called, by: Prolonged) -> Outcome:
        if not _printable(by.end_us):
            return Outcome.END_TIME_INVALID
        if by.end_us <= self.end_us(called):
            return Outcome.END_TIME_NOT_LATER
        if len(self.extensions_of(called.election)) == 100:
            return Outcome.TOO_MANY_EXTENSIONS
        return self._establish(by)

    def _cast(self, wish: pb.CastBallot, reading: Reading) -> Outcome:
        called = self.called(wish.election_name)
        voter = wish.bearer.voter_name
        ballots = [b for b in self.ballots_in(wish.election_name) if b.voter == voter]
        if not _is_request_id(wish.request_id):
            return Outcome.MALFORMED
        if any(ballot.request_id == wish.request_id for ballot in ballots):
            return Outcome.ACCEPTED
        if not self._is_bearer(wish.bearer):
            return Outcome.INVALID_TOKEN
        if called is None:
            return Outcome.ELECTION_NOT_FOUND
        if self.group_of(voter) not in called.groups:
            return Outcome.GROUP_NOT_ALLOWED
        if self._comes_too_late(called, Late(wish.request_id, called.election, voter), reading):
            return Outcome.ELECTION_CLOSED
        if ballots:
            return Outcome.ALREADY_CAST
        if wish.choice not in called.choices:
            return Outcome.CHOICE_NOT_FOUND
        return self._establish(Voted(wish.request_id, called.election, voter, wish.choice))

    def _comes_too_late(self, called: Called, ballot: Late, reading: Reading) -> bool:
        if self.is_over(called) or self.last_late(ballot.election, ballot.voter) == ballot:
            return True
        if reading.us < self.end_us(called):
            return False
        self.history.append(ballot)
        return True


def _flaw_of(new: Called) -> Outcome | None:
    if len(new.groups) == 0 or len(new.choices) == 0:
        return Outcome.GROUPS_OR_CHOICES_MISSING
    if not _is_name(new.election):
        return Outcome.NAME_INVALID
    if len(new.groups) > 200 or not all(_is_name(group) for group in new.groups):
        return Outcome.GROUP_INVALID
    twice = any(new.choices.count(choice) > 1 for choice in new.choices)
    if twice or len(new.choices) > 200 or not all(_is_name(choice) for choice in new.choices):
        return Outcome.CHOICES_INVALID
    return None if _printable(new.end_us) else Outcome.END_TIME_INVALID


def _is_request_id(request_id: bytes) -> bool:
    return len(request_id) in range(1, 65)


def _is_name(name: str) -> bool:
    return len(name.encode("utf-8")) in range(1, 257)


def _printable(us: int) -> bool:
    return FIRST_SECOND <= us // 1_000_000 < AFTER_LAST_SECOND
