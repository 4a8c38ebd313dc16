"""Challenges and tokens: good for their time and for nothing else."""

from string import printable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from quorate_node.identity import CHALLENGE_WINDOW_US, ENDED, TOKEN_LIFE_US, Bearer, Identity
from quorate_replication.state import limits

SECRET, CLUSTER = bytes(range(32)), "0123456789abcdef" * 2
NOON = 1_800_000_000_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
HOUR_US = 3_600_000_000

NAMES = st.text(st.characters(codec="utf-8"), min_size=1).filter(limits.is_name)


@pytest.fixture
def identity() -> Identity:
    return Identity(SECRET, CLUSTER)


def same_elsewhere() -> Identity:
    return Identity(SECRET, CLUSTER)


# ------------------------------------------------------------------ challenges


def test_every_node_gives_the_same_challenge_and_takes_the_answer(identity: Identity) -> None:
    challenge = identity.challenge("ann", NOON)
    assert same_elsewhere().challenge("ann", NOON) == challenge
    assert same_elsewhere().answers("ann", PUBLIC, KEY.sign(challenge), NOON)


@given(asked_us=st.integers(0, CHALLENGE_WINDOW_US - 1), waited_us=st.integers(0, 10**9))
def test_a_challenge_is_good_for_a_minute_at_least_and_two_at_most(
    asked_us: int, waited_us: int
) -> None:
    identity, asked_us = same_elsewhere(), NOON + asked_us
    good = identity.answers(
        "ann", PUBLIC, KEY.sign(identity.challenge("ann", asked_us)), asked_us + waited_us
    )
    if waited_us <= CHALLENGE_WINDOW_US:
        assert good
    if waited_us >= 2 * CHALLENGE_WINDOW_US:
        assert not good


def test_a_challenge_of_a_node_whose_clock_is_ahead_is_not_taken_early(identity: Identity) -> None:
    ahead = identity.challenge("ann", NOON + CHALLENGE_WINDOW_US)
    assert not identity.answers("ann", PUBLIC, KEY.sign(ahead), NOON)


@given(a=NAMES, b=NAMES)
def test_no_two_names_share_a_challenge(a: str, b: str) -> None:
    identity = same_elsewhere()
    assert (identity.challenge(a, NOON) == identity.challenge(b, NOON)) == (a == b)


def test_another_cluster_or_secret_gives_other_challenges(identity: Identity) -> None:
    others = [Identity(bytes(32), CLUSTER), Identity(SECRET, "f" * 32)]
    challenges = {each.challenge("ann", NOON) for each in [identity, *others]}
    assert len(challenges) == 3


@given(name=NAMES)
def test_both_forms_of_response_are_taken_and_nothing_else(name: str) -> None:
    identity = same_elsewhere()
    challenge = identity.challenge(name, NOON)
    signature = KEY.sign(challenge)
    for good in (signature, signature + challenge):
        assert identity.answers(name, PUBLIC, good, NOON)
        for bad in (good[:-1], good + b"\0", b"\0" + good, good[::-1], bytes(len(good)), b""):
            assert not identity.answers(name, PUBLIC, bad, NOON)


def test_the_combined_form_must_end_with_the_challenge_that_was_signed(identity: Identity) -> None:
    earlier = identity.challenge("ann", NOON - CHALLENGE_WINDOW_US)
    signature = KEY.sign(identity.challenge("ann", NOON))
    assert not identity.answers("ann", PUBLIC, signature + earlier, NOON)
    assert identity.answers("ann", PUBLIC, KEY.sign(earlier) + earlier, NOON)


@given(key=st.binary(max_size=64), response=st.binary(max_size=200))
def test_no_key_and_no_response_make_it_raise(key: bytes, response: bytes) -> None:
    assert same_elsewhere().answers("ann", key, response, NOON) is False


# ------------------------------------------------------------------ tokens


@given(name=NAMES, version=st.integers(1, 2**64 - 1), now_us=st.integers(0, limits.LATEST_US))
def test_a_token_names_its_bearer_on_every_node_for_exactly_an_hour(
    name: str, version: int, now_us: int
) -> None:
    token, expiry_us = same_elsewhere().token(name, version, now_us)
    elsewhere = same_elsewhere()
    assert expiry_us == now_us + HOUR_US == now_us + TOKEN_LIFE_US
    bearer = Bearer(name, version)
    assert elsewhere.bearer(token, now_us) == bearer
    assert elsewhere.bearer(token, expiry_us - 1) == bearer
    assert elsewhere.bearer(token, expiry_us) == Bearer(name, ENDED)
    assert elsewhere.bearer(token, expiry_us + 10**12) == Bearer(name, ENDED)


@pytest.mark.parametrize("name", ["a", "nul\0inside", "\0", "投票者", "x" * 256, printable])
def test_every_flipped_bit_and_every_cut_of_a_token_is_refused(
    identity: Identity, name: str
) -> None:
    token, _ = identity.token(name, 7, NOON)
    for bit in range(8 * len(token)):
        flipped = bytearray(token)
        flipped[bit // 8] ^= 1 << bit % 8
        assert identity.bearer(bytes(flipped), NOON) is None
    for length in range(len(token)):
        assert identity.bearer(token[:length], NOON) is None
        assert identity.bearer(token[length + 1 :], NOON) is None
    assert identity.bearer(token, NOON) == Bearer(name, 7)


@given(token=st.binary(max_size=2000))
def test_made_up_tokens_are_refused_and_never_raise(token: bytes) -> None:
    assert same_elsewhere().bearer(token, NOON) is None


def test_the_longest_name_has_a_token_that_is_taken(identity: Identity) -> None:
    name = "\N{BALLOT BOX WITH BALLOT}" * 85  # of 3 bytes each
    token, _ = identity.token(name, 2**64 - 1, NOON)
    assert identity.bearer(token, NOON) == Bearer(name, 2**64 - 1)


def test_tokens_of_another_cluster_or_secret_are_refused(identity: Identity) -> None:
    for other in (Identity(bytes(32), CLUSTER), Identity(SECRET, "f" * 32)):
        token, _ = other.token("ann", 1, NOON)
        assert identity.bearer(token, NOON) is None


def test_a_challenge_is_no_token_and_no_part_of_one(identity: Identity) -> None:
    """Challenges and tokens have keys of their own: who may ask for any MAC must not forge."""
    token, _ = identity.token("ann", 1, NOON)
    body = token[:-32]
    for name in ("ann", body[8:].decode("latin-1")):
        forged = body + identity.challenge(name, NOON)
        assert identity.bearer(forged, NOON) is None
