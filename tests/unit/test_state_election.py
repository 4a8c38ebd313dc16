"""One election: its paper, its ballots, its end."""

import pytest

from quorate_replication.state import limits
from quorate_replication.state.clock import NEVER_US
from quorate_replication.state.election import Election, check_ballot_paper
from quorate_replication.state.outcome import Outcome

from .state_commands import END, HOUR, NOON


@pytest.fixture
def election() -> Election:
    return an_election(born_closed=False)


def an_election(*, born_closed: bool) -> Election:
    return Election(
        name="budget",
        creator="ann",
        request_id=b"made",
        groups=("staff",),
        choices=("yes", "no", "abstain"),
        end_us=END,
        born_closed=born_closed,
        tally=[0, 0, 0],
    )


# ------------------------------------------------------------------ ballots


def test_a_ballot_counts_for_its_choice_alone(election: Election) -> None:
    assert election.count("ann", "no", b"1") is Outcome.ACCEPTED
    assert election.count("bob", "abstain", b"2") is Outcome.ACCEPTED
    assert election.count("cyd", "no", b"3") is Outcome.ACCEPTED
    assert election.tally == [0, 2, 1]


def test_participation_tells_who_and_by_which_request(election: Election) -> None:
    election.count("ann", "no", b"1")
    assert election.participation == {"ann": b"1"}


@pytest.mark.parametrize("second", ["yes", "no", "of neither kind"])
def test_a_second_ballot_changes_nothing(election: Election, second: str) -> None:
    election.count("ann", "yes", b"1")
    assert election.count("ann", second, b"2") is Outcome.ALREADY_CAST
    assert election.tally == [1, 0, 0]
    assert election.participation == {"ann": b"1"}


@pytest.mark.parametrize("wrong", ["", "Yes", "ye", "yess", "yes ", "nope"])
def test_a_choice_that_is_not_on_the_paper_costs_the_voter_nothing(
    election: Election, wrong: str
) -> None:
    assert election.count("ann", wrong, b"1") is Outcome.CHOICE_NOT_FOUND
    assert election.participation == {}
    assert election.tally == [0, 0, 0]
    assert election.count("ann", "yes", b"2") is Outcome.ACCEPTED


# ------------------------------------------------------------------ in time


@pytest.mark.parametrize(
    ("cluster_us", "reading_us", "in_time"),
    [
        (NEVER_US, NOON, True),
        (NOON, NOON, True),
        (END - 1, END - 1, True),
        (END - 1, END, False),
        (END, END - 1, False),
        (END, END, False),
        (NEVER_US, END, False),
        (END + HOUR, NEVER_US, False),
        (NEVER_US, NEVER_US, True),
    ],
)
def test_in_time_is_before_the_end_by_both_clocks(
    election: Election, cluster_us: int, reading_us: int, in_time: bool
) -> None:
    assert election.takes(cluster_us, reading_us) is in_time


def test_closed_is_what_the_cluster_clock_says(election: Election) -> None:
    assert not election.is_closed(NEVER_US)
    assert not election.is_closed(END - 1)
    assert election.is_closed(END)


def test_born_closed_is_closed_at_any_time() -> None:
    stillborn = an_election(born_closed=True)
    assert stillborn.is_closed(NEVER_US)
    assert not stillborn.takes(NEVER_US, NEVER_US)


# ------------------------------------------------------------------ extensions


def test_the_end_moves_later_only(election: Election) -> None:
    assert election.extend(b"1", END - 1) is Outcome.END_TIME_NOT_LATER
    assert election.extend(b"2", END) is Outcome.END_TIME_NOT_LATER
    assert election.end_us == END
    assert election.extensions == {}
    assert election.extend(b"3", END + 1) is Outcome.ACCEPTED
    assert election.end_us == END + 1
    assert election.extend(b"4", END + 1) is Outcome.END_TIME_NOT_LATER


@pytest.mark.parametrize(
    "no_time_us", [-(2**63), limits.EARLIEST_US - 1, limits.LATEST_US + 1, 2**63 - 1]
)
def test_the_end_cannot_move_to_what_is_no_time(election: Election, no_time_us: int) -> None:
    assert election.extend(b"1", no_time_us) is Outcome.END_TIME_INVALID
    assert election.end_us == END


def test_the_end_can_move_to_the_last_time_there_is(election: Election) -> None:
    assert election.extend(b"1", limits.LATEST_US) is Outcome.ACCEPTED
    assert election.extend(b"2", limits.LATEST_US) is Outcome.END_TIME_NOT_LATER


def test_as_many_extensions_as_the_limit_are_taken_and_one_more_is_not(
    election: Election,
) -> None:
    for number in range(1, limits.EXTENSIONS_PER_ELECTION + 1):
        assert election.extend(b"%d" % number, END + number) is Outcome.ACCEPTED
    last = END + limits.EXTENSIONS_PER_ELECTION
    assert election.extend(b"more", last + 1) is Outcome.TOO_MANY_EXTENSIONS
    assert election.extend(b"more", last) is Outcome.END_TIME_NOT_LATER
    assert election.end_us == last


# ------------------------------------------------------------------ the ballot paper

LONGEST = "é" * (limits.NAME_BYTES // 2)


@pytest.mark.parametrize(
    ("name", "groups", "choices"),
    [
        ("e", ("g",), ("c",)),
        (LONGEST, (LONGEST,), (LONGEST,)),
        ('O\'Brien "&" \\ 投票', ("' OR 1=1", "g"), ("a", "aa", "aaa", "A", " a")),
        ("e", tuple(map(str, range(limits.GROUPS_PER_ELECTION))), ("c",)),
        ("e", ("g",), tuple(map(str, range(limits.CHOICES_PER_ELECTION)))),
        ("e", ("g",), ("Zo\u00eb", "Zoe\u0308")),
    ],
    ids=["shortest", "longest names", "awkward", "all groups", "all choices", "normal forms"],
)
def test_a_paper_within_the_limits_is_good(
    name: str, groups: tuple[str, ...], choices: tuple[str, ...]
) -> None:
    assert check_ballot_paper(name, groups, choices) is Outcome.ACCEPTED


MANY_GROUPS = tuple(map(str, range(limits.GROUPS_PER_ELECTION + 1)))
MANY_CHOICES = tuple(map(str, range(limits.CHOICES_PER_ELECTION + 1)))


@pytest.mark.parametrize(
    ("name", "groups", "choices", "outcome"),
    [
        ("e", (), ("c",), Outcome.GROUPS_OR_CHOICES_MISSING),
        ("e", ("g",), (), Outcome.GROUPS_OR_CHOICES_MISSING),
        ("", (), (), Outcome.GROUPS_OR_CHOICES_MISSING),
        ("", ("g",), ("c",), Outcome.NAME_INVALID),
        ("", ("",), ("",), Outcome.NAME_INVALID),
        (LONGEST + "x", ("g",), ("c",), Outcome.NAME_INVALID),
        ("e", ("g", ""), ("c",), Outcome.GROUP_INVALID),
        ("e", (LONGEST + "x",), ("c",), Outcome.GROUP_INVALID),
        ("e", MANY_GROUPS, ("c",), Outcome.GROUP_INVALID),
        ("e", ("",), ("",), Outcome.GROUP_INVALID),
        ("e", ("g",), ("c", ""), Outcome.CHOICES_INVALID),
        ("e", ("g",), (LONGEST + "x",), Outcome.CHOICES_INVALID),
        ("e", ("g",), MANY_CHOICES, Outcome.CHOICES_INVALID),
        ("e", ("g",), ("c", "d", "c"), Outcome.CHOICES_INVALID),
    ],
)
def test_of_a_papers_flaws_the_first_is_told(
    name: str, groups: tuple[str, ...], choices: tuple[str, ...], outcome: Outcome
) -> None:
    assert check_ballot_paper(name, groups, choices) is outcome
