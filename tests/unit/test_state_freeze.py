"""A frozen state stays what it was, whatever becomes of the live one, in whichever thread."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import digest, dump, load

from .state_commands import END, NOON, SECOND, Machine, cast, create, extend, register, unregister

VOTERS = 2000
"""Enough for several chunks of the roll and of an election."""


def filled() -> Machine:
    machine = Machine()
    machine.given(*(register(f"voter {number}") for number in range(VOTERS)))
    machine.given(create("voter 0"), create("voter 1", "next"))
    machine.given(*(cast(f"voter {number}") for number in range(0, VOTERS, 2)))
    return machine


CHANGES: dict[str, Callable[[Machine], None]] = {
    "a ballot": lambda machine: machine.given(cast("voter 1")),
    "a first ballot": lambda machine: machine.given(cast("voter 1", election="next")),
    "an extension": lambda machine: machine.given(extend("voter 0", END + 1)),
    "an election": lambda machine: machine.given(create("voter 2", "new")),
    "a registration": lambda machine: machine.given(register("new")),
    "a new key": lambda machine: machine.given(register("voter 5")),
    "an unregistration": lambda machine: machine.given(unregister("voter 5")),
    "a clock reading": lambda machine: machine.read(NOON + SECOND, "n2"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_what_comes_later_changes_the_live_state_alone(change: Callable[[Machine], None]) -> None:
    machine = filled()
    before = digest(machine.state)
    frozen = machine.state.freeze()
    change(machine)
    assert digest(frozen) == before
    assert digest(machine.state) != before


def test_each_of_many_frozen_states_stays_what_it_was() -> None:
    machine = filled()
    frozen = [(machine.state.freeze(), digest(machine.state))]
    for change in CHANGES.values():
        change(machine)
        frozen.append((machine.state.freeze(), digest(machine.state)))
    assert [digest(state) for state, _ in frozen] == [then for _, then in frozen]
    assert len({then for _, then in frozen}) == len(frozen)


def test_a_snapshot_is_of_the_moment_when_it_was_asked_for() -> None:
    machine = filled()
    before = digest(machine.state)
    stream = dump(machine.state)
    machine.given(cast("voter 1"), register("new"))
    assert digest(load(stream)) == before


def test_other_threads_write_and_digest_while_this_one_applies() -> None:
    machine = filled()
    with ThreadPoolExecutor() as pool:
        before = digest(machine.state)
        frozen = machine.state.freeze()
        jobs = [pool.submit(digest, frozen), pool.submit(lambda: digest(load(dump(frozen))))]
        for number in range(1, VOTERS, 2):
            machine.given(cast(f"voter {number}"), register(f"voter {number}"))
        assert [job.result() for job in jobs] == [before, before]
    assert machine.election().tally == [VOTERS, 0]


def test_after_a_freeze_the_live_state_goes_on_as_if_there_had_been_none() -> None:
    frozen, plain = filled(), Machine()
    plain.state = load(dump(frozen.state))
    for change in (cast("voter 1"), cast("voter 3", "no"), extend("voter 0", END + 1)):
        frozen.state.freeze()
        assert frozen.do(change) is plain.do(change) is Outcome.ACCEPTED
        assert frozen.do(change) is Outcome.ACCEPTED
    assert digest(frozen.state) == digest(plain.state)


def test_dismantling_takes_nothing_from_the_live_state_nor_from_another_frozen_one() -> None:
    machine = filled()
    before = digest(machine.state)
    gone, other = machine.state.freeze(), machine.state.freeze()
    machine.given(cast("voter 1", election="next"))
    after = digest(machine.state)
    assert len(list(gone.dismantle())) > 4
    assert digest(other) == before
    assert digest(machine.state) == after
