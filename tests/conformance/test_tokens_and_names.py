"""What callers may send as tokens and as names, and what becomes of it."""

import time

import grpc
import pytest

from support.cluster import eventually

from .course import Course, fresh, in_an_hour
from .course_client import Student, message

pytestmark = pytest.mark.cluster

AWKWARD = [
    "O'Brien",
    'Robert"); DROP TABLE voters;--',
    "`${HOME}` %s %00 {0} \\n \\",
    "two\nlines",
    "carriage\r\n\r\nreturn: x",
    " blanks ",
    "\t",
    "nul\0inside",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "e\N{COMBINING ACUTE ACCENT}",  # looks the same, is another name
    "投票者",
    "\N{RIGHT-TO-LEFT OVERRIDE}ann",
    "\N{BALLOT BOX WITH BALLOT}\N{VARIATION SELECTOR-16}",
    "../../etc/passwd",
    "ab/c",
    "ab",
    "a",
    "x" * 256,
    "ö" * 128,
]


def refused(course: Course, rpc: str, request: bytes) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        course.any.raw(rpc, request)
    code = caught.value.code()
    assert isinstance(code, grpc.StatusCode)
    return code


# ------------------------------------------------------------------ tokens


def test_every_truncation_of_a_token_is_refused(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    for length in range(len(token)):
        assert course.any.vote(token[:length], election, "yes") == 1
        assert course.any.vote(token[length + 1 :], election, "yes") == 1
    assert course.any.vote(token, election, "yes") == 0


def test_every_flipped_bit_of_a_token_is_refused(course: Course) -> None:
    _, token = course.student()
    election = course.election(token)
    for bit in range(8 * len(token)):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        assert course.any.vote(bytes(flipped), election, "yes") == 1
    assert course.any.vote(token, election, "yes") == 0


def test_made_up_tokens_are_refused(course: Course) -> None:
    ann, token = course.student()
    _, other = course.student()
    election = course.election(token)
    challenge = course.any.pre_auth(ann.name)
    made_up = [
        b"",
        ann.name.encode(),
        ann.public_key,
        challenge,
        ann.key.sign(challenge),
        token + b"\0",
        b"\0" + token,
        token + token,
        token[: len(token) // 2] + other[len(other) // 2 :],
        token[:-32] + bytes(32),
        bytes(100_000),
    ]
    for each in made_up:
        assert course.any.vote(each, election, "yes") == 1
        assert course.any.create(each, fresh("e"), ["g"], ["c"], in_an_hour()) == 1
    assert course.any.vote(token, election, "yes") == 0


def test_a_token_is_not_guessed_from_the_one_before(course: Course) -> None:
    ann, first = course.student()
    second = course.any.login(ann)
    differing = sum(a != b for a, b in zip(first[-32:], second[-32:], strict=True))
    assert differing > 16  # of 32 bytes of MAC; fewer by chance once in 10**30


def test_a_token_or_a_challenge_that_is_not_there_at_all_is_refused(course: Course) -> None:
    ann, token = course.student()
    election = course.election(token)
    vote = message("Vote", election_name=election, choice_name="yes")
    assert course.any.raw("CastVote", vote.SerializePartialToString()) == b"\x08\x01"
    create = message("Election", name=fresh("e"), groups=["g"], choices=["c"])
    assert course.any.raw("CreateElection", create.SerializePartialToString()) == b"\x08\x01"
    auth = message("AuthRequest", name={"name": ann.name}).SerializePartialToString()
    assert refused(course, "Auth", auth) is grpc.StatusCode.UNAUTHENTICATED
    assert refused(course, "Auth", b"") is grpc.StatusCode.UNAUTHENTICATED
    assert course.any.raw("RegisterVoter", b"") == b"\x08\x02"


# ------------------------------------------------------------------ names


def test_awkward_names_work_everywhere_and_are_all_different(course: Course) -> None:
    students = [Student(name, group=name) for name in AWKWARD]
    assert {course.any.register(student) for student in students} == {0}
    tokens = {student.name: course.any.login(student) for student in students}
    codes, names = list[int](), dict[str, str]()
    for seconds in (2, 6, 18):
        end_s = time.time() + seconds
        names = {name: f"{name[:120]}{seconds}" for name in AWKWARD}  # 120: room for the number
        created = [
            course.any.create(tokens[name], names[name], [name], [*AWKWARD], end_s)
            for name in AWKWARD
        ]
        assert created == [0] * len(AWKWARD)
        codes = [course.any.vote(tokens[name], names[name], name) for name in AWKWARD]
        if 2 not in codes:  # else this machine was too slow
            break
    assert codes == [0] * len(AWKWARD)
    for name in AWKWARD:
        eventually(lambda name=name: course.has_ended(names[name]), f"{name!r} ends")  # type: ignore[misc]
        expected = (0, [(choice, int(choice == name)) for choice in AWKWARD])
        assert [client.result(names[name]) for client in course.clients] == [expected] * 3


def test_a_voter_is_not_admitted_by_a_group_that_merely_begins_like_hers(course: Course) -> None:
    _, token = course.student(group="ab")
    for group in ("a", "abc", "AB", "ab "):
        assert course.any.vote(token, course.election(token, groups=[group]), "yes") == 3
    election = course.election(token, groups=["a", "abc", "ab"])
    assert course.any.vote(token, election, "yes") == 0


def test_very_long_names_are_refused_and_do_no_harm(course: Course) -> None:
    ann, token = course.student()
    long = "x" * 200_000
    assert len(course.any.pre_auth(long)) == 32
    assert course.any.register_key(long, "g", ann.public_key) == 2
    assert course.any.unregister(long) == 1
    assert course.any.create(token, long, ["g"], ["c"], in_an_hour()) == 3
    assert course.any.vote(token, long, "c") == 2
    assert course.any.vote(token, course.election(token), long) == 5
    assert course.any.result(long) == (1, [])
    with pytest.raises(grpc.RpcError) as caught:
        course.any.auth(long, ann.key.sign(course.any.pre_auth(long)))
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def _text(number: int, value: bytes) -> bytes:
    return bytes([number << 3 | 2, len(value)]) + value


def test_names_that_are_no_utf_8_are_refused_and_do_no_harm(course: Course) -> None:
    """Proto2 parsers let them in, so that C++ students can send them."""
    ann, token = course.student()
    election = course.election(token)
    bad = b"\xff\xfe\xc0"
    key, bearer = _text(3, ann.public_key), _text(3, _text(1, token))
    requests = [
        ("PreAuth", _text(1, bad)),
        ("Auth", _text(1, _text(1, bad)) + _text(2, _text(1, bytes(64)))),
        ("RegisterVoter", _text(1, bad) + _text(2, b"g") + key),
        ("RegisterVoter", _text(1, ann.name.encode()) + _text(2, bad) + key),
        ("UnregisterVoter", _text(1, bad)),
        ("GetResult", _text(1, bad)),
        ("CastVote", _text(1, bad) + _text(2, b"yes") + bearer),
        ("CastVote", _text(1, election.encode()) + _text(2, bad) + bearer),
        (
            "CreateElection",
            _text(1, b"e")
            + _text(2, bad)
            + _text(3, b"c")
            + _text(4, b"")
            + _text(5, _text(1, token)),
        ),
    ]
    for rpc, request in requests:
        assert refused(course, rpc, request) is grpc.StatusCode.INVALID_ARGUMENT, rpc
    assert course.any.vote(token, election, "yes") == 0


def test_bytes_that_are_no_message_are_refused_and_do_no_harm(course: Course) -> None:
    _, token = course.student()
    for rpc in ("PreAuth", "Auth", "CreateElection", "CastVote", "GetResult", "RegisterVoter"):
        for garbage in (b"\xff" * 100, b"\x0a\xff\xff\xff\xff\x0f", b"\x0b" * 1000):
            refused(course, rpc, garbage)
    assert course.any.vote(token, course.election(token), "yes") == 0
