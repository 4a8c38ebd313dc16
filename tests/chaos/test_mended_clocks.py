"""A clock that was mad and is mended counts for what it is, not for what it was."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from chaos import clocks
from chaos.stage import Stage
from chaos.tools import eventually
from quorate_client import AsyncClient, VoterKey
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome
from quorate_proto.v1.election_pb2 import ElectionState

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(clocks.why_not()), reason=f"clocks: {clocks.why_not()}"),
]

AWAY_S = 120
OPEN_S = 100.0  # every reading of a bent clock is after the end


async def test_two_clocks_that_go_mad_one_after_the_other_close_nothing_early(
    tmp_path: Path,
) -> None:
    """One at a time, and each mended before the next: never a majority."""
    key = Ed25519PrivateKey.generate()
    async with (
        Stage(tmp_path, dice=random.Random(1)) as stage,  # noqa: S311 - the network's
        AsyncClient(stage.profile) as client,
    ):
        await client.register_voter("ada", group="all", key=key.public_key())
        ada = VoterKey("ada", key)
        end = datetime.now(UTC) + timedelta(seconds=OPEN_S)
        await client.create_election(
            "budget", groups=["all"], choices=["yes"], end_time=end, by=ada
        )
        for name in ("n1", "n2"):
            stage.clocks.set(name, AWAY_S)

            async def is_mad(name: str = name) -> bool:
                status = await stage.status(name)
                return status is not None and "off the members' median" in status.not_ready_reason

            await eventually(is_mad, f"{name} says that its clock is wrong")
            stage.clocks.set(name, 0)
            await stage.wait_ready()
        election = await client.get_election("budget")
        assert election.state == ElectionState.ELECTION_STATE_OPEN
        answer = await client.cast_ballot("budget", "yes", by=ada)
        assert answer.outcome == CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED
        assert datetime.now(UTC) < end, "this machine is too slow for the test"
