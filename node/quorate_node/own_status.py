"""What this node says of itself."""

from collections.abc import Callable
from time import monotonic

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from quorate_node import VERSION
from quorate_node.config import NodeConfig
from quorate_node.peers import Peers
from quorate_node.state_digest import StateDigest
from quorate_proto.v1 import cluster_pb2 as pb
from quorate_replication import Replica, Role

STUCK_S = 1.0  # a node that is behind and applies nothing for this long is not ready

_NEW_DISK = "its disk is new: it is catching up before it votes"
_WITHOUT_VOTE = {
    "asking": "its disk is empty: it is asking every other member whether it is known with another",
    "replacing": _NEW_DISK,
}
_ROLES = {
    Role.LEADER: pb.ROLE_LEADER,
    Role.FOLLOWER: pb.ROLE_FOLLOWER,
    Role.CANDIDATE: pb.ROLE_CANDIDATE,
}


class OwnStatus:
    """Answers for one node, from its own memory."""

    def __init__(
        self, config: NodeConfig, replica: Replica, peers: Peers, clock_us: Callable[[], int]
    ) -> None:
        self._config = config
        self._replica = replica
        self._peers = peers
        self._clock_us = clock_us
        self._client = next(m.client for m in config.members if m.name == config.name)
        self._digest = StateDigest(replica)
        self._current = False  # it has caught up with the leader that it knows
        self._applied, self._applied_at = 0, 0.0
        self.stopping = False

    @property
    def leader_name(self) -> str:
        """The leader as this node knows it, or nothing."""
        return self._replica.status.leader

    def not_ready_reason(self) -> str:
        """Return why this node should get no ballots now; empty if it should."""
        if self.stopping:
            return "it is stopping"
        status = self._replica.status
        if not status.leader:
            self._current = False
        if not status.votes:
            return _WITHOUT_VOTE.get(status.standing, _NEW_DISK)
        if not status.leader:
            return "it knows no leader"
        if self._is_behind():
            return "it is catching up"
        if not self._peers.clock_is_known:
            return "it has not compared its clock with the other members' yet"
        if not self._peers.clock_is_sane():
            return f"its clock is {self._peers.offset_us / 1e6:+.1f} s off the members' median"
        return ""

    def _is_behind(self) -> bool:
        """Tell whether it has yet to catch up, or stands still behind the leader.

        Under load some entries are always on their way: that is no lag.
        """
        now, status = monotonic(), self._replica.status
        self._current |= status.caught_up
        if status.caught_up or status.applied_index != self._applied:
            self._applied, self._applied_at = status.applied_index, now
        return not self._current or now - self._applied_at > STUCK_S

    async def report(self, *, digest_within_s: float | None = None) -> pb.NodeStatus:
        """Return this node's status.

        Args:
            digest_within_s: with a digest, and the index that it was made at, if it can be had
                in this time; None: without one.

        Raises:
            NotCommitted: a digest was asked for, and the replica was stopped.
        """
        made = None if digest_within_s is None else await self._digest.get(digest_within_s)
        now, reason = self._replica.status, self.not_ready_reason()
        clock, offset = Timestamp(), Duration()
        clock.FromMicroseconds(self._clock_us())
        offset.FromMicroseconds(self._peers.offset_us)
        return pb.NodeStatus(
            name=self._config.name,
            client_endpoint=self._client,
            reachable=True,
            role=_ROLES[now.role],
            term=now.term,
            leader_name=now.leader,
            commit_index=now.commit_index,
            applied_index=now.applied_index if made is None else made[0],
            ready=not reason,
            not_ready_reason=reason,
            clock=clock,
            clock_offset=offset,
            version=VERSION,
            digest=b"" if made is None else made[1],
        )
