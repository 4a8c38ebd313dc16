"""What a node says of itself: when it is ready, why not, and the hash of its state."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import tomli_w

from quorate_node.config import load_config
from quorate_node.own_status import OwnStatus
from quorate_node.peers import Peers
from quorate_node.state_digest import StateDigest
from quorate_replication import EngineStatus, Replica

CLIENT, PEER = "127.0.0.1:7401", "127.0.0.1:7601"
SETTINGS: dict[str, Any] = {
    "cluster_id": "0" * 32,
    "name": "n1",
    "lab": True,
    "data_dir": "data",
    "secret_file": "cluster.secret",
    "listen": {"client": CLIENT, "peer": PEER},
    "tls": {"ca": "ca.pem", "certificate": "node.pem", "key": "node.key"},
    "members": [{"name": "n1", "client": CLIENT, "peer": PEER}],
}
SERVING = EngineStatus(
    leader="n1", term=3, applied_index=7, caught_up=True, votes=True, standing="voter"
)


class QuietReplica:
    """A replica whose status is set by hand, and whose digests take as long as is wanted."""

    def __init__(self, status: EngineStatus) -> None:
        self.status = status
        self.made = 0
        self.may_finish = asyncio.Event()
        self.may_finish.set()

    async def digest(self) -> tuple[int, bytes]:
        index = self.status.applied_index
        self.made += 1
        await self.may_finish.wait()
        return index, bytes([index])


def as_replica(quiet: QuietReplica) -> Replica:
    return cast(Replica, cast(Any, quiet))


MakeOwn = Callable[[QuietReplica], OwnStatus]


@pytest.fixture
def own_of(tmp_path: Path) -> MakeOwn:
    """Make the status of a node that is alone, so that its clock is the median."""
    (tmp_path / "node.toml").write_text(tomli_w.dumps(SETTINGS))
    config = load_config(tmp_path / "node.toml", {})

    def make(quiet: QuietReplica) -> OwnStatus:
        peers = Peers([], None, lambda: 0, limit_us=1)
        peers.clock_is_known = True
        return OwnStatus(config, as_replica(quiet), peers, lambda: 0)

    return make


async def test_a_node_that_leads_and_votes_is_ready(own_of: MakeOwn) -> None:
    assert own_of(QuietReplica(SERVING)).not_ready_reason() == ""


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"leader": ""}, "knows no leader"),
        ({"caught_up": False}, "catching up"),
        ({"votes": False, "standing": "replacing"}, "its disk is new: it is catching up before"),
        ({"votes": False, "standing": "asking", "leader": ""}, "its disk is empty: it is asking"),
        ({"votes": False, "standing": "what a later version adds"}, "its disk is new"),
    ],
)
async def test_a_node_that_should_get_no_ballots_says_why(
    own_of: MakeOwn, changes: dict[str, Any], says: str
) -> None:
    fields = {name: getattr(SERVING, name) for name in EngineStatus.__slots__}
    assert says in own_of(QuietReplica(EngineStatus(**{**fields, **changes}))).not_ready_reason()


async def test_a_digest_comes_with_the_index_that_it_was_made_at(own_of: MakeOwn) -> None:
    quiet = QuietReplica(SERVING)
    report = await own_of(quiet).report(digest_within_s=60)
    assert (report.applied_index, report.digest) == (7, b"\7")


async def test_without_being_asked_no_digest_is_made(own_of: MakeOwn) -> None:
    quiet = QuietReplica(SERVING)
    report = await own_of(quiet).report()
    assert (report.applied_index, report.digest, quiet.made) == (7, b"", 0)


async def test_a_digest_that_takes_too_long_is_left_out_and_there_for_the_next_who_asks() -> None:
    quiet = QuietReplica(SERVING)
    quiet.may_finish.clear()
    digest = StateDigest(as_replica(quiet))
    assert await digest.get(0.0) is None
    assert await digest.get(0.0) is None
    quiet.may_finish.set()
    assert await digest.get(60) == (7, b"\7")
    assert quiet.made <= 1


async def test_callers_share_a_digest_that_is_being_made() -> None:
    quiet = QuietReplica(SERVING)
    digest = StateDigest(as_replica(quiet))
    seen = await asyncio.gather(*(digest.get(60) for _ in range(5)))
    assert seen == [(7, b"\7")] * 5
    assert quiet.made == 1
    assert await digest.get(60) == (7, b"\7")  # nothing was applied since
    assert quiet.made == 1
