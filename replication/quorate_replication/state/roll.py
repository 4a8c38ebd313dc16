"""The roll: who may vote, in which group, with which key."""

from collections.abc import Iterator

from quorate_replication.state import limits
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.sorted_map import SortedMap, SortedView
from quorate_replication.state.voter import Answer, Voter, pack, unpack


class Roll:
    """All voters by name, each packed."""

    def __init__(self) -> None:
        self._voters = SortedMap[bytes]()

    def __len__(self) -> int:
        return len(self._voters)

    def __iter__(self) -> Iterator[Voter]:
        """Every name ever, in order."""
        return (unpack(packed) for _, packed in self._voters.in_order())

    def put(self, voter: Voter) -> None:
        """Enter a voter, or replace what is known of her."""
        self.put_packed(voter.name, pack(voter))

    def put_packed(self, name: str, packed: bytes) -> None:
        """Enter a voter who is packed already."""
        self._voters[name] = packed

    def freeze(self) -> SortedView[bytes]:
        """Return every name ever as it is now, packed; it never changes."""
        return self._voters.freeze()

    def get(self, name: str) -> Voter | None:
        """Return the voter if she is registered now."""
        voter = self._ever(name)
        return voter if voter is not None and voter.registered else None

    def page(self, after: str, size: int) -> list[Voter]:
        """Return up to `size` registered voters whose names come after `after`, in order."""
        found: list[Voter] = []
        for voter in map(unpack, self._voters.after(after)):
            if voter.registered:
                found.append(voter)
                if len(found) == size:
                    break
        return found

    def register(self, request_id: bytes, name: str, group: str, public_key: bytes) -> Outcome:
        """Enter a voter, or give a registered one a new key and group.

        Either way the key version moves on, which ends every token that was made before.
        """
        voter = self._ever(name)
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
        outcome = Outcome.REPLACED if voter.registered else Outcome.ACCEPTED
        changed = voter._replace(
            group=group,
            public_key=public_key,
            key_version=voter.key_version + 1,
            registered=True,
        )
        self.put(changed.remembering(Answer(request_id, outcome, unregistered=False)))
        return outcome

    def unregister(self, request_id: bytes, name: str) -> Outcome:
        """Take a voter off the roll; her tokens end, her ballots stay counted."""
        voter = self._ever(name)
        if voter is None:
            return Outcome.VOTER_NOT_FOUND
        if (answer := voter.answer_to(request_id, unregistered=True)) is not None:
            return answer
        if not voter.registered:
            return Outcome.VOTER_NOT_FOUND
        changed = voter._replace(registered=False)
        self.put(changed.remembering(Answer(request_id, Outcome.ACCEPTED, unregistered=True)))
        return Outcome.ACCEPTED

    def bearer(self, name: str, key_version: int) -> Voter | None:
        """Return the voter for whose present key a token was made, or None."""
        voter = self.get(name)
        return voter if voter is not None and voter.key_version == key_version else None

    def _ever(self, name: str) -> Voter | None:
        packed = self._voters.get(name)
        return None if packed is None else unpack(packed)
