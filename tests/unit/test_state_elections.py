"""The state machine: every course code, the order of checking, and repeated requests."""

from collections.abc import Callable
from itertools import combinations

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state import limits
from quorate_replication.state.elections import decode_batch
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import digest, dump, load

from .state_commands import (
    END,
    HOUR,
    NOON,
    OTHER_KEY,
    Machine,
    cast,
    create,
    extend,
    register,
    set_members,
    unregister,
)


@pytest.fixture
def machine() -> Machine:
    """Three of the staff, one guest, and an open election of the staff by Ann."""
    machine = Machine()
    machine.given(register("ann"), register("bob"), register("cyd"), register("gil", "guests"))
    machine.given(create("ann"))
    return machine


def unchanged_by(machine: Machine, command: pb.Command, *, at_us: int = NOON) -> Outcome:
    """Apply a command that must not change the state; return its outcome."""
    machine.read(at_us, "n1")
    before = digest(machine.state)
    outcome = machine.do(command, at_us=at_us)
    assert digest(machine.state) == before
    return outcome


# ------------------------------------------------------------------ the course's codes


def test_create_election_code_0_election_created_successfully(machine: Machine) -> None:
    paper = create("bob", "chair", groups=["guests", "staff"], choices=["Ann", "Bob"])
    assert machine.do(paper) is Outcome.ACCEPTED
    chair = machine.election("chair")
    assert (chair.creator, chair.groups, chair.choices, chair.end_us, chair.tally) == (
        "bob",
        ("guests", "staff"),
        ("Ann", "Bob"),
        END,
        [0, 0],
    )
    assert not machine.is_closed("chair")


@pytest.mark.parametrize("version", [0, 2, 2**64 - 1])
def test_create_election_code_1_invalid_authentication_token(
    machine: Machine, version: int
) -> None:
    assert unchanged_by(machine, create("ann", "chair", version=version)) is Outcome.INVALID_TOKEN
    assert unchanged_by(machine, create("nobody", "chair")) is Outcome.INVALID_TOKEN


def test_create_election_code_2_missing_groups_or_choices(machine: Machine) -> None:
    for paper in (
        create("ann", "chair", groups=[]),
        create("ann", "chair", choices=[]),
        create("ann", "chair", groups=[], choices=[]),
    ):
        assert unchanged_by(machine, paper) is Outcome.GROUPS_OR_CHOICES_MISSING


def test_create_election_code_3_unknown_error_a_taken_name_replaces_nothing(
    machine: Machine,
) -> None:
    machine.given(cast("bob"))
    assert unchanged_by(machine, create("ann", choices=["other"])) is Outcome.NAME_TAKEN
    assert unchanged_by(machine, create("bob", end_us=END + HOUR)) is Outcome.NAME_TAKEN
    assert machine.election().tally == [1, 0]


def test_create_election_code_3_unknown_error_a_closed_elections_name_stays_taken(
    machine: Machine,
) -> None:
    machine.read(END)
    assert unchanged_by(machine, create("ann", end_us=END + HOUR), at_us=END) is Outcome.NAME_TAKEN


def test_create_election_any_voter_on_the_roll_may(machine: Machine) -> None:
    assert machine.do(create("gil", "chair", groups=["staff"])) is Outcome.ACCEPTED


def test_cast_vote_code_0_successful_vote(machine: Machine) -> None:
    assert machine.do(cast("bob", "no")) is Outcome.ACCEPTED
    assert machine.election().tally == [0, 1]
    assert set(machine.election().participation) == {"bob"}


@pytest.mark.parametrize("version", [0, 2, 2**64 - 1])
def test_cast_vote_code_1_invalid_authentication_token(machine: Machine, version: int) -> None:
    assert unchanged_by(machine, cast("bob", version=version)) is Outcome.INVALID_TOKEN
    assert unchanged_by(machine, cast("nobody")) is Outcome.INVALID_TOKEN
    assert unchanged_by(machine, cast("")) is Outcome.INVALID_TOKEN


@pytest.mark.parametrize("name", ["", "budge", "budgets", "Budget", "budget ", "'budget'"])
def test_cast_vote_code_2_invalid_election_name(machine: Machine, name: str) -> None:
    assert unchanged_by(machine, cast("bob", election=name)) is Outcome.ELECTION_NOT_FOUND


def test_cast_vote_code_3_the_voters_group_is_not_allowed_in_the_election(
    machine: Machine,
) -> None:
    assert unchanged_by(machine, cast("gil")) is Outcome.GROUP_NOT_ALLOWED


@pytest.mark.parametrize("group", ["s", "staf", "staffs", "Staff", "staff "])
def test_cast_vote_code_3_a_group_that_resembles_an_allowed_one(
    machine: Machine, group: str
) -> None:
    machine.given(register("eve", group))
    assert unchanged_by(machine, cast("eve")) is Outcome.GROUP_NOT_ALLOWED


def test_cast_vote_code_2_again_once_the_election_has_ended(machine: Machine) -> None:
    machine.read(END)
    assert unchanged_by(machine, cast("bob"), at_us=END - 1) is Outcome.ELECTION_CLOSED


def test_cast_vote_code_4_a_previous_vote_has_been_cast(machine: Machine) -> None:
    machine.given(cast("bob", "yes"))
    assert unchanged_by(machine, cast("bob", "no")) is Outcome.ALREADY_CAST
    assert unchanged_by(machine, cast("bob", "yes")) is Outcome.ALREADY_CAST


def test_cast_vote_code_5_a_choice_that_is_not_on_the_ballot(machine: Machine) -> None:
    machine.given(cast("bob"))
    assert unchanged_by(machine, cast("cyd", "maybe")) is Outcome.CHOICE_NOT_FOUND
    assert machine.election().tally == [1, 0]
    assert machine.do(cast("cyd", "yes")) is Outcome.ACCEPTED


def test_get_result_code_0_counts_every_choice_in_ballot_order_zeros_included(
    machine: Machine,
) -> None:
    machine.given(create("ann", "order", choices=["z", "unloved", "a"]))
    machine.given(*(cast(voter, "a", election="order") for voter in ("ann", "bob")))
    machine.given(cast("cyd", "z", election="order"))
    machine.read(END)
    machine.restart()
    assert machine.is_closed("order")
    order = machine.election("order")
    assert list(zip(order.choices, order.tally, strict=True)) == [
        ("z", 1),
        ("unloved", 0),
        ("a", 2),
    ]


def test_get_result_code_1_non_existent_election(machine: Machine) -> None:
    machine.do(create("ann", "never made", groups=[]))
    assert machine.state.elections.keys() == {"budget"}


def test_get_result_code_2_the_election_is_still_ongoing_until_its_end(machine: Machine) -> None:
    machine.read(END - 1)
    assert not machine.is_closed()
    machine.read(END)
    assert machine.is_closed()


def test_get_result_code_2_to_whoever_did_not_know_of_the_extension(machine: Machine) -> None:
    machine.given(extend("ann", END + HOUR))
    machine.read(END)
    assert not machine.is_closed()
    assert machine.do(cast("bob"), at_us=END) is Outcome.ACCEPTED
    machine.read(END + HOUR)
    assert machine.is_closed()


# ------------------------------------------------------------------ the order of checking

Scene = Callable[[Machine, pytest.MonkeyPatch, set[Outcome]], tuple[pb.Command, int]]
"""Prepares a machine and returns a command with these flaws, and the reading to give it."""


def a_ballot_with(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, flaws: set[Outcome]
) -> tuple[pb.Command, int]:
    del monkeypatch
    version = 1
    if Outcome.ALREADY_CAST in flaws:
        machine.given(cast("bob"))
    if Outcome.GROUP_NOT_ALLOWED in flaws:
        machine.given(register("bob", "guests"))
        version = 2
    ballot = cast(
        "bob",
        "maybe" if Outcome.CHOICE_NOT_FOUND in flaws else "yes",
        election="no such" if Outcome.ELECTION_NOT_FOUND in flaws else "budget",
        version=0 if Outcome.INVALID_TOKEN in flaws else version,
        request_id=b"" if Outcome.MALFORMED in flaws else None,
    )
    return ballot, END if Outcome.ELECTION_CLOSED in flaws else NOON


def a_paper_with(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, flaws: set[Outcome]
) -> tuple[pb.Command, int]:
    name = "budget" if Outcome.NAME_TAKEN in flaws else "chair"
    groups, choices = ["staff"], ["yes", "no"]
    if Outcome.GROUP_INVALID in flaws:
        groups.append("")
    if Outcome.CHOICES_INVALID in flaws:
        choices.append("yes")
    if Outcome.GROUPS_OR_CHOICES_MISSING in flaws:
        (choices if Outcome.GROUP_INVALID in flaws else groups).clear()
    if Outcome.TOO_MANY_ELECTIONS in flaws:
        monkeypatch.setattr(limits, "ELECTIONS", len(machine.state.elections))
    paper = create(
        "ann",
        "" if Outcome.NAME_INVALID in flaws else name,
        groups=groups,
        choices=choices,
        end_us=limits.LATEST_US + 1 if Outcome.END_TIME_INVALID in flaws else END,
        version=0 if Outcome.INVALID_TOKEN in flaws else 1,
        request_id=b"" if Outcome.MALFORMED in flaws else None,
    )
    return paper, NOON


def an_extension_with(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, flaws: set[Outcome]
) -> tuple[pb.Command, int]:
    if Outcome.TOO_MANY_EXTENSIONS in flaws:
        monkeypatch.setattr(limits, "EXTENSIONS_PER_ELECTION", 1)
        machine.given(extend("ann", END + 1))
    end_us = END - 1 if Outcome.END_TIME_NOT_LATER in flaws else END + HOUR
    if Outcome.END_TIME_INVALID in flaws:
        end_us = limits.EARLIEST_US - 1
    extension = extend(
        "bob" if Outcome.NOT_CREATOR in flaws else "ann",
        end_us,
        name="no such" if Outcome.ELECTION_NOT_FOUND in flaws else "budget",
        version=0 if Outcome.INVALID_TOKEN in flaws else 1,
        request_id=b"" if Outcome.MALFORMED in flaws else None,
    )
    return extension, END + 1 if Outcome.ELECTION_CLOSED in flaws else NOON


CAST_FLAWS = (
    Outcome.MALFORMED,
    Outcome.INVALID_TOKEN,
    Outcome.ELECTION_NOT_FOUND,
    Outcome.GROUP_NOT_ALLOWED,
    Outcome.ELECTION_CLOSED,
    Outcome.ALREADY_CAST,
    Outcome.CHOICE_NOT_FOUND,
)
CREATE_FLAWS = (
    Outcome.MALFORMED,
    Outcome.INVALID_TOKEN,
    Outcome.GROUPS_OR_CHOICES_MISSING,
    Outcome.NAME_INVALID,
    Outcome.GROUP_INVALID,
    Outcome.CHOICES_INVALID,
    Outcome.END_TIME_INVALID,
    Outcome.NAME_TAKEN,
    Outcome.TOO_MANY_ELECTIONS,
)
EXTEND_FLAWS = (
    Outcome.MALFORMED,
    Outcome.INVALID_TOKEN,
    Outcome.ELECTION_NOT_FOUND,
    Outcome.NOT_CREATOR,
    Outcome.ELECTION_CLOSED,
    Outcome.END_TIME_INVALID,
    Outcome.END_TIME_NOT_LATER,
    Outcome.TOO_MANY_EXTENSIONS,
)
SCENES: tuple[tuple[Scene, tuple[Outcome, ...]], ...] = (
    (a_ballot_with, CAST_FLAWS),
    (a_paper_with, CREATE_FLAWS),
    (an_extension_with, EXTEND_FLAWS),
)
ONE_FLAW = [(scene, flaw) for scene, flaws in SCENES for flaw in flaws]
TWO_FLAWS = [(scene, *pair) for scene, flaws in SCENES for pair in combinations(flaws, 2)]


@pytest.mark.parametrize(("scene", "flaw"), ONE_FLAW)
def test_every_rejection_is_told_by_its_name(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, scene: Scene, flaw: Outcome
) -> None:
    command, reading_us = scene(machine, monkeypatch, {flaw})
    machine.read(reading_us, "n2")  # two of three: by the cluster's clock, too
    assert unchanged_by(machine, command, at_us=reading_us) is flaw


@pytest.mark.parametrize(("scene", "earlier", "later"), TWO_FLAWS)
def test_of_two_deserved_rejections_the_earlier_is_told(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    scene: Scene,
    earlier: Outcome,
    later: Outcome,
) -> None:
    command, reading_us = scene(machine, monkeypatch, {earlier, later})
    assert machine.do(command, at_us=reading_us) is earlier


@pytest.mark.parametrize(("scene", "flaws"), SCENES)
def test_the_numbers_of_the_rejections_rise_in_the_order_of_checking(
    scene: Scene, flaws: tuple[Outcome, ...]
) -> None:
    del scene
    assert list(flaws) == sorted(flaws)


def test_the_numbers_of_all_outcomes_are_those_that_old_snapshots_hold() -> None:
    assert {outcome.name: outcome.value for outcome in Outcome} == {
        "ACCEPTED": 1,
        "REPLACED": 2,
        "MALFORMED": 10,
        "INVALID_TOKEN": 11,
        "GROUPS_OR_CHOICES_MISSING": 12,
        "NAME_INVALID": 13,
        "GROUP_INVALID": 14,
        "PUBLIC_KEY_INVALID": 15,
        "CHOICES_INVALID": 16,
        "VOTER_NOT_FOUND": 17,
        "ELECTION_NOT_FOUND": 18,
        "GROUP_NOT_ALLOWED": 19,
        "NOT_CREATOR": 20,
        "ELECTION_CLOSED": 21,
        "END_TIME_INVALID": 22,
        "END_TIME_NOT_LATER": 23,
        "NAME_TAKEN": 24,
        "ALREADY_CAST": 25,
        "CHOICE_NOT_FOUND": 26,
        "ROLL_FULL": 27,
        "TOO_MANY_ELECTIONS": 28,
        "TOO_MANY_EXTENSIONS": 29,
    }
    assert {outcome for outcome in Outcome if outcome.is_acceptance} == {1, 2}


# ------------------------------------------------------------------ extending


def test_only_its_creator_extends_an_election(machine: Machine) -> None:
    assert unchanged_by(machine, extend("bob", END + HOUR)) is Outcome.NOT_CREATOR
    assert machine.do(extend("ann", END + HOUR)) is Outcome.ACCEPTED
    assert machine.election().end_us == END + HOUR


def test_an_end_moves_later_only(machine: Machine) -> None:
    assert unchanged_by(machine, extend("ann", END)) is Outcome.END_TIME_NOT_LATER
    assert unchanged_by(machine, extend("ann", END - 1)) is Outcome.END_TIME_NOT_LATER
    assert machine.do(extend("ann", END + 1)) is Outcome.ACCEPTED


def test_an_election_is_extended_only_while_it_is_open(machine: Machine) -> None:
    assert machine.do(extend("ann", END + HOUR), at_us=END) is Outcome.ELECTION_CLOSED
    machine.read(END)
    late = extend("ann", END + HOUR)
    assert unchanged_by(machine, late, at_us=END - 1) is Outcome.ELECTION_CLOSED
    assert machine.is_closed()


def test_an_election_that_is_born_closed_is_never_extended(machine: Machine) -> None:
    machine.given(create("ann", "past", end_us=NOON))
    later = extend("ann", END, name="past")
    assert unchanged_by(machine, later, at_us=0) is Outcome.ELECTION_CLOSED


def test_a_creator_extends_also_after_registering_again(machine: Machine) -> None:
    machine.given(register("ann", "guests", key=OTHER_KEY))
    assert machine.do(extend("ann", END + HOUR, version=1)) is Outcome.INVALID_TOKEN
    assert machine.do(extend("ann", END + HOUR, version=2)) is Outcome.ACCEPTED


def test_a_creator_who_left_extends_nothing(machine: Machine) -> None:
    machine.given(unregister("ann"))
    assert unchanged_by(machine, extend("ann", END + HOUR)) is Outcome.INVALID_TOKEN


# ------------------------------------------------------------------ repeated requests


def again(machine: Machine, command: pb.Command) -> Outcome:
    """Repeat a request through another node, which is no member; nothing may change."""
    before = digest(machine.state)
    outcome = machine.do(command, by="n9")
    assert digest(machine.state) == before
    return outcome


def test_a_repeated_ballot_is_counted_once_and_accepted_again(machine: Machine) -> None:
    ballot = cast("bob", "no")
    machine.given(ballot)
    assert again(machine, ballot) is Outcome.ACCEPTED
    assert machine.election().tally == [0, 1]


def test_a_ballot_that_is_repeated_in_its_own_batch_is_counted_once(machine: Machine) -> None:
    ballot = cast("bob")
    assert machine.batch(ballot, ballot, cast("bob")) == [
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.ALREADY_CAST,
    ]
    assert machine.election().tally == [1, 0]


def test_a_repeated_request_id_keeps_the_first_choice(machine: Machine) -> None:
    machine.given(cast("bob", "yes", request_id=b"same"))
    for choice in ("no", "maybe"):
        repeated = cast("bob", choice, request_id=b"same")
        assert again(machine, repeated) is Outcome.ACCEPTED
    assert machine.election().tally == [1, 0]


def test_one_request_id_of_two_voters_is_two_ballots(machine: Machine) -> None:
    machine.given(cast("bob", request_id=b"same"), cast("cyd", request_id=b"same"))
    assert machine.election().tally == [2, 0]


def test_one_request_id_in_two_elections_is_two_ballots(machine: Machine) -> None:
    machine.given(create("ann", "chair"))
    machine.given(
        cast("bob", election="budget", request_id=b"same"),
        cast("bob", election="chair", request_id=b"same"),
    )
    assert machine.election("budget").tally == machine.election("chair").tally == [1, 0]


Change = Callable[[Machine], None]


def closes(machine: Machine) -> None:
    machine.read(END + HOUR)


def everyone_registers_again(machine: Machine) -> None:
    machine.given(*(register(name, "guests", key=OTHER_KEY) for name in ("ann", "bob")))


def everyone_leaves(machine: Machine) -> None:
    machine.given(*(unregister(name) for name in ("ann", "bob")))


def restarts(machine: Machine) -> None:
    machine.restart()


CHANGES: tuple[Change, ...] = (closes, everyone_registers_again, everyone_leaves, restarts)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(
    "request_of",
    [
        lambda: cast("bob"),
        lambda: extend("ann", END + 1),
        lambda: create("ann", "chair"),
        lambda: create("ann", "past", end_us=NOON - HOUR),
    ],
    ids=["cast", "extend", "create", "create closed"],
)
def test_a_repeated_request_gets_its_first_answer_also_after(
    machine: Machine, request_of: Callable[[], pb.Command], change: Change
) -> None:
    request = request_of()
    machine.given(request)
    change(machine)
    assert again(machine, request) is Outcome.ACCEPTED


@pytest.mark.parametrize("change", CHANGES)
def test_another_request_is_still_rejected_after(machine: Machine, change: Change) -> None:
    machine.given(cast("bob"))
    change(machine)
    assert not again(machine, cast("bob")).is_acceptance
    assert not again(machine, cast("bob", version=2)).is_acceptance
    assert machine.election().tally == [1, 0]


def test_a_repeated_extension_does_not_take_back_a_later_one(machine: Machine) -> None:
    first = extend("ann", END + 1)
    machine.given(first, extend("ann", END + 2))
    assert again(machine, first) is Outcome.ACCEPTED
    assert machine.election().end_us == END + 2


def test_a_repeated_creation_changes_nothing_that_came_after(machine: Machine) -> None:
    paper = create("ann", "chair")
    machine.given(paper, extend("ann", END + 1, name="chair"), cast("bob", election="chair"))
    assert again(machine, paper) is Outcome.ACCEPTED
    assert machine.election("chair").end_us == END + 1
    assert machine.election("chair").tally == [1, 0]


def test_a_rejected_ballot_may_be_repeated_and_then_counts(machine: Machine) -> None:
    ballot = cast("bob", election="chair")
    assert machine.do(ballot) is Outcome.ELECTION_NOT_FOUND
    machine.given(create("ann", "chair"))
    assert machine.do(ballot) is Outcome.ACCEPTED
    assert machine.election("chair").tally == [1, 0]


def test_a_ballot_that_was_late_by_one_clock_is_late_by_every_other(machine: Machine) -> None:
    """Its voter was told so: the slower clock of another node must not count it after all."""
    ballot = cast("bob", "yes")
    assert machine.do(ballot, at_us=END) is Outcome.ELECTION_CLOSED
    assert not machine.state.is_closed(machine.election("budget"))
    assert unchanged_by(machine, ballot, at_us=END - 1) is Outcome.ELECTION_CLOSED
    machine.given(extend("ann", end_us=END + HOUR))
    assert unchanged_by(machine, ballot) is Outcome.ELECTION_CLOSED
    assert machine.election("budget").tally == [0, 0]


def test_an_extension_that_was_late_by_one_clock_is_late_by_every_other(machine: Machine) -> None:
    extension = extend("ann", end_us=END + HOUR)
    assert machine.do(extension, at_us=END) is Outcome.ELECTION_CLOSED
    machine.state = load(dump(machine.state))
    assert unchanged_by(machine, extension, at_us=END - 1) is Outcome.ELECTION_CLOSED
    assert machine.do(extend("ann", end_us=END + HOUR), at_us=END - 1) is Outcome.ACCEPTED


def test_another_ballot_of_the_same_voter_is_in_time_by_a_slower_clock(machine: Machine) -> None:
    assert machine.do(cast("bob", "yes"), at_us=END) is Outcome.ELECTION_CLOSED
    assert machine.do(cast("bob", "yes"), at_us=END - 1) is Outcome.ACCEPTED


def test_a_late_ballot_is_known_after_a_snapshot_and_not_before_it_was_cast(
    machine: Machine,
) -> None:
    before = machine.state.freeze()
    empty = digest(before)
    ballot = cast("bob", "yes")
    machine.read(END, "n1")
    clock_only = digest(machine.state)
    assert machine.do(ballot, at_us=END) is Outcome.ELECTION_CLOSED
    assert digest(machine.state) != clock_only
    assert digest(before) == empty
    machine.state = load(dump(machine.state))
    assert unchanged_by(machine, ballot, at_us=END - 1) is Outcome.ELECTION_CLOSED


def extend_by_an_hour(creator: str, *, request_id: bytes) -> pb.Command:
    return extend(creator, END + HOUR, request_id=request_id)


@pytest.mark.parametrize("request_of", [cast, create, extend_by_an_hour])
def test_a_request_id_has_from_one_byte_to_the_limit(
    machine: Machine, request_of: Callable[..., pb.Command]
) -> None:
    longest = b"r" * limits.REQUEST_ID_BYTES
    assert machine.do(request_of("ann", request_id=b"")) is Outcome.MALFORMED
    assert machine.do(request_of("ann", request_id=longest + b"r")) is Outcome.MALFORMED
    assert machine.do(request_of("ann", request_id=longest)) is not Outcome.MALFORMED
    assert machine.do(request_of("ann", request_id=b"r")) is not Outcome.MALFORMED


# ------------------------------------------------------------------ batches


def test_commands_of_a_batch_are_applied_in_their_order() -> None:
    outcomes = Machine().batch(
        cast("ann"), register("ann"), cast("ann"), create("ann"), cast("ann"), unregister("ann")
    )
    assert outcomes == [
        Outcome.INVALID_TOKEN,
        Outcome.ACCEPTED,
        Outcome.ELECTION_NOT_FOUND,
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
        Outcome.ACCEPTED,
    ]


def test_a_rejected_command_does_not_stop_the_batch(machine: Machine) -> None:
    outcomes = machine.batch(cast("nobody"), pb.Command(), set_members(), cast("bob"))
    assert outcomes[:3] == [Outcome.INVALID_TOKEN, Outcome.MALFORMED, Outcome.MALFORMED]
    assert outcomes[3] is Outcome.ACCEPTED


def test_a_strangers_batch_is_applied_though_its_clock_counts_for_nothing(
    machine: Machine,
) -> None:
    assert machine.do(cast("bob"), by="n9", at_us=NOON) is Outcome.ACCEPTED
    assert "n9" not in machine.state.clock.readings


@pytest.mark.parametrize("entry", [b"\xff", b"\x0a", b"\x12\x02\xff\xfe", b"\x0b" * 1000])
def test_bytes_that_are_no_batch_decode_to_none(entry: bytes) -> None:
    assert decode_batch(entry) is None


def test_a_batch_decodes_to_what_was_encoded() -> None:
    batch = pb.Batch(version=1, proposer="n1", clock_us=-5, commands=[cast("ann"), register("é")])
    assert decode_batch(batch.SerializeToString()) == batch


# ------------------------------------------------------------------ names, groups, limits

AWKWARD_NAMES = [
    "O'Brien's",
    'Robert"); DROP TABLE elections;--',
    " spaced ",
    "選挙",
    "a\x00b",
    "b",
    "bu",
    "bud",
    "budget\n",
]


def test_every_awkward_name_is_an_election_a_group_and_a_choice_of_its_own(
    machine: Machine,
) -> None:
    for name in AWKWARD_NAMES:
        machine.given(register(name, group=name))
        machine.given(create("ann", name, groups=[name], choices=AWKWARD_NAMES))
    for name in AWKWARD_NAMES:
        for other in AWKWARD_NAMES:
            allowed = Outcome.ACCEPTED if other == name else Outcome.GROUP_NOT_ALLOWED
            assert machine.do(cast(name, name, election=other)) is allowed
    machine.restart()
    for position, name in enumerate(AWKWARD_NAMES):
        tally = [0] * len(AWKWARD_NAMES)
        tally[position] = 1
        assert machine.election(name).tally == tally
        assert set(machine.election(name).participation) == {name}


def test_a_group_that_is_listed_twice_is_one_group(machine: Machine) -> None:
    machine.given(create("ann", "chair", groups=["guests", "staff", "guests"]))
    assert machine.election("chair").groups == ("guests", "staff")


@pytest.mark.parametrize(
    ("end_us", "outcome"),
    [
        (limits.EARLIEST_US - 1, Outcome.END_TIME_INVALID),
        (limits.EARLIEST_US, Outcome.ACCEPTED),
        (limits.LATEST_US, Outcome.ACCEPTED),
        (limits.LATEST_US + 1, Outcome.END_TIME_INVALID),
    ],
)
def test_an_election_ends_at_a_time_that_can_be_printed(
    machine: Machine, end_us: int, outcome: Outcome
) -> None:
    assert machine.do(create("ann", "chair", end_us=end_us)) is outcome


def test_as_many_elections_as_the_limit_are_taken_and_one_more_is_not(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ELECTIONS", 2)
    second = create("ann", "second")
    assert machine.do(second) is Outcome.ACCEPTED
    assert machine.do(create("ann", "third")) is Outcome.TOO_MANY_ELECTIONS
    assert machine.do(second) is Outcome.ACCEPTED
    assert machine.state.elections.keys() == {"budget", "second"}


def test_pages_list_the_elections_in_order_of_name(machine: Machine) -> None:
    machine.given(*(create("ann", name) for name in ("chair", "a", "é", "ab")))
    listed = [election.name for election in machine.state.page("", 10)]
    assert listed == ["a", "ab", "budget", "chair", "é"]
    assert [election.name for election in machine.state.page("ab", 2)] == ["budget", "chair"]
    assert [election.name for election in machine.state.page("aa", 1)] == ["ab"]
    assert machine.state.page("é", 1) == []
    assert [election.name for election in machine.state.in_order()] == listed


def test_a_request_id_of_somebody_else_is_no_proof_of_having_created_an_election() -> None:
    machine = Machine()
    machine.given(register("ann"), register("bob"))
    request = create("ann", "lunch", request_id=b"stolen")
    machine.given(request)
    foreign = create("bob", "lunch", request_id=b"stolen")
    assert machine.do(foreign) is Outcome.NAME_TAKEN
    assert machine.do(request) is Outcome.ACCEPTED
