"""ReadIndex: linearizable reads without a write (Raft dissertation, section 6.4).

Rule 1: a read may look at the state once it has applied what was committed when the read was
asked for, as the leader knew it.
Rule 2: the leader knows only after an entry of its own term is committed, and after a majority
said, later than the read was asked for, that it still follows it. No disk is touched.
Rule 3: followers ask the leader for the index and wait (`waiting.Waiting`) until they have
applied it.
Rule 4: questions and answers may be lost: a round that is open is told of again with each
heartbeat, and whoever waits for an answer for long is told that nobody can tell.
"""

from collections.abc import Callable

from quorate_replication.raft.core import RaftCore
from quorate_replication.raft.waiting import Forwarded, Ready, Waiting
from quorate_replication.wire.messages import (
    AskReadIndex,
    ConfirmLeader,
    LeaderConfirmed,
    NoReadIndex,
    ReadIndex,
)

Told = Callable[[int | None], None]
MAX_WAITING = 20_000


class Reads:
    """Reads that wait on this member.

    Args:
        raft: its Raft core.
        counts: whether this member's word counts towards a majority.
        first_id: ids of questions to the leader begin here.
        again_s: after this time an open round is told of again.
    """

    def __init__(
        self, raft: RaftCore, counts: Callable[[], bool], first_id: int, again_s: float
    ) -> None:
        self._raft = raft
        self._counts = counts
        self._again_s = again_s
        self._round = 0
        self._told_at = 0.0
        self._asked: list[Told] = []  # for the next round of confirmation
        self._rounds: dict[int, tuple[int, list[Told]]] = {}  # round: (index, who waits)
        self._confirmed: dict[str, int] = {}  # peer: latest round that it confirmed
        self._forwarded = Forwarded(first_id)
        self._to_apply = Waiting()

    # ------------------------------------------------------------------ asking

    def read_index(self, ready: Ready) -> None:
        """Call `ready` with True once the state here is current, with False if nobody can tell."""
        raft = self._raft
        if self._is_full() or not (raft.leads or raft.leader):
            ready(False)
        elif raft.leads:
            self._asked.append(lambda index: self._learned(index, ready))
        else:
            number = self._forwarded.next_id()
            if raft.send(raft.leader, AskReadIndex(raft.term, number)):
                self._forwarded.add(number, ready, raft.now())
            else:
                ready(False)

    def asked(self, peer: str, message: AskReadIndex) -> None:
        """A follower asks."""
        raft = self._raft
        if not raft.leads or message.term != raft.term or self._is_full():
            raft.send(peer, NoReadIndex(message.id))
            return

        def tell(index: int | None) -> None:
            no = NoReadIndex(message.id)
            raft.send(peer, no if index is None else ReadIndex(message.id, index))

        self._asked.append(tell)

    def told(self, message: ReadIndex | NoReadIndex) -> None:
        """The leader answers."""
        ready = self._forwarded.take(message.id)
        if ready is not None:
            self._learned(message.index if isinstance(message, ReadIndex) else None, ready)

    def _learned(self, index: int | None, ready: Ready) -> None:
        if index is None:
            ready(False)
        elif self._raft.applied_index >= index:
            ready(True)
        else:
            self._to_apply.add(index, ready, self._raft.now())

    def applied(self) -> None:
        """Entries were applied here: some may read now."""
        self._to_apply.release(self._raft.applied_index)

    def _is_full(self) -> bool:
        of_rounds = len(self._asked) + sum(len(those) for _, those in self._rounds.values())
        return of_rounds + len(self._forwarded) + len(self._to_apply) >= MAX_WAITING

    # ------------------------------------------------------------------ confirming

    def turn(self) -> None:
        """At each step: begin a round for what was asked since the last one; rule 4."""
        raft = self._raft
        now = raft.now()
        self._forwarded.expire(now)
        self._to_apply.expire(now)
        if not raft.term_is_proven:
            return
        if self._asked:
            self._round += 1
            self._rounds[self._round] = (raft.commit_index, self._asked)
            self._asked = []
        elif not self._rounds or now < self._told_at + self._again_s:
            return
        self._told_at = now
        for peer in raft.peers:
            raft.send(peer, ConfirmLeader(raft.term, self._round))
        self._release()

    def confirm_asked(self, peer: str, message: ConfirmLeader) -> None:
        """A leader asks whether we still follow it."""
        raft = self._raft
        if message.term == raft.term and raft.leader == peer and self._counts():
            raft.send(peer, LeaderConfirmed(message.term, message.round))

    def confirmed(self, peer: str, message: LeaderConfirmed) -> None:
        """A follower still follows us."""
        if message.term == self._raft.term and self._raft.leads:
            self._confirmed[peer] = max(message.round, self._confirmed.get(peer, 0))
            self._release()

    def _release(self) -> None:
        """Answer every round that a majority has confirmed; we count ourselves."""
        peers = self._raft.peers
        in_order = sorted((self._confirmed.get(peer, 0) for peer in peers), reverse=True)
        needed = (len(peers) + 1) // 2  # of the others
        latest = self._round if not needed else in_order[needed - 1]
        for number in [number for number in self._rounds if number <= latest]:
            index, waiting = self._rounds.pop(number)
            for tell in waiting:
                tell(index)

    def give_up(self) -> None:
        """Leadership, or the way to the leader, is lost: nobody can tell."""
        waiting = [tell for _, those in self._rounds.values() for tell in those] + self._asked
        self._rounds, self._asked, self._confirmed = {}, [], {}
        for tell in waiting:
            tell(None)
        self._forwarded.give_up()
