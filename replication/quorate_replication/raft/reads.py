"""ReadIndex: linearizable reads without a write (Raft dissertation, section 6.4).

Rule 1: a read may look at the state once it has applied what was committed when the read was
asked for, as the leader knew it.
Rule 2: the leader knows only after an entry of its own term is committed, and after a majority
said, later than the read was asked for, that it still follows it. No disk is touched.
Rule 3: followers ask the leader for the index and wait until they have applied it.
"""

from collections.abc import Callable

from quorate_replication.raft.core import RaftCore
from quorate_replication.wire.messages import (
    AskReadIndex,
    ConfirmLeader,
    LeaderConfirmed,
    NoReadIndex,
    ReadIndex,
)

Told = Callable[[int | None], None]
Ready = Callable[[bool], None]
MAX_WAITING = 20_000


class Reads:
    """Reads that wait on this member.

    Args:
        raft: its Raft core.
        counts: whether this member's word counts towards a majority.
    """

    def __init__(self, raft: RaftCore, counts: Callable[[], bool], first_id: int) -> None:
        self._raft = raft
        self._counts = counts
        self._id = first_id
        self._round = 0
        self._asked: list[Told] = []  # for the next round of confirmation
        self._rounds: dict[int, tuple[int, list[Told]]] = {}  # round: (index, who waits)
        self._confirmed: dict[str, int] = {}  # peer: latest round that it confirmed
        self._forwarded: dict[int, Ready] = {}
        self._to_apply: list[tuple[int, Ready]] = []

    # ------------------------------------------------------------------ asking

    def read_index(self, ready: Ready) -> None:
        """Call `ready` with True once the state here is current, with False if nobody can tell."""
        raft = self._raft
        if raft.leads and len(self._asked) < MAX_WAITING:
            self._asked.append(lambda index: self._learned(index, ready))
        elif raft.leads or not raft.leader or len(self._forwarded) >= MAX_WAITING:
            ready(False)
        else:
            self._id += 1
            if raft.send(raft.leader, AskReadIndex(raft.term, self._id)):
                self._forwarded[self._id] = ready
            else:
                ready(False)

    def asked(self, peer: str, message: AskReadIndex) -> None:
        """A follower asks."""
        raft = self._raft
        if not raft.leads or message.term != raft.term or len(self._asked) >= MAX_WAITING:
            raft.send(peer, NoReadIndex(message.id))
            return

        def tell(index: int | None) -> None:
            no = NoReadIndex(message.id)
            raft.send(peer, no if index is None else ReadIndex(message.id, index))

        self._asked.append(tell)

    def told(self, message: ReadIndex | NoReadIndex) -> None:
        """The leader answers."""
        ready = self._forwarded.pop(message.id, None)
        if ready is not None:
            self._learned(message.index if isinstance(message, ReadIndex) else None, ready)

    def _learned(self, index: int | None, ready: Ready) -> None:
        if index is None:
            ready(False)
        elif self._raft.applied_index >= index:
            ready(True)
        else:
            self._to_apply.append((index, ready))

    def applied(self) -> None:
        """Entries were applied here: some may read now."""
        waiting, self._to_apply = self._to_apply, []
        for index, ready in waiting:
            self._learned(index, ready)

    # ------------------------------------------------------------------ confirming

    def turn(self) -> None:
        """On the leader, at each step: begin a round for what was asked since the last one."""
        raft = self._raft
        if not self._asked or not raft.term_is_proven:
            return
        self._round += 1
        self._rounds[self._round] = (raft.commit_index, self._asked)
        self._asked = []
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
        forwarded = list(self._forwarded.values())
        self._rounds, self._asked, self._forwarded, self._confirmed = {}, [], {}, {}
        for tell in waiting:
            tell(None)
        for ready in forwarded:
            ready(False)
