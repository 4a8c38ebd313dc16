"""The outcomes of the proto enums in plain words."""

from collections.abc import Sequence
from typing import Protocol

from quorate_client.errors import QuorateError

INTERRUPTED = 130


class Rejected(QuorateError):  # noqa: N818 - an outcome, shown as one
    """The cluster said no; `outcome` is the reason's name."""

    exit_code = 3
    code = "rejected"

    def __init__(self, outcome: str, words: str) -> None:
        super().__init__(f"rejected ({words})")
        self.outcome = outcome


class NotCounted(Rejected):
    """A ballot that was asked for is not counted, and never will be."""

    code = "not_counted"

    def __init__(self, outcome: str, words: str) -> None:
        super().__init__(outcome, words)
        self.args = (f"not counted ({words})",)


class Interruption(QuorateError):  # noqa: N818 - an outcome, shown as one
    """Ctrl-C came; the text says what stands."""

    exit_code = INTERRUPTED
    code = "interrupted"


class Outcomes(Protocol):
    """A proto enum of outcomes."""

    def keys(self) -> Sequence[str]:
        """Return the names."""
        ...

    def values(self) -> Sequence[int]:
        """Return the numbers, in the order of the names."""
        ...


WORDS = {
    "INVALID_TOKEN": "the cluster refused the voter's token; is she still on the roll?",
    "ELECTION_NOT_FOUND": "there is no such election; see `quorate election list`",
    "GROUP_NOT_ALLOWED": "the voter's group may not vote in this election",
    "ELECTION_CLOSED": "the election is closed",
    "ALREADY_CAST": "this voter has already cast a ballot in this election",
    "CHOICE_NOT_FOUND": "there is no such choice on the ballot; see `quorate election show`",
    "GROUPS_OR_CHOICES_MISSING": "an election needs at least one group and one choice",
    "NAME_INVALID": "the name is empty, too long or not allowed",
    "GROUPS_INVALID": "a group is empty, too long or named twice, or there are too many",
    "CHOICES_INVALID": "a choice is empty, too long or named twice, or there are too many",
    "END_TIME_INVALID": "the end time is out of range",
    "NAME_TAKEN": "there is an election of that name already",
    "TOO_MANY_ELECTIONS": "the cluster holds as many elections as it can",
    "NOT_CREATOR": "only the election's creator may extend it",
    "END_TIME_NOT_LATER": "the end may only be moved to a later time",
    "TOO_MANY_EXTENSIONS": "the election was extended as often as is allowed",
    "ELECTION_OPEN": "the election is still open; --wait waits for its end",
    "GROUP_INVALID": "the group's name is empty, too long or not allowed",
    "PUBLIC_KEY_INVALID": "that is not a usable Ed25519 public key",
    "ROLL_FULL": "the roll holds as many voters as it can",
    "NOT_COUNTED": "no ballot has this id, and none will: the election is closed",
    "NOT_COUNTED_YET": "no ballot with this id is counted so far, and the election is open",
    "VOTER_NOT_FOUND": "there is no such voter on the roll; see `quorate voter list`",
}


def name_of(outcomes: Outcomes, value: int) -> str:
    """Return the outcome's name without the enum's: ELECTION_CLOSED; a newer one's number."""
    names = dict(zip(outcomes.values(), outcomes.keys(), strict=True))
    prefix = names[0].removesuffix("UNSPECIFIED")
    return names.get(value, f"OUTCOME_{value}").removeprefix(prefix)


def accept(outcomes: Outcomes, value: int, *accepted: int) -> str:
    """Return the outcome's name if it is among `accepted`; else raise Rejected."""
    name = name_of(outcomes, value)
    if value not in accepted:
        raise Rejected(name, WORDS.get(name, name))
    return name
