"""What a node does before and after the log."""

from typing import Any, cast

import pytest

from quorate_node import shorten
from quorate_node.application import Application
from quorate_node.identity import TOKEN_LIFE_US, Identity
from quorate_proto.internal import command_pb2 as pb
from quorate_replication import Elections, NotCommitted, Outcome, Replica
from quorate_replication.state import limits

NOON = 1_800_000_000_000_000
LONG = "x" * (limits.NAME_BYTES + 1)


class LogOfOne:
    """A replica that is alone: what is proposed is applied."""

    def __init__(self) -> None:
        self.state = Elections()
        self.proposed: list[pb.Command] = []

    async def propose(self, command: pb.Command, timeout_s: float) -> Outcome:
        del timeout_s
        self.proposed.append(command)
        batch = pb.Batch(version=1, proposer="n1", clock_us=NOON, commands=[command])
        return self.state.apply(batch)[0]


class Node:
    """An application with a clock that can be set, and one voter with a token."""

    def __init__(self) -> None:
        self.now_us = NOON
        self.sane = True
        self.log = LogOfOne()
        identity = Identity(bytes(32), "c" * 32)
        self.application = Application(
            cast(Replica, cast(Any, self.log)), identity, lambda: self.now_us, lambda: self.sane
        )
        self.token, _ = identity.token("ann", 1, NOON)

    async def prepare(self) -> None:
        assert await self.application.register(b"r", "ann", "staff", bytes(32), 1) is (
            Outcome.ACCEPTED
        )
        election = pb.CreateElection(
            request_id=b"e", name="lunch", groups=["staff"], choices=["yes"], end_us=NOON * 2
        )
        assert await self.application.create(self.token, election, 1) is Outcome.ACCEPTED

    async def cast(self, request_id: bytes, *, election: str = "lunch") -> Outcome:
        ballot = pb.CastBallot(request_id=request_id, election_name=election, choice="yes")
        return await self.application.cast(self.token, ballot, 1)


async def test_a_ballot_is_known_again_when_its_token_has_ended() -> None:
    node = Node()
    await node.prepare()
    assert await node.cast(b"ballot") is Outcome.ACCEPTED
    node.now_us += TOKEN_LIFE_US
    assert await node.cast(b"ballot") is Outcome.ACCEPTED
    assert await node.cast(b"another") is Outcome.INVALID_TOKEN


async def test_a_wrong_clock_says_nothing_about_tokens() -> None:
    node = Node()
    await node.prepare()
    node.now_us += 2 * TOKEN_LIFE_US
    node.sane = False
    with pytest.raises(NotCommitted):
        await node.cast(b"ballot")
    with pytest.raises(NotCommitted):
        node.application.challenge("ann")


async def test_what_is_too_long_is_rejected_in_order_without_filling_the_log() -> None:
    node = Node()
    await node.prepare()
    huge = "y" * 200_000
    assert await node.application.register(b"1", huge, "g", bytes(32), 1) is Outcome.NAME_INVALID
    assert await node.application.register(b"2", "bob", huge, bytes(32), 1) is Outcome.GROUP_INVALID
    flaw = await node.application.register(b"3", "bob", "g", bytes(200_000), 1)
    assert flaw is Outcome.PUBLIC_KEY_INVALID
    assert await node.application.unregister(b"4", huge, 1) is Outcome.VOTER_NOT_FOUND
    assert await node.cast(b"5", election=huge) is Outcome.ELECTION_NOT_FOUND
    many = pb.CreateElection(
        request_id=b"6", name="n", groups=["g"], choices=map(str, range(50_000)), end_us=NOON * 2
    )
    assert await node.application.create(node.token, many, 1) is Outcome.CHOICES_INVALID
    many.choices[:] = ["yes"]
    many.groups[:] = map(str, range(50_000))
    assert await node.application.create(node.token, many, 1) is Outcome.GROUP_INVALID
    assert max(command.ByteSize() for command in node.log.proposed) < 10_000


async def test_a_group_that_is_named_a_thousand_times_is_one_group() -> None:
    node = Node()
    await node.prepare()
    wish = pb.CreateElection(
        request_id=b"1", name="n", groups=["staff"] * 1000, choices=["yes"], end_us=NOON * 2
    )
    assert await node.application.create(node.token, wish, 1) is Outcome.ACCEPTED


def test_names_at_the_limit_are_left_alone() -> None:
    longest = LONG[:-1]
    assert shorten.name(longest) == longest
    assert shorten.name(LONG) == ""
    assert shorten.names([longest] * 3, 2) == [longest] * 3
    assert shorten.names([longest] * 9, 2) == [longest] * 3
