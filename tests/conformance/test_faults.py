"""What parts III and IV of the course demand when servers die; what others' servers get wrong."""

import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import grpc
import pytest
from grpc_health.v1 import health_pb2

from support.cluster import LocalCluster, eventually, outcome_of

from .course import Course, fresh
from .course import held as hold
from .course_client import CourseClient, Student

pytestmark = pytest.mark.cluster

SERVING = health_pb2.HealthCheckResponse.SERVING
READINESS = "voting.eVoting"
CHOICES = ["yes", "no"]


def serves(cluster: LocalCluster, name: str) -> bool:
    """Ask the health service."""
    try:
        return cluster.health(name, READINESS) == SERVING
    except grpc.RpcError:
        return False


def client_of(course: Course, *names: str, timeout_s: float = 20.0) -> CourseClient:
    """Return a client that tries these nodes in order."""
    servers = [course.cluster.endpoints[name] for name in names]
    return CourseClient(*servers, timeout_s=timeout_s)


def others(cluster: LocalCluster, name: str) -> list[str]:
    return [other for other in cluster.names if other != name]


def held(course: Course, token: bytes, choice: str = "yes") -> str:
    """Hold an election with one ballot."""
    election, codes = course.ended(lambda name: [course.any.vote(token, name, choice)], token)
    assert codes == [0]
    return election


# ------------------------------------------------------------------ valid on every server


def test_a_challenge_of_any_node_is_answered_and_its_token_used_on_any_other(
    course: Course,
) -> None:
    ann, token = course.student()
    election = course.election(token)
    tokens = [
        answering.auth(ann.name, ann.key.sign(asking.pre_auth(ann.name)))
        for asking in course.clients
        for answering in course.clients
    ]
    codes = [client.vote(token, election, "yes") for token in tokens for client in course.clients]
    assert codes == [0] + [4] * (9 * 3 - 1)


def test_a_voter_registered_on_one_node_logs_in_on_every_other_at_once(course: Course) -> None:
    for number in range(20):
        ann = Student(fresh("ann"))
        assert course.clients[number % 3].register(ann) == 0
        assert all(client.login(ann) for client in course.clients)


def test_an_election_created_on_one_node_is_seen_on_every_other_at_once(course: Course) -> None:
    _, token = course.student()
    for _ in range(20):
        election = course.election(token)
        assert [client.result(election) for client in course.clients] == [(2, [])] * 3


@pytest.mark.parametrize("victim", ["n1", "n2", "n3"])
def test_a_login_goes_on_elsewhere_when_its_node_dies_between_pre_auth_and_auth(
    course: Course, victim: str
) -> None:
    ann, token = course.student()
    election = course.election(token)
    with client_of(course, victim, *others(course.cluster, victim)) as client:
        challenge = client.pre_auth(ann.name)
        course.cluster.kill(victim)
        token = client.auth(ann.name, ann.key.sign(challenge))
        assert client.vote(token, election, "yes") == 0
        assert client.vote(token, election, "no") == 4


def test_a_token_outlives_the_node_that_gave_it(course: Course) -> None:
    ann, _ = course.student()
    giver = course.cluster.leader()
    with client_of(course, giver) as client:
        token = client.login(ann)
    course.cluster.kill(giver)
    with client_of(course, *others(course.cluster, giver)) as client:
        election = fresh("e")
        assert client.create(token, election, ["students"], ["yes"], 2e9) == 0
        assert client.vote(token, election, "yes") == 0


def test_tokens_challenges_and_all_state_survive_the_death_of_all_nodes(course: Course) -> None:
    ann, token = course.student()
    bob, other = course.student()
    ongoing, past = course.election(token), held(course, other, "no")
    assert course.any.vote(token, ongoing, "yes") == 0
    challenge = course.any.pre_auth(ann.name)
    for name in course.cluster.names:
        course.cluster.signal(name, signal.SIGKILL)
    for name in course.cluster.names:
        course.cluster.kill(name)  # wait until it is gone
        course.cluster.start(name)
    course.cluster.wait_ready()
    with client_of(course, *course.cluster.names) as client:
        assert client.vote(token, ongoing, "no") == 4
        assert client.vote(other, ongoing, "no") == 0
        assert client.vote(client.auth(ann.name, ann.key.sign(challenge)), ongoing, "no") == 4
        assert client.result(past) == (0, [("yes", 0), ("no", 1)])
        assert client.result(ongoing) == (2, [])
        assert client.register(bob) == 1
    course.cluster.same_digest()


# ------------------------------------------------------------------ coming back


def test_a_killed_node_catches_up_before_its_health_service_says_serving(course: Course) -> None:
    _, token = course.student()
    victim = others(course.cluster, course.cluster.leader())[0]
    course.cluster.kill(victim)
    with client_of(course, *others(course.cluster, victim)) as client:
        elections = [fresh("e") for _ in range(50)]
        for election in elections:
            assert client.create(token, election, ["students"], ["yes", "no"], 1.0) == 0
    alive = course.cluster.status(course.cluster.leader())
    assert alive is not None
    course.cluster.start(victim)
    eventually(partial(serves, course.cluster, victim), f"{victim} serves")
    status = course.cluster.status(victim)
    assert status is not None
    assert status.applied_index >= alive.commit_index
    with client_of(course, victim) as client:
        for election in elections:
            assert client.result(election) == (0, [("yes", 0), ("no", 0)])


def test_ballots_acknowledged_while_a_node_was_away_survive_when_it_comes_back(
    course: Course,
) -> None:
    """The stale server must not lead with its old state once those that know better are gone."""
    voters = [course.student()[1] for _ in range(6)]
    election = course.election(voters[0])
    course.cluster.kill("n3")
    with client_of(course, "n1", "n2") as client:
        assert [client.vote(token, election, "yes") for token in voters] == [0] * 6
    course.cluster.kill("n2")
    course.cluster.start("n3")
    course.cluster.wait_ready("n3")
    course.cluster.start("n2")
    course.cluster.wait_ready("n2")
    course.cluster.kill("n1")
    with client_of(course, "n3", "n2") as client:
        assert [client.vote(token, election, "no") for token in voters] == [4] * 6


# ------------------------------------------------------------------ majorities


def test_a_majority_goes_on_when_the_leader_dies(course: Course) -> None:
    tokens = [course.student()[1] for _ in range(3)]
    election = course.election(tokens[0])
    leader = course.cluster.leader()
    assert course.any.vote(tokens[0], election, "yes") == 0
    course.cluster.kill(leader)
    with client_of(course, leader, *others(course.cluster, leader)) as client:
        assert [client.vote(token, election, "no") for token in tokens] == [4, 0, 0]
        ann = Student(fresh("ann"))
        assert client.register(ann) == 0
        assert client.vote(client.login(ann), election, "yes") == 0
        assert client.result(election) == (2, [])


def failure(call: Callable[[], object]) -> tuple[grpc.StatusCode, str | None]:
    with pytest.raises(grpc.RpcError) as caught:
        call()
    return caught.value.code(), outcome_of(caught.value)


def test_without_a_majority_calls_fail_by_name_and_go_on_by_themselves_when_it_returns(
    course: Course,
) -> None:
    tokens = [course.student()[1] for _ in range(3)]
    election, past = course.election(tokens[0]), held(course, tokens[0])
    assert course.any.vote(tokens[0], election, "yes") == 0
    course.cluster.kill("n2")
    course.cluster.kill("n3")
    eventually(lambda: not serves(course.cluster, "n1"), "n1 says that it can't serve")
    with client_of(course, "n1", timeout_s=2.0) as client:
        calls: list[Callable[[], object]] = [
            partial(client.vote, tokens[1], election, "no"),
            partial(client.result, election),
            partial(client.create, tokens[0], fresh("e"), ["g"], ["c"], 2e9),
        ]
        with ThreadPoolExecutor(len(calls)) as pool:
            failed = list(pool.map(failure, calls))
        assert {code for code, _ in failed} == {grpc.StatusCode.UNAVAILABLE}
        said = [outcome for _, outcome in failed]
        assert set(said) <= {"definite", "indefinite"}
        assert said[1] == "definite"  # a question changes nothing
        assert client.result(past) == (0, [("yes", 1), ("no", 0)])  # it can't change any more
    with client_of(course, "n1") as client:
        course.cluster.start("n2")
        eventually(partial(serves, course.cluster, "n1"), "n1 serves again")
        assert [client.vote(token, election, "no") for token in tokens] == [4, 0, 0]
        assert client.result(election) == (2, [])


# ------------------------------------------------------------------ answers that get lost


def test_nobody_is_told_of_a_previous_vote_who_cast_none_while_leaders_die(course: Course) -> None:
    """Code 4 to the very voter whose first try was counted: the commonest wrong of failovers."""
    tokens = [course.student()[1] for _ in range(60)]
    doomed = course.cluster.leader()
    survivors = others(course.cluster, doomed)

    def ballots(election: str) -> list[int]:
        with (
            client_of(course, survivors[0]) as one,
            client_of(course, survivors[1]) as two,
            ThreadPoolExecutor(8) as pool,
        ):
            casts = [
                pool.submit((one, two)[number % 2].vote, token, election, "yes")
                for number, token in enumerate(tokens)
            ]
            eventually(casts[5].done, "some are cast")
            if doomed in course.cluster.processes:
                course.cluster.kill(doomed)
            return [cast.result() for cast in casts]

    with client_of(course, *survivors) as client:

        def create(end_s: float) -> str:
            name = fresh("e")
            assert client.create(tokens[0], name, ["students"], CHOICES, end_s) == 0
            return name

        election, codes = hold(ballots, create, lambda name: client.result(name)[0] == 0)
        assert codes == [0] * len(tokens)
        assert client.result(election) == (0, [("yes", len(tokens)), ("no", 0)])


# ------------------------------------------------------------------ ends


def test_asked_without_pause_at_the_end_no_node_ever_gives_a_wrong_count(course: Course) -> None:
    tokens = [course.student()[1] for _ in range(9)]
    final = (0, [("yes", 6), ("no", 3)])

    def ask(client: CourseClient, election: str) -> list[tuple[int, list[tuple[str, int]]]]:
        answers = [client.result(election)]
        while answers[-1][0] == 2:
            answers.append(client.result(election))
        return [*answers, *(client.result(election) for _ in range(20))]

    election = ""
    for seconds in (1, 3, 9):
        election = course.election(tokens[0], end_s=time.time() + seconds)
        codes = [
            course.any.vote(token, election, "no" if number % 3 == 0 else "yes")
            for number, token in enumerate(tokens)
        ]
        if codes == [0] * 9:
            break
    with ThreadPoolExecutor(6) as pool:
        asked = list(pool.map(partial(ask, election=election), course.clients * 2))
    for answers in asked:
        ended = answers.index(final)
        assert answers[:ended] == [(2, [])] * ended
        assert answers[ended:] == [final] * (len(answers) - ended)


def test_an_election_ends_on_time_though_nobody_asks(course: Course) -> None:
    """Whoever asks first after the end, anywhere, gets the result and never 'still ongoing'."""
    _, token = course.student()
    for _ in range(3):
        end_s = time.time() + 1
        election = course.election(token, end_s=end_s)
        eventually(lambda end_s=end_s: time.time() > end_s, "the end")  # type: ignore[misc]
        with ThreadPoolExecutor(3) as pool:
            results = list(
                pool.map(partial(CourseClient.result, election=election), course.clients)
            )
        assert results == [(0, [("yes", 0), ("no", 0)])] * 3


def test_an_election_whose_end_passed_while_all_were_dead_is_closed_and_takes_no_ballot(
    course: Course,
) -> None:
    _, token = course.student()
    _, late = course.student()
    election, end_s = "", 0.0
    for seconds in (2, 6, 18):
        end_s = time.time() + seconds
        election = course.election(token, end_s=end_s)
        if course.any.vote(token, election, "yes") == 0:
            break
    for name in course.cluster.names:
        course.cluster.kill(name)
    eventually(lambda: time.time() > end_s, "the end")
    for name in course.cluster.names:
        course.cluster.start(name)
    course.cluster.wait_ready()
    with client_of(course, *course.cluster.names) as client:
        assert client.vote(late, election, "no") == 2
        assert client.result(election) == (0, [("yes", 1), ("no", 0)])
    course.cluster.same_digest()
