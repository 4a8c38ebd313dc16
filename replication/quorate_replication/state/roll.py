"""The roll: who may vote, in which group, with which key."""

from bisect import bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from quorate_replication.state import limits
from quorate_replication.state.outcome import Outcome


class Answer(NamedTuple):
    """What one request was told; a registration and an unregistration are never the same."""

    request_id: bytes
    outcome: Outcome
    unregistered: bool


@dataclass(slots=True)
class Voter:
    """A name that was ever on the roll.

    It stays when the voter is unregistered: her key versions must never repeat (a token made
    for an old key must not come back to life), and repeated requests get their first answer.
    """

    name: str
    group: str
    public_key: bytes
    key_version: int
    registered: bool
    answers: tuple[Answer, ...] = ()

    def answer_to(self, request_id: bytes, *, unregistered: bool) -> Outcome | None:
        """Return what that request was told, if it is among the latest."""
        for answer in self.answers:
            if answer.request_id == request_id and answer.unregistered == unregistered:
                return answer.outcome
        return None

    def remember(self, answer: Answer) -> None:
        """Keep the answer for when the request is repeated."""
        self.answers = (*self.answers, answer)[-limits.ANSWERS_PER_VOTER :]


class Roll:
    """All voters by name, and the names in order."""

    def __init__(self) -> None:
        self._voters: dict[str, Voter] = {}
        self._names: list[str] = []

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[Voter]:
        """Every name ever, in order."""
        return (self._voters[name] for name in self._names)

    def add(self, voter: Voter) -> None:
        """Enter a name that was never on the roll."""
        self._voters[voter.name] = voter
        insort(self._names, voter.name)

    def get(self, name: str) -> Voter | None:
        """Return the voter if she is registered now."""
        voter = self._voters.get(name)
        return voter if voter is not None and voter.registered else None

    def page(self, after: str, size: int) -> list[Voter]:
        """Return up to `size` registered voters whose names come after `after`, in order."""
        found: list[Voter] = []
        for position in range(bisect_right(self._names, after), len(self._names)):
            voter = self._voters[self._names[position]]
            if voter.registered:
                found.append(voter)
                if len(found) == size:
                    break
        return found

    def register(self, request_id: bytes, name: str, group: str, public_key: bytes) -> Outcome:
        """Enter a voter, or give a registered one a new key and group.

        Either way the key version moves on, which ends every token that was made before.
        """
        voter = self._voters.get(name)
        if voter is not None:
            answer = voter.answer_to(request_id, unregistered=False)
            if answer is not None:
                return answer
        if not limits.is_name(name):
            return Outcome.NAME_INVALID
        if not limits.is_name(group):
            return Outcome.GROUP_INVALID
        if len(public_key) != limits.PUBLIC_KEY_BYTES:
            return Outcome.PUBLIC_KEY_INVALID
        if voter is None:
            if len(self) >= limits.ROLL_NAMES:
                return Outcome.ROLL_FULL
            voter = Voter(name, group, public_key, key_version=0, registered=False)
            self.add(voter)
        outcome = Outcome.REPLACED if voter.registered else Outcome.ACCEPTED
        voter.group, voter.public_key, voter.registered = group, public_key, True
        voter.key_version += 1
        voter.remember(Answer(request_id, outcome, unregistered=False))
        return outcome

    def unregister(self, request_id: bytes, name: str) -> Outcome:
        """Take a voter off the roll; her tokens end, her ballots stay counted."""
        voter = self._voters.get(name)
        if voter is None:
            return Outcome.VOTER_NOT_FOUND
        if (answer := voter.answer_to(request_id, unregistered=True)) is not None:
            return answer
        if not voter.registered:
            return Outcome.VOTER_NOT_FOUND
        voter.registered = False
        voter.remember(Answer(request_id, Outcome.ACCEPTED, unregistered=True))
        return Outcome.ACCEPTED

    def bearer(self, name: str, key_version: int) -> Voter | None:
        """Return the voter for whose present key a token was made, or None."""
        voter = self.get(name)
        return voter if voter is not None and voter.key_version == key_version else None
