"""What became of a command: a value, never an exception."""

import enum


@enum.unique
class Outcome(enum.IntEnum):
    """Accepted, or the first rejection that applies, in the order of checking.

    The numbers are stored in snapshots: never renumber, only add.
    """

    ACCEPTED = 1
    REPLACED = 2
    """RegisterVoter: accepted, and a registration under that name was replaced."""

    MALFORMED = 10
    """A request id, member list or command kind that no node of ours proposes."""
    INVALID_TOKEN = 11
    """The bearer is not on the roll, or the key that the token was made for is gone."""
    GROUPS_OR_CHOICES_MISSING = 12
    NAME_INVALID = 13
    GROUP_INVALID = 14
    PUBLIC_KEY_INVALID = 15
    CHOICES_INVALID = 16
    VOTER_NOT_FOUND = 17
    ELECTION_NOT_FOUND = 18
    GROUP_NOT_ALLOWED = 19
    NOT_CREATOR = 20
    ELECTION_CLOSED = 21
    END_TIME_INVALID = 22
    END_TIME_NOT_LATER = 23
    NAME_TAKEN = 24
    ALREADY_CAST = 25
    CHOICE_NOT_FOUND = 26
    ROLL_FULL = 27
    TOO_MANY_ELECTIONS = 28
    TOO_MANY_EXTENSIONS = 29

    @property
    def is_acceptance(self) -> bool:
        """Whether the command changed the state, now or when it was first applied."""
        return self in (Outcome.ACCEPTED, Outcome.REPLACED)
