"""How a member whose disk was lost comes to count again (`--replace`).

Rule 1: until then it neither votes nor counts towards a commit, though it is sent everything.
Rule 2: it counts once it has applied all that the cluster had committed when it asked. A
linearizable read says how much that is: its quorum does not contain this member.
Rule 3: it does not before every candidate that its lost disk may have voted for has given up:
three times the longest election timeout from its start.
"""

import logging

from quorate_replication.raft.core import RaftCore
from quorate_replication.raft.reads import Reads
from quorate_replication.storage.membership import Membership
from quorate_replication.wire.messages import Standing

log = logging.getLogger(__name__)


class Joining:
    """One member's way back.

    Args:
        raft: its Raft core.
        reads: asks what is committed.
        membership: keeps whether it counts.
        longest_timeout_s: of elections.
    """

    def __init__(
        self, raft: RaftCore, reads: Reads, membership: Membership, longest_timeout_s: float
    ) -> None:
        self._raft = raft
        self._reads = reads
        self._membership = membership
        self._patience_s = 3 * longest_timeout_s
        self._not_before = raft.now() + self._patience_s

    def turn(self) -> None:
        """At each step: ask, if it is time."""
        if self._membership.standing is not Standing.REPLACING or not self._raft.leader:
            return
        if self._raft.now() >= self._not_before:
            self._not_before = self._raft.now() + self._patience_s  # an answer may be lost
            self._reads.read_index(self._told)

    def _told(self, current: bool) -> None:
        if current and not self._membership.counts:
            self._membership.caught_up()
            log.warning("this member's new disk has caught up: it votes again")
