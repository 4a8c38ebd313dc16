"""What PySyncObj 0.3.17 gets wrong about the log, mended between the wire and its handler.

Rule 1: nothing that a message does not contradict is deleted (Raft figure 2, AppendEntries 3).
Rule 2: an acknowledgement claims only what its message proved, counts only in its own term, and
only as far as the leader's log goes.
Rule 3: a message commits only what it proved.
Rule 4: what is committed is never contradicted; a leader that does so stops the node.
Rule 5: a gap is filled once: from the follower's own commit index on, not again for each message
that reveals it.
"""

from dataclasses import replace

from quorate_replication.errors import FailStop
from quorate_replication.raft.view import RaftView, has_entry
from quorate_replication.wire.messages import AppendEntries, AppendReply


class Guards:
    """Checks what goes into and comes out of `SyncObj`'s log handling.

    Args:
        raft: the member's Raft core.
        resend_after_s: how long a gap that is being filled is given.
    """

    def __init__(self, raft: RaftView, resend_after_s: float) -> None:
        self._raft = raft
        self._resend_after_s = resend_after_s
        self._proven: int | None = None
        self._resent: dict[str, tuple[int, float]] = {}
        self.leader_commit: int | None = None
        """What the leader last said is committed; more than SyncObj is told where unproven."""

    # ------------------------------------------------------------------ a follower's side

    def append(self, peer: str, message: AppendEntries) -> None:
        """Let SyncObj append what is new, of a message of the current term or a newer one."""
        self.leader_commit = message.commit_index
        log, previous = self._raft.log, message.previous_index
        if not has_entry(log, previous, message.previous_term):
            self._refuse(peer, message)
            return
        known = self._count_known(message)
        proven = previous + known
        if known < len(message.entries):
            self._must_not_contradict(proven)
            rest = message.entries[known:]
            proof = log[proven - log[0].index]
            message = replace(
                message, previous_index=proven, previous_term=proof.term, entries=rest
            )
            proven = rest[-1].index
        else:  # it contradicts nothing: keep our tail
            last = log[-1]
            message = replace(
                message, previous_index=last.index, previous_term=last.term, entries=()
            )
        self._handle(peer, self.commit_only_proven(message, proven), proven)

    def reply(self, message: AppendReply) -> AppendReply:
        """Return what SyncObj would answer, with no more in it than is proven."""
        if message.reset:  # everything that is committed here matches any leader
            return replace(message, next_index=self._raft.commit_index + 1)
        if message.success and self._proven is not None:
            return replace(message, next_index=min(message.next_index, self._proven + 1))
        return message

    def _handle(self, peer: str, message: AppendEntries, proven: int) -> None:
        self._proven = proven
        try:
            self._raft.handle(peer, message)
        finally:
            self._proven = None

    def _refuse(self, peer: str, message: AppendEntries) -> None:
        """Let SyncObj take the leader for one, and answer that there is a gap."""
        log = self._raft.log
        if log[0].index <= message.previous_index <= self._raft.commit_index:
            raise FailStop(
                f"the leader {peer} contradicts entry {message.previous_index}, which is committed"
            )
        beyond = replace(message, entries=(), commit_index=0, previous_index=log[-1].index + 1)
        self._raft.handle(peer, beyond)

    def _count_known(self, message: AppendEntries) -> int:
        """Return how many of the message's first entries the log holds already."""
        log = self._raft.log
        known = 0
        for entry in message.entries:
            if not has_entry(log, entry.index, entry.term):
                break
            known += 1
        return known

    def _must_not_contradict(self, proven: int) -> None:
        if proven < self._raft.commit_index and proven < self._raft.log[-1].index:
            raise FailStop(f"the leader contradicts entry {proven + 1}, which is committed")

    def commit_only_proven(self, message: AppendEntries, proven: int) -> AppendEntries:
        """Cap the commit index that SyncObj is told."""
        return replace(message, commit_index=min(message.commit_index, proven))

    # ------------------------------------------------------------------ a leader's side

    def acknowledged(self, peer: str, message: AppendReply) -> None:
        """Let SyncObj count an acknowledgement of the current term."""
        message = replace(message, next_index=self._within_log(message.next_index))
        if message.reset and self._just_resent(peer, message.next_index):
            message = replace(message, reset=False, success=False)  # only a sign of life
        before = self._raft.next_index(peer)
        if message.counts:
            self._raft.handle(peer, message)
        elif message.success or message.reset:
            self._raft.set_next_index(peer, message.next_index)
        if not message.reset and self._raft.next_index(peer) < before:
            self._raft.set_next_index(peer, before)  # an acknowledgement never rewinds

    def connected(self, peer: str) -> None:
        """Fill gaps at once on a new connection: what was on its way is lost."""
        self._resent.pop(peer, None)

    def _within_log(self, index: int) -> int:
        return min(index, self._raft.log[-1].index + 1)

    def _just_resent(self, peer: str, index: int) -> bool:
        """Tell whether this gap is being filled already."""
        known, now = self._resent.get(peer), self._raft.now()
        if known is not None and known[0] == index and now - known[1] < self._resend_after_s:
            return True
        self._resent[peer] = (index, now)
        return False
