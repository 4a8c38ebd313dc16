"""Every rule of quorate_client/failover.py, and the same with random scripts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_client.failover import (
    MAX_WAIT_S,
    REMEMBER_FAILURE_S,
    Failover,
    GiveUp,
    Memory,
    Step,
    Try,
    Wait,
)

NODES = ("n1:1", "n2:1", "n3:1")


def tried(step: Step) -> str:
    assert isinstance(step, Try)
    return step.endpoint


def fail(failover: Failover, now: float, *, definite: bool = True) -> str:
    endpoint = tried(failover.next_step(now, 0.5))
    failover.failed(endpoint, now, definite=definite, why="it is down")
    return endpoint


def test_a_round_tries_every_endpoint_once() -> None:
    failover = Failover(Memory(NODES), now=0.0)
    assert [fail(failover, 0.0) for _ in NODES] == list(NODES)


def test_a_full_round_is_followed_by_a_wait_and_another_round() -> None:
    failover = Failover(Memory(NODES), now=0.0)
    for _ in NODES:
        fail(failover, 0.0)
    assert isinstance(failover.next_step(0.0, 0.5), Wait)
    assert {fail(failover, 1.0) for _ in NODES} == set(NODES)


def test_a_failing_single_endpoint_is_tried_again_after_a_wait() -> None:
    failover = Failover(Memory(["n1:1"]), now=0.0)
    fail(failover, 0.0)
    assert isinstance(failover.next_step(0.0, 0.5), Wait)
    assert fail(failover, 1.0) == "n1:1"


def test_waits_grow_with_the_rounds_up_to_the_cap_and_are_jittered() -> None:
    failover = Failover(Memory(["n1:1"]), now=0.0, overall_timeout_s=1000.0)
    waits: list[float] = []
    for _ in range(10):
        fail(failover, 0.0)
        step = failover.next_step(0.0, 0.0)
        assert isinstance(step, Wait)
        waits.append(step.seconds)
    assert waits == sorted(waits)
    assert waits[-1] == MAX_WAIT_S / 2  # the least that the dice can make of the cap
    fail(failover, 0.0)
    assert failover.next_step(0.0, 0.5) == Wait(MAX_WAIT_S * 0.75)


def test_the_hinted_leader_goes_first() -> None:
    memory = Memory(NODES)
    failover = Failover(memory, now=0.0)
    memory.hint("n3:1")
    assert fail(failover, 0.0) == "n3:1"


def test_a_hint_within_a_call_is_followed_at_once() -> None:
    memory = Memory(NODES)
    failover = Failover(memory, now=0.0)
    fail(failover, 0.0)
    memory.hint("n3:1")
    assert fail(failover, 0.0) == "n3:1"


def test_a_hint_at_an_unknown_endpoint_is_ignored() -> None:
    memory = Memory(NODES)
    memory.hint("elsewhere:1")
    assert fail(Failover(memory, now=0.0), 0.0) == "n1:1"


def test_the_endpoint_that_answered_is_asked_again() -> None:
    memory = Memory(NODES)
    memory.answered("n2:1")
    assert fail(Failover(memory, now=0.0), 0.0) == "n2:1"


def test_a_recently_failed_endpoint_is_avoided_by_other_calls_even_if_hinted() -> None:
    memory = Memory(NODES)
    fail(Failover(memory, now=0.0), 0.0)
    memory.hint("n1:1")
    failover = Failover(memory, now=1.0)
    assert [fail(failover, 1.0) for _ in NODES][-1] == "n1:1"


def test_a_failure_is_forgotten_after_a_while() -> None:
    memory = Memory(NODES)
    fail(Failover(memory, now=0.0), 0.0)
    later = REMEMBER_FAILURE_S
    assert fail(Failover(memory, now=later), later) == "n1:1"


def test_a_failure_is_forgotten_when_the_endpoint_answers() -> None:
    memory = Memory(NODES)
    fail(Failover(memory, now=0.0), 0.0)
    memory.answered("n1:1")
    assert fail(Failover(memory, now=0.0), 0.0) == "n1:1"


def test_one_attempt_cannot_eat_a_short_deadline() -> None:
    failover = Failover(Memory(NODES), now=0.0, attempt_timeout_s=2.0, overall_timeout_s=3.0)
    assert failover.next_step(0.0, 0.5) == Try("n1:1", 1.0)


def test_the_last_attempt_ends_with_the_deadline() -> None:
    failover = Failover(Memory(NODES), now=0.0, attempt_timeout_s=2.0, overall_timeout_s=30.0)
    assert failover.next_step(29.5, 0.5) == Try("n1:1", 0.5)


def test_giving_up_tells_the_last_reason() -> None:
    failover = Failover(Memory(NODES), now=0.0)
    fail(failover, 0.0)
    assert failover.next_step(30.0, 0.5) == GiveUp(definite=True, why="it is down")


def test_giving_up_prefers_the_latest_reason_of_a_node_that_was_reached() -> None:
    failover = Failover(Memory(NODES), now=0.0)
    failover.failed("n1:1", 0.0, definite=True, why="no leader", reached=True)
    failover.failed("n2:1", 0.0, definite=True, why="still no leader", reached=True)
    failover.failed("n3:1", 0.0, definite=True, why="connection refused", reached=False)
    assert failover.next_step(30.0, 0.5) == GiveUp(definite=True, why="still no leader")


def test_an_earlier_indefinite_call_makes_this_one_indefinite() -> None:
    failover = Failover(Memory(NODES), now=0.0, indefinite=True)
    step = failover.next_step(30.0, 0.5)
    assert isinstance(step, GiveUp)
    assert not step.definite


def test_a_cluster_without_endpoints_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Memory([])


attempts = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),  # how much of its time the attempt takes
        st.booleans(),  # definite
        st.floats(0, 1, exclude_max=True),  # jitter
        st.none() | st.sampled_from(NODES),  # hint
    ),
    max_size=60,
)


@given(attempts, st.floats(0.01, 60), st.floats(0.01, 60), st.integers(1, 3), st.floats(0, 1e6))
def test_no_script_leads_past_the_deadline_or_to_a_false_definite(
    script: list[tuple[float, bool, float, str | None]],
    attempt_s: float,
    overall_s: float,
    nodes: int,
    start: float,
) -> None:
    memory = Memory(NODES[:nodes])
    now, deadline = start, start + overall_s
    failover = Failover(memory, now=now, attempt_timeout_s=attempt_s, overall_timeout_s=overall_s)
    all_definite, in_a_row = True, 0
    for share, definite, jitter, hint in script:
        match failover.next_step(now, jitter):
            case Try(endpoint, timeout_s):
                assert 0 < timeout_s <= min(attempt_s, overall_s / 3)
                assert now + timeout_s <= deadline + 1e-6  # the float's rounding
                now += share * timeout_s
                failover.failed(endpoint, now, definite=definite, why="")
                all_definite = all_definite and definite
                in_a_row += 1
                assert in_a_row <= nodes  # no hammering: a wait ends each round
            case Wait(seconds):
                assert 0 < seconds <= MAX_WAIT_S
                assert now + seconds <= deadline + 1e-6
                now += seconds
                in_a_row = 0
            case GiveUp(said_definite):
                assert said_definite == all_definite
                return
        if hint is not None:
            memory.hint(hint)
    step = failover.next_step(deadline, 0.5)
    assert isinstance(step, GiveUp)
    assert step.definite == all_definite
