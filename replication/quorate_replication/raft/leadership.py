"""Who may stand for leader, and when: pre-vote, stickiness, and handing over.

Rule 1 (pre-vote, dissertation 9.6): a member stands only after a majority said that it would vote
for it; asking changes no term. So a member that was cut off disturbs nobody when it returns.
Rule 2 (stickiness, 4.2.3): a member that hears its leader grants nothing and adopts no newer term
from a candidate, unless the leader itself asked for the change.
Rule 3: a vote counts once.
Rule 4: a member that does not count (`storage.membership`) neither stands nor grants.

Check-quorum, the other half of rule 2, is SyncObj's `leaderFallbackTimeout`.
"""

from collections.abc import Callable

from quorate_replication.raft.core import RaftCore
from quorate_replication.wire.messages import (
    AppendReply,
    PreVote,
    RequestPreVote,
    RequestVote,
    TimeoutNow,
    Vote,
)


class Leadership:
    """One member's part in electing leaders.

    Args:
        raft: its Raft core.
        counts: whether this member counts in elections.
        sticky_s: how long after it was heard a leader is held to be there.
    """

    def __init__(self, raft: RaftCore, counts: Callable[[], bool], sticky_s: float) -> None:
        self._raft = raft
        self._counts = counts
        self._sticky_s = sticky_s
        self._heard_until = 0.0
        self._asked_term = 0  # of the round of pre-votes under way; 0: none is
        self._granted: set[str] = set()
        self._cleared = False
        self._voters: tuple[int, set[str]] = (0, set())
        self.by_request = False
        """Whether this member stands because the leader asked it to."""

    # ------------------------------------------------------------------ standing

    def gate(self) -> None:
        """Before a tick: let SyncObj stand for leader only when a majority would vote for us."""
        raft = self._raft
        self.by_request, raft.may_stand = raft.transfer_asked, False
        if raft.leads or raft.election_due >= raft.now():
            return
        if not self._counts():
            raft.election_due = raft.now() + raft.next_timeout()
        elif self._cleared or raft.transfer_asked or not raft.peers:
            raft.may_stand = True
        else:
            self._ask_round()
        self._cleared = False

    def _ask_round(self) -> None:
        raft = self._raft
        raft.forget_leader()  # it was silent for an election timeout: nobody may rely on it
        raft.election_due = raft.now() + raft.next_timeout()
        self._asked_term, self._granted = raft.term + 1, set()
        last = raft.log[-1]
        for peer in raft.peers:
            raft.send(peer, RequestPreVote(self._asked_term, last.index, last.term))

    def pre_voted(self, peer: str, message: PreVote) -> None:
        """Count a pre-vote; with a majority, stand at the next tick."""
        raft = self._raft
        if message.term != self._asked_term or message.term != raft.term + 1 or raft.leads:
            return
        self._granted.add(peer)
        if 2 * (len(self._granted) + 1) > len(raft.peers) + 1:
            self._asked_term, self._cleared = 0, True
            raft.election_due = 0.0

    def voted(self, peer: str, message: Vote) -> None:
        """Let SyncObj count a vote, the first of each peer, while this member still stands.

        One that froze with votes in its sockets must not win an election that is long over.
        """
        if message.term != self._raft.term or self._raft.now() > self._raft.election_due:
            return
        if self._voters[0] != message.term:
            self._voters = (message.term, set())
        if peer not in self._voters[1]:
            self._voters[1].add(peer)
            self._raft.handle(peer, message)

    # ------------------------------------------------------------------ granting

    def heard_leader(self) -> None:
        """The leader of the current term was heard."""
        self._asked_term = 0
        self._cleared = False
        self._heard_until = self._raft.now() + self._sticky_s

    def lost_leader(self) -> None:
        """The connection to the leader broke: it may be gone.

        Stand soon, but not all at the same time. If the leader is there all the same, the others
        hear it and grant nothing.
        """
        raft = self._raft
        raft.forget_leader()
        self._heard_until = 0.0
        soon = raft.now() + raft.next_timeout() / 4
        raft.election_due = min(raft.election_due, soon)

    def has_leader(self) -> bool:
        """Tell whether there is a leader, as far as this member can tell."""
        return self._raft.leads or self._raft.now() < self._heard_until

    def pre_vote_asked(self, peer: str, message: RequestPreVote) -> None:
        """Say whether we would vote for that peer. Promises nothing, so nothing is written.

        One whose term is behind is told ours: with a log that only it has, it may be the only one
        that can be elected.
        """
        raft = self._raft
        if message.term <= raft.term:
            raft.send(peer, AppendReply(raft.term, 0, success=False, reset=False))
            return
        last = raft.log[-1]
        up_to_date = (message.last_term, message.last_index) >= (last.term, last.index)
        if self._counts() and not self.has_leader() and up_to_date:
            raft.send(peer, PreVote(message.term))

    def vote_asked(self, peer: str, message: RequestVote) -> None:
        """Let SyncObj grant or refuse a vote."""
        raft = self._raft
        if not self._counts():
            return
        if message.term > raft.term and self.has_leader() and not message.transfer:
            return
        if message.term > raft.term:
            self._cleared = False  # what a majority would have voted for is over
        raft.handle(peer, message)

    # ------------------------------------------------------------------ handing over

    def asked_to_take_over(self, peer: str, message: TimeoutNow) -> None:
        """Stand at once, without asking: the leader itself wants it."""
        if self._counts() and message.term == self._raft.term:
            self._raft.handle(peer, message)
