"""Every call, every code, and which code comes first when several would fit."""

import time
from functools import partial

import grpc
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf.timestamp_pb2 import Timestamp

from quorate_proto.v1 import election_pb2, election_pb2_grpc
from support.cluster import eventually

from .course import Course, fresh, in_an_hour
from .course_client import Student, message, parse

pytestmark = pytest.mark.cluster

LATEST_S = 253_402_300_799  # 9999-12-31T23:59:59Z
LONG = "x" * 257
NOT_TOKENS = [b"", b"\0", b"token", bytes(32), bytes(100), b"\x01" + bytes(60), b"\xff" * 2000]


def refused(course: Course, name: str, response: bytes) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        course.any.auth(name, response)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    return caught.value


# ------------------------------------------------------------------ RegisterVoter


def test_register_voter_0_successful_registration(course: Course) -> None:
    ann = Student(fresh("ann"))
    assert course.any.register(ann) == 0
    assert course.any.login(ann)


def test_register_voter_1_voter_with_the_same_name_already_exists_and_is_replaced(
    course: Course,
) -> None:
    old, _ = course.student(group="old")
    new = Student(old.name, group="new")
    assert course.any.register(new) == 1
    refused(course, old.name, old.key.sign(course.any.pre_auth(old.name)))
    token = course.any.login(new)
    election = course.election(token, groups=["new"])
    assert course.any.vote(token, election, "yes") == 0


def test_register_voter_1_ends_every_token_of_that_voter(course: Course) -> None:
    ann, first = course.student()
    second = course.any.login(ann)
    election = course.election(first)
    assert course.any.register(ann) == 1  # the same key again: still a new registration
    for token in (first, second):
        assert [client.vote(token, election, "yes") for client in course.clients] == [1, 1, 1]
        assert course.any.create(token, fresh("e"), ["g"], ["c"], in_an_hour()) == 1
    assert course.any.vote(course.any.login(ann), election, "yes") == 0


@pytest.mark.parametrize(
    ("group", "key"),
    [("", bytes(32)), (LONG, bytes(32)), ("g", b""), ("g", bytes(31)), ("g", bytes(33))],
)
def test_register_voter_2_undefined_error_leaves_the_registration_alone(
    course: Course, group: str, key: bytes
) -> None:
    ann, token = course.student()
    assert course.any.register_key(ann.name, group, key) == 2
    assert course.any.vote(token, course.election(token), "yes") == 0


@pytest.mark.parametrize("name", ["", LONG, "ö" * 129])
def test_register_voter_2_undefined_error_for_a_name_that_is_none(
    course: Course, name: str
) -> None:
    assert course.any.register_key(name, "g", bytes(32)) == 2
    assert course.any.unregister(name) == 1


# ------------------------------------------------------------------ UnregisterVoter


def test_unregister_voter_0_successful_unregistration_ends_tokens_and_logins(
    course: Course,
) -> None:
    ann, token = course.student()
    election = course.election(token)
    assert course.any.unregister(ann.name) == 0
    assert [client.vote(token, election, "yes") for client in course.clients] == [1, 1, 1]
    refused(course, ann.name, ann.key.sign(course.any.pre_auth(ann.name)))


def test_unregister_voter_1_no_voter_with_the_name_exists_on_the_server(course: Course) -> None:
    ann, _ = course.student()
    assert course.any.unregister(fresh("nobody")) == 1
    assert course.any.unregister(ann.name) == 0
    assert [client.unregister(ann.name) for client in course.clients] == [1, 1, 1]


def test_unregister_and_register_again_is_still_one_ballot(course: Course) -> None:
    ann, old_token = course.student()
    _, other = course.student()

    def twice(election: str) -> list[int]:
        codes = [course.any.vote(course.any.login(ann), election, "yes")]
        assert course.any.unregister(ann.name) == 0
        assert course.any.register(ann) == 0
        return [*codes, course.any.vote(course.any.login(ann), election, "no")]

    election, codes = course.ended(twice, other)
    assert codes == [0, 4]
    assert course.any.result(election) == (0, [("yes", 1), ("no", 0)])
    assert course.any.vote(old_token, course.election(other), "yes") == 1  # and stays dead


# ------------------------------------------------------------------ PreAuth and Auth


def test_pre_auth_gives_a_name_that_is_not_on_the_roll_a_challenge_too(course: Course) -> None:
    ann, _ = course.student()
    nobody = fresh("nobody")
    challenges = [client.pre_auth(name) for client in course.clients for name in (ann.name, nobody)]
    assert {len(challenge) for challenge in challenges} == {32}
    mallory = Ed25519PrivateKey.generate()
    unknown = refused(course, nobody, mallory.sign(course.any.pre_auth(nobody)))
    wrong = refused(course, ann.name, mallory.sign(course.any.pre_auth(ann.name)))
    assert unknown.details() == wrong.details()


def test_auth_takes_the_detached_signature_and_the_combined_form(course: Course) -> None:
    ann, _ = course.student()
    election = course.election(course.any.login(ann))
    challenge = course.any.pre_auth(ann.name)
    signature = ann.key.sign(challenge)
    detached = course.any.auth(ann.name, signature)
    combined = course.any.auth(ann.name, signature + challenge)
    assert course.any.vote(detached, election, "yes") == 0
    assert course.any.vote(combined, election, "yes") == 4


def test_auth_refuses_every_bad_response_with_unauthenticated(course: Course) -> None:
    ann, _ = course.student()
    bob, _ = course.student()
    challenge = course.any.pre_auth(ann.name)
    good = ann.key.sign(challenge)
    bad = [
        b"",
        good[:-1],
        good + b"\0",
        good + challenge[:-1],
        good + challenge + b"\0",
        good + bytes(32),
        bytes(64),
        bytes([good[0] ^ 1]) + good[1:],
        bob.key.sign(challenge),
        ann.key.sign(b"something else"),
        ann.key.sign(course.any.pre_auth(bob.name)),
        ann.key.sign(b"") + challenge,
        bytes(100_000),
    ]
    for response in bad:
        refused(course, ann.name, response)
    refused(course, bob.name, good)
    refused(course, "", good)
    assert course.any.auth(ann.name, good)


# ------------------------------------------------------------------ CreateElection


def test_create_election_0_election_created_successfully(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    assert [client.result(election) for client in course.clients] == [(2, [])] * 3


def test_create_election_1_invalid_authentication_token(course: Course) -> None:
    for token in NOT_TOKENS:
        assert course.any.create(token, fresh("e"), ["g"], ["c"], in_an_hour()) == 1


def test_create_election_1_before_2_and_3(course: Course) -> None:
    _, token = course.student()
    taken = course.election(token)
    assert course.any.create(b"", fresh("e"), [], [], in_an_hour()) == 1
    assert course.any.create(b"", taken, ["g"], ["c"], in_an_hour()) == 1
    assert course.any.create(b"", "", ["g"], ["c", "c"], LATEST_S + 1) == 1


@pytest.mark.parametrize(("groups", "choices"), [([], ["c"]), (["g"], []), ([], [])])
def test_create_election_2_missing_groups_or_choices_specification(
    course: Course, groups: list[str], choices: list[str]
) -> None:
    _, token = course.student()
    name = fresh("election")
    assert course.any.create(token, name, groups, choices, in_an_hour()) == 2
    assert course.any.result(name) == (1, [])


def test_create_election_2_before_3(course: Course) -> None:
    _, token = course.student()
    taken = course.election(token)
    assert course.any.create(token, taken, [], ["c"], in_an_hour()) == 2
    assert course.any.create(token, "", ["g"], [], in_an_hour()) == 2
    assert course.any.create(token, fresh("e"), ["g"], [], LATEST_S + 1) == 2


def test_create_election_3_unknown_error_when_the_name_is_taken_and_nothing_is_replaced(
    course: Course,
) -> None:
    _, token = course.student()
    _, other = course.student()
    election = course.election(token)
    assert course.any.vote(token, election, "yes") == 0
    past = time.time() - 1
    assert course.any.create(other, election, ["others"], ["maybe"], past) == 3
    assert course.any.create(token, election, ["students"], ["yes", "no"], past) == 3
    assert course.any.result(election) == (2, [])
    assert course.any.vote(other, election, "maybe") == 5
    assert course.any.vote(other, election, "no") == 0
    assert course.any.vote(token, election, "yes") == 4


@pytest.mark.parametrize(
    ("groups", "choices"),
    [
        (["g"], ["c", "c"]),
        (["g"], ["a", "b", "a"]),
        (["g"], [""]),
        (["g"], ["c", LONG]),
        ([""], ["c"]),
        ([LONG], ["c"]),
        (["g"], [str(number) for number in range(201)]),
        ([str(number) for number in range(201)], ["c"]),
    ],
)
def test_create_election_3_unknown_error_for_choices_and_groups_that_cannot_be(
    course: Course, groups: list[str], choices: list[str]
) -> None:
    _, token = course.student()
    name = fresh("election")
    assert course.any.create(token, name, groups, choices, in_an_hour()) == 3
    assert course.any.result(name) == (1, [])


@pytest.mark.parametrize("name", ["", LONG, "x" * 100_000])
def test_create_election_3_unknown_error_for_a_name_that_is_none(course: Course, name: str) -> None:
    _, token = course.student()
    assert course.any.create(token, name, ["g"], ["c"], in_an_hour()) == 3
    assert course.any.result(name) == (1, [])


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [
        (LATEST_S + 1, 0),
        (-62_135_596_801, 0),
        (2**63 - 1, 0),
        (-(2**63), 0),
        (0, -1),
        (0, 10**9),
        (LATEST_S, 2**31 - 1),
    ],
)
def test_create_election_3_unknown_error_for_an_end_date_out_of_range(
    course: Course, seconds: int, nanos: int
) -> None:
    _, token = course.student()
    name = fresh("election")
    request = message(
        "Election",
        name=name,
        groups=["g"],
        choices=["c"],
        end_date={"seconds": seconds, "nanos": nanos},
        token={"value": token},
    )
    assert course.any.call("CreateElection", request).code == 3
    assert course.any.result(name) == (1, [])


@pytest.mark.parametrize("end_s", [0.000001, 1.0, 1_000_000_000.5])
def test_create_election_0_with_an_end_in_the_past_is_closed_from_the_start(
    course: Course, end_s: float
) -> None:
    _, token = course.student()
    election = course.election(token, end_s=end_s)
    assert [client.result(election)[0] for client in course.clients] == [0, 0, 0]
    assert course.any.vote(token, election, "yes") == 2
    assert course.any.result(election) == (0, [("yes", 0), ("no", 0)])


# ------------------------------------------------------------------ CastVote


def test_cast_vote_0_successful_vote(course: Course) -> None:
    _, token = course.student()
    election, codes = course.ended(lambda name: [course.any.vote(token, name, "no")], token)
    assert codes == [0]
    assert [c.result(election) for c in course.clients] == [(0, [("yes", 0), ("no", 1)])] * 3


def test_cast_vote_1_invalid_authentication_token(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    for bad in NOT_TOKENS:
        assert course.any.vote(bad, election, "yes") == 1


def test_cast_vote_1_before_every_other_code(course: Course) -> None:
    _, token = course.student()
    mine, not_mine = course.election(token), course.election(token, groups=["others"])
    closed = course.election(token, end_s=1.0)
    assert course.any.vote(token, mine, "yes") == 0
    for election in (mine, not_mine, closed, fresh("no such election")):
        assert course.any.vote(token[:-1], election, "no such choice") == 1


def test_cast_vote_2_invalid_election_name(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    for name in ("", election[1:], election + " ", election.upper(), LONG, "x" * 100_000):
        assert course.any.vote(token, name, "yes") == 2


def test_cast_vote_3_the_voters_group_is_not_allowed_in_the_election(course: Course) -> None:
    _, token = course.student(group="student")  # a prefix of the group that is allowed
    election = course.election(token, groups=["students", "staff"])
    assert course.any.vote(token, election, "yes") == 3


def test_cast_vote_3_before_2_once_the_election_has_ended_and_5(course: Course) -> None:
    _, token = course.student()
    closed = course.election(token, groups=["others"], end_s=1.0)
    assert course.any.vote(token, closed, "yes") == 3
    assert course.any.vote(token, course.election(token, groups=["others"]), "maybe") == 3


def test_cast_vote_2_again_once_the_election_has_ended(course: Course) -> None:
    _, token = course.student()
    _, late = course.student()
    election, codes = course.ended(lambda name: [course.any.vote(token, name, "yes")], token)
    assert codes == [0]
    assert [client.vote(late, election, "yes") for client in course.clients] == [2, 2, 2]
    assert course.any.vote(token, election, "no") == 2  # before 4
    assert course.any.vote(late, election, "maybe") == 2  # before 5
    assert course.any.result(election) == (0, [("yes", 1), ("no", 0)])


def test_cast_vote_4_a_previous_vote_has_been_cast(course: Course) -> None:
    _, token = course.student()

    def ballots(election: str) -> list[int]:
        return [client.vote(token, election, "yes") for client in course.clients]

    election, codes = course.ended(ballots, token)
    assert codes == [0, 4, 4]
    assert course.any.result(election) == (0, [("yes", 1), ("no", 0)])


def test_cast_vote_4_before_5(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    assert course.any.vote(token, election, "yes") == 0
    assert course.any.vote(token, election, "maybe") == 4


def test_cast_vote_5_a_choice_that_is_not_on_the_ballot_neither_counts_nor_wipes(
    course: Course,
) -> None:
    _, token = course.student()
    _, other = course.student()

    def ballots(election: str) -> list[int]:
        wrong = ("maybe", "", "ye", "yes ", "YES", "yes\0", LONG)
        first = course.any.vote(other, election, "no")
        codes = [course.any.vote(token, election, choice) for choice in wrong]
        return [first, *codes, course.any.vote(token, election, "yes")]

    election, codes = course.ended(ballots, token)
    assert codes == [0, 5, 5, 5, 5, 5, 5, 5, 0]
    assert course.any.result(election) == (0, [("yes", 1), ("no", 1)])


# ------------------------------------------------------------------ GetResult


def test_get_result_0_with_every_choice_in_ballot_order_zeros_included(course: Course) -> None:
    _, token = course.student()
    choices = ["zebra", "ant", "Ödla", "10", "9"]
    election = course.election(token, choices=choices, end_s=1.0)
    for client in course.clients:
        assert client.result(election) == (0, [(choice, 0) for choice in choices])


def test_get_result_1_non_existent_election(course: Course) -> None:
    for client in course.clients:
        assert client.result(fresh("nothing")) == (1, [])
        assert client.result("") == (1, [])


def test_get_result_2_the_election_is_still_ongoing(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    assert course.any.vote(token, election, "yes") == 0
    assert [client.result(election) for client in course.clients] == [(2, [])] * 3


def test_get_result_2_after_the_creator_moved_the_end_later(course: Course) -> None:
    _, token = course.student()
    end_s = time.time() + 2
    election = course.election(token, end_s=end_s)
    later = election_pb2.ExtendElectionRequest(
        request_id=bytes(range(16)),
        name=election,
        end_time=Timestamp(seconds=int(end_s) + 3600),
        token=token,
    )
    with course.cluster.channel("n2") as channel:  # the course's contract has no call for it
        reply = election_pb2_grpc.ElectionServiceStub(channel).ExtendElection(later)
    assert reply.outcome == election_pb2.EXTEND_ELECTION_OUTCOME_EXTENDED
    eventually(lambda: time.time() > end_s, "the first end passes")
    assert [client.result(election) for client in course.clients] == [(2, [])] * 3
    assert course.any.vote(token, election, "yes") == 0


# ------------------------------------------------------------------ code 0 on the wire


def test_a_status_of_0_is_on_the_wire(course: Course) -> None:
    ann = Student(fresh("ann"))
    voter = message("Voter", name=ann.name, group="g", public_key=ann.public_key)
    assert course.any.raw("RegisterVoter", voter.SerializeToString()) == b"\x08\x00"
    token = {"value": course.any.login(ann)}
    end = {"seconds": int(in_an_hour())}
    name = fresh("election")
    election = message(
        "Election", name=name, groups=["g"], choices=["c"], end_date=end, token=token
    )
    assert course.any.raw("CreateElection", election.SerializeToString()) == b"\x08\x00"
    vote = message("Vote", election_name=name, choice_name="c", token=token)
    assert course.any.raw("CastVote", vote.SerializeToString()) == b"\x08\x00"
    gone = message("VoterName", name=ann.name)
    assert course.any.raw("UnregisterVoter", gone.SerializeToString()) == b"\x08\x00"


def test_a_result_has_its_status_and_its_zero_counts_on_the_wire(course: Course) -> None:
    _, token = course.student()
    election = course.election(token, choices=["yes", "no"], end_s=1.0)
    raw = course.any.raw("GetResult", message("ElectionName", name=election).SerializeToString())
    assert raw == b"\x08\x00" + b"\x12\x07\x0a\x03yes\x10\x00" + b"\x12\x06\x0a\x02no\x10\x00"
    for code, name in ((1, fresh("nothing")), (2, course.election(token))):
        request = message("ElectionName", name=name).SerializeToString()
        assert course.any.raw("GetResult", request) == bytes([8, code])


def test_a_parser_of_required_fields_would_notice_a_missing_0() -> None:
    assert parse("Status", b"\x08\x00").code == 0
    with pytest.raises(ValueError, match="without code"):
        parse("Status", b"")
    with pytest.raises(ValueError, match="without"):
        parse("ElectionResult", b"\x08\x00\x12\x05\x0a\x03yes")


def test_the_result_of_an_election_that_ended_stays_the_same(course: Course) -> None:
    ann, token = course.student()
    election, _ = course.ended(lambda name: [course.any.vote(token, name, "yes")], token)
    assert course.any.unregister(ann.name) == 0
    assert course.any.create(token, election, ["g"], ["c"], in_an_hour()) == 1
    eventually(partial(course.has_ended, election), "still ended")
    assert [c.result(election) for c in course.clients] == [(0, [("yes", 1), ("no", 0)])] * 3
