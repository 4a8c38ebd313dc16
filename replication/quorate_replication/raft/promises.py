"""Nothing that counts leaves before its bytes are synced.

Rule 1: an acknowledgement waits for the step's one sync (group commit); then only the newest of
each peer leaves, and only if it is still of the current term.
Rule 2: a vote, asked for or given, is rare, and syncs at once: it is about who votes for whom.
Rule 3: this member's own copy counts, too, only when it is synced: a step syncs before it looks
at what is committed.
"""

import logging
from collections.abc import Callable
from dataclasses import replace

from quorate_replication.storage.journal import Journal
from quorate_replication.wire.messages import AppendReply, Message, RequestVote, Vote
from quorate_replication.wire.network import Network

log = logging.getLogger(__name__)

QUIET_S = 10.0
"""Between two warnings."""


class Promises:
    """Between a member and its network.

    Args:
        journal: what must be synced.
        network: where messages go.
        counts: whether this member's copy counts towards a commit.
        slow_s: a sync that takes longer is worth a warning.
    """

    def __init__(
        self, journal: Journal, network: Network, counts: Callable[[], bool], *, slow_s: float
    ) -> None:
        self._journal = journal
        self._network = network
        self._counts = counts
        self._slow_s = slow_s
        self._quiet_until = 0.0
        self._held: dict[str, AppendReply] = {}

    def send(self, peer: str, message: Message) -> bool:
        """Send, or hold until it is true on disk as well."""
        match message:
            case AppendReply():
                return self._send_reply(peer, replace(message, counts=self._counts()))
            case RequestVote() | Vote():
                self._journal.sync()
            case _:
                pass
        return self._network.send(peer, message)

    def _send_reply(self, peer: str, reply: AppendReply) -> bool:
        if not reply.success:  # promises nothing
            return self._network.send(peer, reply)
        held = self._held.get(peer)
        if held is None or (held.term, held.next_index) < (reply.term, reply.next_index):
            self._held[peer] = reply
        return True

    def keep(self, term: int, now: Callable[[], float]) -> None:
        """Make everything durable that was written, then send what promises it."""
        began = now()
        self._journal.sync()
        self._mention_slowness(began, now() - began)
        held, self._held = self._held, {}
        for peer, reply in held.items():
            if reply.term == term:
                self._network.send(peer, reply)

    def _mention_slowness(self, began: float, took_s: float) -> None:
        if took_s > self._slow_s and began >= self._quiet_until:
            self._quiet_until = began + QUIET_S
            log.warning(
                "the disk took %.2f s to sync: near the election timeout, slow syncs cost a leader "
                "its office",
                took_s,
            )
