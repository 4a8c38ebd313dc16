"""Every rule of quorate_client/failover.py, and the same with random scripts."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quorate_client.failover import (
    FIRST_WAIT_S,
    LEAST_PATIENCE_S,
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
    for now in range(10):
        fail(failover, now)
        step = failover.next_step(now, 0.0)
        assert isinstance(step, Wait)
        waits.append(step.seconds)
    assert waits == sorted(waits)
    assert waits[-1] == MAX_WAIT_S / 2  # the least that the dice can make of the cap
    fail(failover, 10.0)
    assert failover.next_step(10.0, 0.5) == Wait(MAX_WAIT_S * 0.75)


def test_a_wait_that_is_cut_short_goes_on() -> None:
    """An attempt that ends in the middle of it must not make a round begin too early."""
    failover = Failover(Memory(["n1:1"]), now=0.0)
    fail(failover, 0.0)
    assert failover.next_step(0.0, 0.0) == Wait(FIRST_WAIT_S / 2)
    assert failover.next_step(FIRST_WAIT_S / 8, 0.0) == Wait(FIRST_WAIT_S * 3 / 8)


def test_a_silent_endpoint_is_waited_for_a_moment_and_then_another_one_is_asked_as_well() -> None:
    failover = Failover(Memory(NODES), now=0.0)
    assert tried(failover.next_step(0.0, 0.5)) == "n1:1"
    assert failover.next_step(0.0, 0.5) == Wait(LEAST_PATIENCE_S)
    assert tried(failover.next_step(LEAST_PATIENCE_S, 0.5)) == "n2:1"
    assert failover.next_step(LEAST_PATIENCE_S, 0.5) == Wait(LEAST_PATIENCE_S)


def test_a_silent_endpoint_is_avoided_by_other_calls_until_it_answers() -> None:
    memory = Memory(NODES)
    memory.answered("n1:1")
    silent = Failover(memory, now=0.0)
    silent.next_step(0.0, 0.5)
    silent.next_step(LEAST_PATIENCE_S, 0.5)
    assert tried(Failover(memory, now=1.0).next_step(1.0, 0.5)) == "n2:1"
    memory.answered("n1:1")
    assert tried(Failover(memory, now=1.0).next_step(1.0, 0.5)) == "n1:1"


def test_an_endpoint_is_not_tried_while_an_attempt_at_it_is_under_way() -> None:
    """The others are tried again and again meanwhile."""
    failover = Failover(Memory(NODES), now=0.0)
    assert tried(failover.next_step(0.0, 0.5)) == "n1:1"
    now, later = 1.0, set[str]()
    while now < 20.0:
        step = failover.next_step(now, 0.5)
        if isinstance(step, Try):
            failover.failed(step.endpoint, now, definite=True, why="no leader")
            later.add(step.endpoint)
        else:
            assert isinstance(step, Wait)
            now += step.seconds
    assert later == {"n2:1", "n3:1"}


def test_when_every_endpoint_is_silent_the_next_event_is_awaited() -> None:
    failover = Failover(Memory(NODES), now=0.0, overall_timeout_s=30.0)
    for now in (0.0, 1.0, 2.0):
        assert isinstance(failover.next_step(now, 0.5), Try)
    assert failover.next_step(10.0, 0.5) == Wait(20.0)


def test_patience_grows_with_what_answers_take_lately_and_shrinks_again() -> None:
    memory = Memory(NODES)
    for _ in range(50):
        memory.answered("n1:1", 0.5)
    assert memory.patience_s == pytest.approx(2.0, rel=0.01)
    failover = Failover(memory, now=0.0)
    failover.next_step(0.0, 0.5)
    assert isinstance(failover.next_step(1.9, 0.5), Wait)
    for _ in range(50):
        memory.answered("n1:1", 0.001)
    assert memory.patience_s == LEAST_PATIENCE_S


def test_patience_never_outlasts_an_attempt() -> None:
    memory = Memory(NODES)
    for _ in range(50):
        memory.answered("n1:1", 10.0)
    failover = Failover(memory, now=0.0, attempt_timeout_s=2.0)
    failover.next_step(0.0, 0.5)
    assert failover.next_step(0.0, 0.5) == Wait(2.0)


def answered_at(frozen: int, endpoints: int, ok_from: float, answer_s: float) -> float:
    """Play a call: some endpoints are silent, the others refuse at once, or answer from then on."""
    names = [f"n{number}:1" for number in range(endpoints)]
    failover = Failover(Memory(names), now=0.0)
    ends: dict[str, tuple[float, bool]] = {}
    now = 0.0
    while now < 30.0:
        for endpoint, (end, answer) in list(ends.items()):
            if end <= now:
                if answer:
                    return now
                del ends[endpoint]
                failover.failed(endpoint, now, definite=True, why="")
        step = failover.next_step(now, 0.5)
        if isinstance(step, Try):
            silent, ready = names.index(step.endpoint) < frozen, now >= ok_from
            takes_s = answer_s if ready else 0.0
            in_time = not silent and takes_s <= step.timeout_s
            ends[step.endpoint] = (
                now + (takes_s if in_time else step.timeout_s),
                in_time and ready,
            )
        elif isinstance(step, Wait):
            now = min([now + step.seconds, *(end for end, _ in ends.values())])
        else:
            break
    return math.inf


@pytest.mark.parametrize(("endpoints", "frozen"), [(2, 1), (3, 1), (3, 2), (5, 2)])
@pytest.mark.parametrize("ok_from", [0.65, 2.1, 3.0])
def test_frozen_endpoints_do_not_keep_a_call_from_those_that_recover(
    endpoints: int, frozen: int, ok_from: float
) -> None:
    late_s = answered_at(frozen, endpoints, ok_from, 0.01) - ok_from
    assert late_s <= MAX_WAIT_S + frozen * LEAST_PATIENCE_S + 0.01


def test_a_cluster_that_needs_longer_than_an_attempt_is_given_the_time() -> None:
    assert answered_at(0, 3, 0.0, 5.0) < 30.0


def test_giving_up_while_an_attempt_is_under_way_is_indefinite() -> None:
    failover = Failover(Memory(NODES), now=0.0)
    failover.next_step(0.0, 0.5)
    step = failover.next_step(30.0, 0.5)
    assert isinstance(step, GiveUp)
    assert not step.definite


def test_a_question_is_never_left_half_done() -> None:
    failover = Failover(Memory(NODES), now=0.0, changes=False)
    fail(failover, 0.0, definite=False)
    failover.next_step(0.0, 0.5)
    step = failover.next_step(30.0, 0.5)
    assert isinstance(step, GiveUp)
    assert step.definite


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


class Script:
    """Answers the machine by dice: attempts end after a while, in any order, or never."""

    def __init__(self, data: st.DataObject, failover: Failover, deadline: float) -> None:
        self.data, self.failover, self.deadline = data, failover, deadline
        self.under_way: dict[str, float] = {}  # when it will end
        self.all_definite = True

    def try_(self, step: Try, now: float) -> None:
        assert step.endpoint not in self.under_way
        assert step.timeout_s > 0
        assert now + step.timeout_s <= self.deadline + 1e-6  # the float's rounding
        share = self.data.draw(st.floats(0, 1))
        self.under_way[step.endpoint] = now + share * step.timeout_s

    def wait(self, step: Wait, now: float) -> float:
        """Return when the wait is over: at its end, or when an attempt ends."""
        assert step.seconds > 0
        assert now + step.seconds <= self.deadline + 1e-6
        until = min([now + step.seconds, *self.under_way.values()])
        for endpoint in [e for e, end in self.under_way.items() if end <= until]:
            del self.under_way[endpoint]
            definite = self.data.draw(st.booleans())
            self.failover.failed(endpoint, until, definite=definite, why="")
            self.all_definite = self.all_definite and definite
        return until


@given(st.data(), st.floats(0.01, 60), st.floats(0.01, 60), st.integers(1, 3), st.floats(0, 1e6))
def test_no_script_leads_past_the_deadline_or_to_a_false_definite(
    data: st.DataObject, attempt_s: float, overall_s: float, nodes: int, start: float
) -> None:
    memory = Memory(NODES[:nodes])
    now, deadline = start, start + overall_s
    failover = Failover(memory, now=now, attempt_timeout_s=attempt_s, overall_timeout_s=overall_s)
    script = Script(data, failover, deadline)
    for _ in range(60):
        match failover.next_step(now, data.draw(st.floats(0, 1, exclude_max=True))):
            case Try() as attempt:
                script.try_(attempt, now)
            case Wait() as pause:
                now = script.wait(pause, now)
            case GiveUp(said_definite):
                assert said_definite == (script.all_definite and not script.under_way)
                return
        if (hint := data.draw(st.none() | st.sampled_from(NODES))) is not None:
            memory.hint(hint)
    step = failover.next_step(deadline, 0.5)
    assert isinstance(step, GiveUp)
    assert step.definite == (script.all_definite and not script.under_way)
