"""One member: the Raft core and what stands around it, without thread, socket or clock.

Rule 1: every message is checked for its term before anything else looks at it.
Rule 2: whenever the leader or the term changes, what is open is given up, and nothing is taken
to be under way any more.
"""

import random
from collections.abc import Callable
from dataclasses import replace

from quorate_replication.background import Background
from quorate_replication.engine import EngineStatus
from quorate_replication.errors import FailStop
from quorate_replication.machine import Machine
from quorate_replication.options import RaftOptions
from quorate_replication.raft.applier import Applier
from quorate_replication.raft.core import RaftCore
from quorate_replication.raft.guards import Guards
from quorate_replication.raft.joining import Joining
from quorate_replication.raft.leadership import Leadership
from quorate_replication.raft.promises import Promises
from quorate_replication.raft.proposals import Proposals
from quorate_replication.raft.reads import Reads
from quorate_replication.raft.replicator import Replicator
from quorate_replication.raft.snapshots import Snapshots
from quorate_replication.raft.streams import Streams
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.snapshots import SnapshotStore
from quorate_replication.wire import messages as m
from quorate_replication.wire.network import Network

ASK_TIMES = 5
"""How often one follower is asked to take over before the next is."""


class Member:
    """Everything of one member that the raft thread owns.

    Args:
        options: who and how.
        journal: its log, aligned to the snapshot in `store`.
        machine: its state, as of that snapshot.
        network: to its peers.
        background: for what takes long.
        membership: who it is, and whether it counts.
        dice: for timeouts and ids.
        on_applied: called after entries were applied.
    """

    def __init__(  # noqa: PLR0913 - each is a different seam
        self,
        options: RaftOptions,
        *,
        journal: Journal,
        store: SnapshotStore,
        machine: Machine,
        network: Network,
        background: Background,
        membership: Membership,
        dice: random.Random,
        on_applied: Callable[[], None],
    ) -> None:
        self._journal, self._membership = journal, membership
        self._on_applied = on_applied
        self._hand_overs = 0
        low, high = options.election_timeout_s
        self._promises = Promises(journal, network, self._counts, slow_s=low / 2)
        self.raft = RaftCore(
            options.name,
            (peer for peer in options.peers if peer != options.name),
            journal,
            timing=(low, high, options.heartbeat_s),
            dice=dice,
            send_out=self._send,
            apply=lambda: self._applier.apply(self.raft),
            replicate=self._replicate,
        )
        header = store.header()
        if header is not None:
            self.raft.applied_index = header.index
        self.guards = Guards(self.raft, resend_after_s=2 * options.heartbeat_s)
        self.leadership = Leadership(self.raft, self._counts, sticky_s=low)
        self.proposals = Proposals(self.raft, dice.getrandbits(48))
        self.reads = Reads(
            self.raft, self._counts, dice.getrandbits(48), again_s=options.heartbeat_s
        )
        self._joining = Joining(self.raft, self.reads, membership, high)
        self._applier = Applier(machine, self.proposals.applied, self._applied)
        self._streams = Streams(self.raft, store, self._renew_snapshot)
        self._replicator = Replicator(self.raft, self._streams, options.heartbeat_s, network.room)
        self._snapshots = Snapshots(
            self.raft,
            machine,
            store,
            self._streams,
            background,
            entries=options.snapshot_entries,
            installed=self._installed,
        )

    def _renew_snapshot(self) -> None:
        self._snapshots.renew()

    def _counts(self) -> bool:
        return self._membership.counts

    # ------------------------------------------------------------------ what happens to it

    def connected(self, peer: str) -> None:
        """Messages to that peer can be sent from now on."""
        self.raft.connected(peer)
        self.raft.forget_match(peer)
        self.guards.connected(peer)
        self._replicator.rewound(peer)

    def disconnected(self, peer: str) -> None:
        """What was on its way to that peer may be lost."""
        self.raft.disconnected(peer)
        self._streams.end(peer)
        self._snapshots.disconnected(peer)
        self._replicator.rewound(peer)
        if self.raft.leader == peer:
            self.leadership.lost_leader()
            self._give_up("the connection to the leader broke")

    def received(self, peer: str, message: m.Message) -> None:
        """Act on a peer's message."""
        leader, term, led = self.raft.leader, self.raft.term, self.raft.leads
        self._act(peer, message)
        if (leader, term) != (self.raft.leader, self.raft.term) or led != self.raft.leads:
            self._changed("the leader has changed")

    def _act(self, peer: str, message: m.Message) -> None:  # noqa: C901, PLR0912 - a dispatch table
        match message:
            case m.AppendEntries():
                if self._is_of_leader(peer, message.term):
                    self.guards.append(peer, message)
            case m.SnapshotChunk():
                if self._is_of_leader(peer, message.term):
                    self.raft.follow(peer, message.term)
                    self._snapshots.chunk(peer, message)
            case m.AppendReply():
                if self._is_to_leader(message.term):
                    self._acknowledged(peer, message)
            case m.SnapshotReply():
                if self._is_to_leader(message.term):
                    self._streams.replied(peer, message)
            case m.RequestPreVote():
                self.leadership.pre_vote_asked(peer, message)
            case m.PreVote():
                self.leadership.pre_voted(peer, message)
            case m.RequestVote():
                self.leadership.vote_asked(peer, message)
            case m.Vote():
                self.leadership.voted(peer, message)
            case m.TimeoutNow():
                self.leadership.asked_to_take_over(peer, message)
            case m.Propose():
                self.proposals.asked(peer, message)
            case m.Proposed():
                self.proposals.appended(message)
            case m.NotProposed():
                self.proposals.refused(message)
            case m.AskReadIndex():
                self.reads.asked(peer, message)
            case m.ReadIndex() | m.NoReadIndex():
                self.reads.told(message)
            case m.ConfirmLeader():
                self.reads.confirm_asked(peer, message)
            case m.LeaderConfirmed():
                self.reads.confirmed(peer, message)

    def _is_of_leader(self, peer: str, term: int) -> bool:
        """Tell whether a leader's message is of this term or a newer one; tell an old leader."""
        if term < self.raft.term:
            self._send(peer, m.AppendReply(self.raft.term, 0, success=False, reset=False))
            return False
        if self.raft.leads and term == self.raft.term:
            raise FailStop(f"{peer} leads in term {term}, and so do we")
        self.leadership.heard_leader()
        return True

    def _is_to_leader(self, term: int) -> bool:
        """Tell whether an answer is to this member as leader of this very term."""
        if term > self.raft.term:
            self.raft.step_down(term)
        return self.raft.leads and term == self.raft.term

    def _acknowledged(self, peer: str, message: m.AppendReply) -> None:
        if message.success:
            self._replicator.arrived(peer, message.next_index)
        before = self.raft.next_index(peer)
        self.guards.acknowledged(peer, message)
        if self.raft.next_index(peer) < before:
            self._replicator.rewound(peer)

    # ------------------------------------------------------------------ what it does

    def step(self) -> bool:
        """Do all that is due; return whether more may be due at once."""
        raft = self.raft
        self._promises.keep(raft.term, raft.now)
        leader, term, led = raft.leader, raft.term, raft.leads
        self.leadership.gate()
        before = (raft.log[-1].index, raft.commit_index)
        raft.tick()
        if led != raft.leads or (leader, term) != (raft.leader, raft.term):
            self._changed("leadership has changed")
        self._joining.turn()
        self.reads.turn()
        self._snapshots.turn()
        after = (raft.log[-1].index, raft.commit_index)
        if raft.leads:
            self._replicate()
        return before != after or self._journal.dirty or raft.applied_index < raft.commit_index

    def _send(self, peer: str, message: m.Message) -> bool:
        match message:
            case m.AppendReply():
                message = self.guards.reply(message)
            case m.RequestVote():
                message = replace(message, transfer=self.leadership.by_request)
            case _:
                pass
        return self._promises.send(peer, message)

    def _replicate(self) -> None:
        if self.raft.leads:
            self._replicator.send()

    def _changed(self, why: str) -> None:
        """Another leads, or nobody, or we do, in this term or in another."""
        self._give_up(why)
        self.raft.forget_transfer()
        if not self.raft.leads:
            self._streams.end_all()
        for peer in self.raft.peers:
            self._replicator.rewound(peer)

    def _give_up(self, why: str) -> None:
        self.proposals.give_up(why)
        self.reads.give_up()

    def _applied(self) -> None:
        self.reads.applied()
        self._on_applied()

    def _installed(self, index: int) -> None:
        self._give_up(f"a snapshot at index {index} has passed it")
        self._applied()

    # ------------------------------------------------------------------ how it is

    @property
    def has_caught_up(self) -> bool:
        """Whether all is applied that the leader had committed when it was last heard."""
        raft = self.raft
        if raft.leads:
            return raft.applied_index >= raft.commit_index
        heard = self.guards.leader_commit
        return raft.leader != "" and heard is not None and raft.applied_index >= heard

    @property
    def status(self) -> EngineStatus:
        """This member's own view of the cluster."""
        raft = self.raft
        return EngineStatus(
            role=raft.role,
            term=raft.term,
            leader=raft.leader,
            commit_index=raft.commit_index,
            applied_index=raft.applied_index,
            caught_up=self.has_caught_up,
            votes=self._counts(),
            standing=self._membership.standing.name.lower(),
        )

    # ------------------------------------------------------------------ leaving

    def hand_over(self) -> None:
        """As leader: take no more, and ask a follower that has everything to take over.

        To be called again and again until another leads; the followers are asked in turn.
        """
        self.proposals.closed = True
        raft = self.raft
        if not raft.leads:
            return
        last = raft.log[-1].index
        able = [p for p in raft.peers if raft.is_connected(p) and raft.match_index(p) == last]
        if able:
            raft.hand_over_to(able[self._hand_overs // ASK_TIMES % len(able)])
            self._hand_overs += 1
