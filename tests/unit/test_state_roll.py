"""The roll: who is on it, which tokens live, and what repeated requests are told."""

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state import limits
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.roll import Roll
from quorate_replication.state.voter import Voter

from .state_commands import KEY, OTHER_KEY, Machine, cast, create, fresh_id, register, unregister

AWKWARD_NAMES = [
    "O'Brien",
    'Robert"); DROP TABLE voters;--',
    " leading and trailing ",
    "Zoë",
    "投票者",
    "\N{BALLOT BOX WITH BALLOT}\N{VARIATION SELECTOR-16}",
    "a\x00b",
    "new\nline",
    "a",
    "aa",
    "aaa",
]


@pytest.fixture
def machine() -> Machine:
    return Machine()


def voter(machine: Machine, name: str) -> Voter:
    found = machine.state.roll.get(name)
    assert found is not None
    return found


# ------------------------------------------------------------------ the course's codes


def test_register_voter_code_0_successful_registration(machine: Machine) -> None:
    assert machine.do(register("ann", "staff", key=KEY)) is Outcome.ACCEPTED
    ann = voter(machine, "ann")
    assert (ann.name, ann.group, ann.public_key, ann.key_version) == ("ann", "staff", KEY, 1)


def test_register_voter_code_1_voter_with_the_same_name_already_exists(machine: Machine) -> None:
    machine.given(register("ann", "staff", key=KEY))
    assert machine.do(register("ann", "board", key=OTHER_KEY)) is Outcome.REPLACED
    assert voter(machine, "ann").group == "board"
    assert voter(machine, "ann").public_key == OTHER_KEY


def test_register_voter_code_2_undefined_error_leaves_the_registration_alone(
    machine: Machine,
) -> None:
    machine.given(register("ann", "staff", key=KEY))
    assert machine.do(register("ann", "", key=OTHER_KEY)) is Outcome.GROUP_INVALID
    assert machine.do(register("ann", "board", key=b"short")) is Outcome.PUBLIC_KEY_INVALID
    assert voter(machine, "ann").group == "staff"
    assert voter(machine, "ann").public_key == KEY
    assert voter(machine, "ann").key_version == 1


def test_unregister_voter_code_0_successful_unregistration(machine: Machine) -> None:
    machine.given(register("ann"))
    assert machine.do(unregister("ann")) is Outcome.ACCEPTED
    assert machine.state.roll.get("ann") is None


def test_unregister_voter_code_1_no_voter_with_the_name_exists(machine: Machine) -> None:
    assert machine.do(unregister("ann")) is Outcome.VOTER_NOT_FOUND
    machine.given(register("ann"), unregister("ann"))
    assert machine.do(unregister("ann")) is Outcome.VOTER_NOT_FOUND


def test_unregister_voter_code_2_undefined_error_without_a_request_id(machine: Machine) -> None:
    machine.given(register("ann"))
    assert machine.do(unregister("ann", request_id=b"")) is Outcome.MALFORMED
    assert machine.state.roll.get("ann") is not None


# ------------------------------------------------------------------ the order of checking


@pytest.mark.parametrize(
    ("flawed", "outcome"),
    [
        (register("", "", key=b"", request_id=b""), Outcome.MALFORMED),
        (register("", "", key=b""), Outcome.NAME_INVALID),
        (register("", "staff", key=b""), Outcome.NAME_INVALID),
        (register("cyd", "", key=b""), Outcome.GROUP_INVALID),
        (register("cyd", "staff", key=b""), Outcome.PUBLIC_KEY_INVALID),
        (register("cyd", "staff"), Outcome.ROLL_FULL),
        (unregister("nobody", request_id=b""), Outcome.MALFORMED),
        (unregister("nobody"), Outcome.VOTER_NOT_FOUND),
    ],
)
def test_of_two_rejections_the_earlier_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, flawed: pb.Command, outcome: Outcome
) -> None:
    machine.given(register("ann"), register("bob"))
    monkeypatch.setattr(limits, "ROLL_NAMES", 2)
    assert machine.do(flawed) is outcome


# ------------------------------------------------------------------ names and limits


def test_every_awkward_name_is_a_voter_of_its_own(machine: Machine) -> None:
    for name in AWKWARD_NAMES:
        assert machine.do(register(name, group=name)) is Outcome.ACCEPTED
    machine.restart()
    for name in AWKWARD_NAMES:
        assert voter(machine, name).group == name
        assert machine.do(unregister(name)) is Outcome.ACCEPTED
        assert machine.state.roll.get(name) is None
    assert len(machine.state.roll) == len(AWKWARD_NAMES)


def test_equal_looking_names_of_different_code_points_are_two_voters(machine: Machine) -> None:
    assert machine.do(register("Zo\u00eb")) is Outcome.ACCEPTED
    assert machine.do(register("Zoe\u0308")) is Outcome.ACCEPTED


@pytest.mark.parametrize("letter", ["x", "é", "投", "\N{BALLOT BOX WITH BALLOT}"])
def test_a_name_of_as_many_bytes_as_the_limit_is_taken_and_one_more_is_not(
    machine: Machine, letter: str
) -> None:
    size = len(letter.encode())
    longest = letter * (limits.NAME_BYTES // size) + "x" * (limits.NAME_BYTES % size)
    assert machine.do(register(longest, longest)) is Outcome.ACCEPTED
    assert machine.do(register(longest + "x")) is Outcome.NAME_INVALID
    assert machine.do(register("ann", longest + "x")) is Outcome.GROUP_INVALID


@pytest.mark.parametrize("size", [0, limits.PUBLIC_KEY_BYTES - 1, limits.PUBLIC_KEY_BYTES + 1])
def test_a_key_of_another_length_is_no_key(machine: Machine, size: int) -> None:
    assert machine.do(register("ann", key=b"k" * size)) is Outcome.PUBLIC_KEY_INVALID
    assert len(machine.state.roll) == 0


def test_a_request_id_has_from_one_byte_to_the_limit(machine: Machine) -> None:
    longest = b"r" * limits.REQUEST_ID_BYTES
    assert machine.do(register("ann", request_id=b"")) is Outcome.MALFORMED
    assert machine.do(register("ann", request_id=b"\0")) is Outcome.ACCEPTED
    assert machine.do(unregister("ann", request_id=longest)) is Outcome.ACCEPTED
    assert machine.do(register("ann", request_id=longest + b"r")) is Outcome.MALFORMED


def test_a_full_roll_takes_known_names_but_no_new_one(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "ROLL_NAMES", 2)
    machine.given(register("ann"), register("bob"))
    assert machine.do(register("cyd")) is Outcome.ROLL_FULL
    assert machine.do(register("ann", "board")) is Outcome.REPLACED
    machine.given(unregister("bob"))
    assert machine.do(register("cyd")) is Outcome.ROLL_FULL
    assert machine.do(register("bob")) is Outcome.ACCEPTED


# ------------------------------------------------------------------ tokens


def holds(machine: Machine, name: str, version: int) -> bool:
    return machine.state.roll.bearer(name, version) is not None


def test_registering_again_ends_every_token(machine: Machine) -> None:
    machine.given(register("ann"))
    assert holds(machine, "ann", 1)
    machine.given(register("ann", key=OTHER_KEY))
    assert not holds(machine, "ann", 1)
    assert holds(machine, "ann", 2)


def test_registering_again_with_the_same_key_ends_every_token_too(machine: Machine) -> None:
    machine.given(register("ann"), register("ann"))
    assert not holds(machine, "ann", 1)


def test_unregistering_ends_every_token(machine: Machine) -> None:
    machine.given(register("ann"), unregister("ann"))
    assert not holds(machine, "ann", 1)


def test_a_token_does_not_come_back_to_life_with_its_name(machine: Machine) -> None:
    machine.given(register("ann"), unregister("ann"))
    machine.restart()
    machine.given(register("ann"))
    assert not holds(machine, "ann", 1)
    assert holds(machine, "ann", 2)


def test_no_token_at_all_is_nobodys(machine: Machine) -> None:
    assert not holds(machine, "", 0)
    assert not holds(machine, "ann", 0)
    machine.given(register("ann"))
    assert not holds(machine, "ann", 0)


def test_a_token_is_not_valid_for_a_name_that_it_is_a_prefix_of(machine: Machine) -> None:
    machine.given(register("ann"), register("anna"), register("anna"))
    assert not holds(machine, "anna", 1)
    assert holds(machine, "anna", 2)
    assert not holds(machine, "ann", 2)


# ------------------------------------------------------------------ repeated requests


def test_a_repeated_registration_is_told_accepted_again_and_ends_no_token(
    machine: Machine,
) -> None:
    request = register("ann")
    assert machine.do(request) is Outcome.ACCEPTED
    assert machine.do(request, by="n2") is Outcome.ACCEPTED
    assert voter(machine, "ann").key_version == 1


def test_a_repeated_replacement_is_told_replaced_again(machine: Machine) -> None:
    machine.given(register("ann"))
    request = register("ann", key=OTHER_KEY)
    assert [machine.do(request), machine.do(request)] == [Outcome.REPLACED] * 2
    assert voter(machine, "ann").key_version == 2


def test_a_late_repetition_does_not_undo_what_came_after(machine: Machine) -> None:
    first, second, leave = register("ann", "staff"), register("ann", "board"), unregister("ann")
    machine.given(first, second)
    assert machine.do(first) is Outcome.ACCEPTED
    assert voter(machine, "ann").group == "board"
    machine.given(leave)
    assert machine.do(second) is Outcome.REPLACED
    assert machine.state.roll.get("ann") is None
    machine.given(register("ann", "guests"))
    assert machine.do(leave) is Outcome.ACCEPTED
    assert voter(machine, "ann").group == "guests"


def test_first_answers_survive_a_restart(machine: Machine) -> None:
    requests = [register("ann"), register("ann"), unregister("ann"), register("ann")]
    first = [machine.do(request) for request in requests]
    machine.restart()
    assert [machine.do(request) for request in requests] == first
    assert voter(machine, "ann").key_version == 3


def test_the_latest_answers_are_kept_and_older_ones_forgotten(machine: Machine) -> None:
    requests = [register("ann", request_id=fresh_id()) for _ in range(limits.ANSWERS_PER_VOTER + 1)]
    machine.given(*requests)
    version = voter(machine, "ann").key_version
    for request in requests[1:]:
        assert machine.do(request) is Outcome.REPLACED
    assert voter(machine, "ann").key_version == version
    assert machine.do(requests[0]) is Outcome.REPLACED
    assert voter(machine, "ann").key_version == version + 1


def test_a_rejection_is_not_remembered(machine: Machine) -> None:
    request = unregister("ann")
    assert machine.do(request) is Outcome.VOTER_NOT_FOUND
    machine.given(register("ann"))
    assert machine.do(request) is Outcome.ACCEPTED


def test_one_request_id_for_two_voters_is_two_requests(machine: Machine) -> None:
    assert machine.do(register("ann", request_id=b"same")) is Outcome.ACCEPTED
    assert machine.do(register("bob", request_id=b"same")) is Outcome.ACCEPTED
    assert len(machine.state.roll) == 2


# ------------------------------------------------------------------ one person, one ballot


@pytest.mark.parametrize("leaves", [False, True], ids=["registered again", "left and came back"])
def test_a_voter_who_registers_again_has_no_second_ballot(machine: Machine, leaves: bool) -> None:
    machine.given(register("ann"), create("ann"), cast("ann", "yes"))
    machine.given(*[unregister("ann")] * leaves, register("ann", key=OTHER_KEY))
    assert machine.do(cast("ann", "no", version=1)) is Outcome.INVALID_TOKEN
    assert machine.do(cast("ann", "no", version=2)) is Outcome.ALREADY_CAST
    assert machine.election().tally == [1, 0]


def test_a_voter_who_leaves_stays_counted(machine: Machine) -> None:
    machine.given(register("ann"), create("ann"), cast("ann"), unregister("ann"))
    assert machine.election().tally == [1, 0]
    assert "ann" in machine.election().participation


def test_a_voter_who_moves_to_another_group_votes_where_that_group_may(machine: Machine) -> None:
    machine.given(register("ann"), create("ann"), create("ann", "board only", groups=["board"]))
    machine.given(cast("ann"), register("ann", "board"))
    assert machine.do(cast("ann", election="budget", version=2)) is Outcome.GROUP_NOT_ALLOWED
    assert machine.do(cast("ann", election="board only", version=2)) is Outcome.ACCEPTED


# ------------------------------------------------------------------ paging


def test_pages_list_the_registered_in_order_of_name() -> None:
    machine = Machine()
    for name in ("b", "", "ab", "c", "é", "a", "gone"):
        machine.do(register(name))
    machine.given(unregister("gone"))
    roll = machine.state.roll
    assert [found.name for found in roll.page("", 10)] == ["a", "ab", "b", "c", "é"]
    assert [found.name for found in roll.page("", 2)] == ["a", "ab"]
    assert [found.name for found in roll.page("ab", 2)] == ["b", "c"]
    assert [found.name for found in roll.page("aa", 1)] == ["ab"]
    assert roll.page("é", 2) == []


def test_the_roll_holds_every_name_ever_in_order() -> None:
    roll = Roll()
    for name in ("b", "a", "c"):
        roll.register(b"1", name, "staff", KEY)
    roll.unregister(b"2", "a")
    assert [known.name for known in roll] == ["a", "b", "c"]
    assert len(roll) == 3


def test_an_unregistration_is_never_taken_for_the_registration_of_the_same_id() -> None:
    machine = Machine()
    machine.given(register("ann", request_id=b"same"))
    assert machine.do(unregister("ann", request_id=b"same")) is Outcome.ACCEPTED
    assert machine.state.roll.get("ann") is None
