"""The cluster clock: a majority of readings moves it, and nothing moves it back."""

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state import limits
from quorate_replication.state.clock import NEVER_US, ClusterClock
from quorate_replication.state.outcome import Outcome

from .state_commands import END, HOUR, NOON, SECOND, Machine, cast, create, register, set_members


def clock_of(*readings_us: int | None) -> ClusterClock:
    """Return the clock of as many members, those with None never having proposed."""
    members = tuple(f"n{number}" for number in range(1, len(readings_us) + 1))
    clock = ClusterClock()
    clock.set_members(members)
    for member, reading_us in zip(members, readings_us, strict=True):
        if reading_us is not None:
            clock.observe(member, reading_us)
    return clock


@pytest.mark.parametrize(
    ("readings_us", "now_us"),
    [
        ([7], 7),
        ([None, 7], NEVER_US),
        ([5, 7], 5),
        ([None, None, 7], NEVER_US),
        ([None, 5, 7], 5),
        ([3, 5, 7], 5),
        ([None, None, 5, 7], NEVER_US),
        ([None, 3, 5, 7], 3),
        ([1, 3, 5, 7], 3),
        ([None, None, 5, 7, 9], 5),
        ([1, 3, 5, 7, 9], 5),
    ],
)
def test_the_clock_is_the_latest_moment_that_a_majority_has_read(
    readings_us: list[int | None], now_us: int
) -> None:
    assert clock_of(*readings_us).now_us == now_us
    assert clock_of(*reversed(readings_us)).now_us == now_us


def test_a_cluster_without_members_has_no_time() -> None:
    clock = ClusterClock()
    clock.observe("n1", NOON)
    assert clock.now_us == NEVER_US


def test_the_clock_never_goes_back_when_readings_do() -> None:
    clock = clock_of(NOON, NOON, NOON)
    for member in clock.members:
        clock.observe(member, NOON - HOUR)
        assert clock.now_us == NOON


def test_the_clock_never_goes_back_when_members_change() -> None:
    clock = clock_of(NOON, NOON, NOON)
    clock.set_members(("n3", "n4", "n5"))
    assert clock.now_us == NOON
    clock.observe("n4", NOON - HOUR)
    assert clock.now_us == NOON


def test_after_going_back_it_takes_a_majority_to_pass_the_old_peak() -> None:
    clock = clock_of(NOON, NOON, NOON)
    for member in clock.members:
        clock.observe(member, NOON - HOUR)
    clock.observe("n1", END)
    assert clock.now_us == NOON
    clock.observe("n2", END)
    assert clock.now_us == END


def test_a_strangers_reading_counts_for_nothing() -> None:
    clock = clock_of(None, NOON, None)
    clock.observe("n9", NOON)
    clock.observe("", NOON)
    assert clock.now_us == NEVER_US


@pytest.mark.parametrize("impossible_us", [limits.EARLIEST_US - 1, limits.LATEST_US + 1, 2**63 - 1])
def test_a_reading_that_is_no_time_leaves_the_earlier_one(impossible_us: int) -> None:
    clock = clock_of(NOON, NOON, NOON)
    clock.observe("n1", impossible_us)
    assert clock.readings["n1"] == NOON
    assert clock.now_us == NOON


@pytest.mark.parametrize("extreme_us", [limits.EARLIEST_US, limits.LATEST_US])
def test_the_first_and_the_last_time_can_be_read(extreme_us: int) -> None:
    assert clock_of(extreme_us, extreme_us, None).now_us == extreme_us


def test_members_that_stay_keep_their_readings() -> None:
    clock = clock_of(1, 2, 3)
    clock.set_members(("n2", "n3", "n4"))
    assert clock.readings == {"n2": 2, "n3": 3}


def test_a_member_that_comes_back_begins_without_a_reading() -> None:
    clock = clock_of(NOON, None, None)
    clock.set_members(("n2", "n3"))
    clock.set_members(("n1", "n2", "n3"))
    clock.observe("n2", NOON)
    assert clock.now_us == NEVER_US


# ------------------------------------------------------------------ elections by this clock


@pytest.fixture
def machine() -> Machine:
    machine = Machine()
    machine.given(register("ann"), register("bob"), create("ann"))
    return machine


def test_an_idle_batch_closes_an_election_whose_end_a_majority_has_read(machine: Machine) -> None:
    machine.read(END, "n1")
    assert not machine.is_closed()
    machine.read(END, "n2")
    assert machine.is_closed()


def test_an_election_is_open_until_a_microsecond_before_its_end(machine: Machine) -> None:
    machine.read(END - 1)
    assert not machine.is_closed()
    assert machine.do(cast("bob"), at_us=END - 1) is Outcome.ACCEPTED


def test_one_mad_fast_clock_closes_nothing(machine: Machine) -> None:
    machine.read(END + 1000 * HOUR, "n3")
    machine.read(NOON, "n1", "n2")
    assert not machine.is_closed()
    assert machine.do(cast("bob"), by="n2") is Outcome.ACCEPTED


def test_one_mad_slow_clock_keeps_nothing_open(machine: Machine) -> None:
    machine.read(END, "n1", "n2")
    machine.read(NOON - 1000 * HOUR, "n3")
    assert machine.is_closed()
    assert machine.do(cast("bob"), at_us=NOON, by="n3") is Outcome.ELECTION_CLOSED


def test_a_member_that_is_down_keeps_nothing_open(machine: Machine) -> None:
    machine.read(END, "n2", "n3")
    assert machine.is_closed()


def test_two_of_five_mad_clocks_close_nothing_and_keep_nothing_open() -> None:
    machine = Machine(members=("n1", "n2", "n3", "n4", "n5"))
    machine.given(register("ann"), create("ann"))
    machine.read(END + HOUR, "n4", "n5")
    machine.read(NOON, "n1", "n2", "n3")
    assert not machine.is_closed()
    machine.read(NOON - HOUR, "n4", "n5")
    machine.read(END, "n1", "n2", "n3")
    assert machine.is_closed()


def test_a_closed_election_stays_closed_when_every_clock_is_set_back(machine: Machine) -> None:
    machine.read(END)
    machine.read(NOON)
    assert machine.is_closed()
    assert machine.do(cast("bob"), at_us=NOON) is Outcome.ELECTION_CLOSED


def test_a_closed_election_stays_closed_after_a_restart(machine: Machine) -> None:
    machine.read(END, "n1", "n2")
    machine.read(NOON)
    machine.restart()
    assert machine.is_closed()
    assert machine.do(cast("bob"), at_us=NOON) is Outcome.ELECTION_CLOSED


def test_a_ballot_read_past_the_end_is_late_though_the_cluster_clock_lags(
    machine: Machine,
) -> None:
    assert machine.do(cast("bob"), at_us=END) is Outcome.ELECTION_CLOSED
    assert not machine.is_closed()
    assert machine.do(cast("bob"), at_us=END - 1, by="n2") is Outcome.ACCEPTED


def test_a_ballot_read_before_the_end_is_late_when_a_majority_has_read_the_end(
    machine: Machine,
) -> None:
    machine.read(END, "n1", "n2")
    assert machine.do(cast("bob"), at_us=END - 1, by="n3") is Outcome.ELECTION_CLOSED


def test_the_batch_whose_reading_makes_the_majority_is_late_itself(machine: Machine) -> None:
    machine.read(END, "n1")
    assert machine.do(cast("bob"), at_us=END, by="n2") is Outcome.ELECTION_CLOSED
    assert machine.is_closed()


def test_an_election_that_ends_before_its_batch_was_read_is_born_closed(machine: Machine) -> None:
    assert machine.do(create("ann", "past", end_us=NOON - SECOND)) is Outcome.ACCEPTED
    assert machine.is_closed("past")
    assert machine.do(cast("bob", election="past"), at_us=0) is Outcome.ELECTION_CLOSED


def test_an_election_that_ends_as_its_batch_is_read_is_born_closed(machine: Machine) -> None:
    machine.given(create("ann", "now", end_us=NOON), create("ann", "soon", end_us=NOON + 1))
    assert machine.is_closed("now")
    assert not machine.is_closed("soon")


def test_what_is_born_closed_stays_closed_though_no_majority_has_read_its_end() -> None:
    machine = Machine()
    machine.given(register("ann"), create("ann", end_us=NOON))
    assert machine.state.clock.now_us == NEVER_US
    machine.restart()
    assert machine.is_closed()


def test_next_end_is_that_of_the_first_open_election(machine: Machine) -> None:
    machine.given(
        create("ann", "late", end_us=END + HOUR), create("ann", "past", end_us=NOON - HOUR)
    )
    assert machine.state.next_end_us() == END
    machine.read(END)
    assert machine.state.next_end_us() == END + HOUR
    machine.restart()
    assert machine.state.next_end_us() == END + HOUR
    machine.read(END + HOUR)
    assert machine.state.next_end_us() is None


# ------------------------------------------------------------------ the members


def test_the_batch_that_sets_the_members_brings_its_own_reading() -> None:
    machine = Machine(members=("n1",))
    assert machine.state.clock.now_us == NOON


@pytest.mark.parametrize(
    "members",
    [
        (),
        ("",),
        ("n1", "n1"),
        ("n1", "x" * (limits.NAME_BYTES + 1)),
        tuple(f"n{number}" for number in range(limits.MEMBERS + 1)),
    ],
    ids=["none", "empty name", "twice", "long name", "too many"],
)
def test_a_senseless_member_list_is_malformed_and_changes_nothing(members: tuple[str, ...]) -> None:
    machine = Machine()
    assert machine.do(set_members(*members)) is Outcome.MALFORMED
    assert machine.state.clock.members == ("n1", "n2", "n3")


def test_as_many_members_as_the_limit_are_taken() -> None:
    machine = Machine()
    members = [f"n{number}" for number in range(limits.MEMBERS)]
    assert machine.do(set_members(*members)) is Outcome.ACCEPTED
    assert set(machine.state.clock.members) == set(members)


def test_the_order_in_which_members_are_listed_does_not_show() -> None:
    forwards, backwards = Machine(members=("n1", "n2", "n3")), Machine(members=("n3", "n2", "n1"))
    assert forwards.state.clock == backwards.state.clock


def test_a_command_of_no_kind_is_malformed() -> None:
    assert Machine().do(pb.Command()) is Outcome.MALFORMED
