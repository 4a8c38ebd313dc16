"""Guards of consensus: what counts, who leads, what is read, and which disks take part."""

from collections.abc import Generator
from typing import Any
from unittest.mock import patch

from quorate_replication.errors import NotCommitted, OutcomeUnknown
from quorate_replication.proposer import Proposer
from quorate_replication.raft.core import RaftCore
from quorate_replication.raft.guards import Guards
from quorate_replication.raft.joining import Joining
from quorate_replication.raft.leadership import Leadership
from quorate_replication.raft.member import Member
from quorate_replication.raft.proposals import Proposals
from quorate_replication.raft.reads import Reads
from quorate_replication.raft.snapshots import Snapshots
from quorate_replication.raft.view import has_entry
from quorate_replication.storage.membership import Membership
from quorate_replication.wire.messages import AppendEntries, SnapshotChunk, Standing, Vote
from simulation.mutation import always, mutation

# ------------------------------------------------------------------ the log


@mutation("an append deletes only what it contradicts")
def append_truncates() -> Generator[None]:
    def append(self: Any, peer: str, message: AppendEntries) -> None:
        self.leader_commit = message.commit_index
        if has_entry(self._raft.log, message.previous_index, message.previous_term):
            self._raft.handle(peer, message)
        else:
            self._refuse(peer, message)

    with patch.object(Guards, "append", append):
        yield


@mutation("a message commits only what it proves")
def commit_unproven() -> Generator[None]:
    def believe(_self: object, message: AppendEntries, _proven: int) -> AppendEntries:
        return message

    with patch.object(Guards, "commit_only_proven", believe):
        yield


@mutation("an acknowledgement claims only what its message proved")
def ack_unproven() -> Generator[None]:
    def claim(_self: object, message: Any) -> Any:
        return message

    with patch.object(Guards, "reply", claim):
        yield


@mutation("an acknowledgement counts in its own term only")
def ack_of_any_term() -> Generator[None]:
    def leads(self: Any, _term: int) -> Any:
        return self.raft.leads

    with patch.object(Member, "_is_to_leader", leads):
        yield


@mutation("a snapshot is not installed over a newer state")
def older_snapshot_installed() -> Generator[None]:
    install: Any = vars(Snapshots)["_install"]

    def regardless(self: Any, peer: str, message: SnapshotChunk, state: Any) -> None:
        if state is not None and message.index <= self._raft.applied_index:
            self._busy = False
            self._machine.state = state
        else:
            install(self, peer, message, state)

    with (
        patch.object(Snapshots, "_is_past", always(value=False)),
        patch.object(Snapshots, "_install", regardless),
    ):
        yield


# ------------------------------------------------------------------ leaders, proposals and reads


@mutation("a vote counts once")
def vote_counts_twice() -> Generator[None]:
    def voted(self: Any, peer: str, message: Vote) -> None:
        if message.term == self._raft.term:
            self._raft.handle(peer, message)
            self._raft.handle(peer, message)

    with patch.object(Leadership, "voted", voted):
        yield


@mutation("pre-vote and stickiness")
def no_pre_vote() -> Generator[None]:
    def gate(self: Any) -> None:
        raft = self._raft
        due = raft.election_due < raft.now() and not raft.leads
        raft.may_stand = due and self._counts()
        if due and not self._counts():
            raft.election_due = raft.now() + raft.next_timeout()

    with (
        patch.object(Leadership, "gate", gate),
        patch.object(Leadership, "has_leader", always(value=False)),
    ):
        yield


@mutation("a forwarded proposal is bound to the term that it was sent in")
def proposal_of_any_term() -> Generator[None]:
    takes: Any = vars(Proposals)["_takes"]

    def any_term(self: Any, _term: int) -> Any:
        return takes(self, self._raft.term)

    with patch.object(Proposals, "_takes", any_term):
        yield


@mutation("a leader is confirmed by a majority before a read")
def read_without_confirmation() -> Generator[None]:
    def release(self: Any) -> None:
        rounds, self._rounds = self._rounds, {}
        for index, waiting in rounds.values():
            for tell in waiting:
                tell(index)

    with patch.object(Reads, "_release", release):
        yield


@mutation("a leader answers reads once an entry of its own term is committed")
def read_in_unproven_term() -> Generator[None]:
    def leads(self: Any) -> Any:
        return self.leads

    with patch.object(RaftCore, "term_is_proven", property(leads)):
        yield


@mutation("an unknown outcome is not called definite")
def unknown_called_definite() -> Generator[None]:
    propose = Proposer.propose

    async def sure(self: Proposer, command: Any, timeout_s: float) -> Any:
        try:
            return await propose(self, command, timeout_s)
        except OutcomeUnknown as flaw:
            raise NotCommitted("surely not") from flaw

    with patch.object(Proposer, "propose", sure):
        yield


# ------------------------------------------------------------------ disks that were lost


@mutation("a replaced disk does not count before it has caught up")
def replaced_counts_at_once() -> Generator[None]:
    def counts(self: Any) -> bool:
        return self.standing is not Standing.ASKING

    with patch.object(Membership, "counts", property(counts)):
        yield


@mutation("an empty disk does not count before all others say that it is new")
def empty_disk_counts() -> Generator[None]:
    with (
        patch.object(Membership, "counts", property(always(value=True))),
        patch.object(Membership, "_accept", always(value=True)),
    ):
        yield


@mutation("a copy on a former disk is forgotten when the peer connects anew")
def match_not_forgotten() -> Generator[None]:
    with patch.object(RaftCore, "forget_match", always(None)):
        yield


@mutation("a replaced disk counts only after those it may have voted for gave up")
def replaced_counts_too_early() -> Generator[None]:
    start = Joining.__init__

    def at_once(self: Any, *args: Any, **named: Any) -> None:
        start(self, *args, **named)
        self._not_before = 0.0

    with patch.object(Joining, "__init__", at_once):
        yield
