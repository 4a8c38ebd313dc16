"""Proposals on their way to the log, and back with their outcomes.

Rule 1: an entry is known by index and term. Whoever proposed it hears its outcomes when it is
applied here, or, definitely, that another entry has taken its place.
Rule 2: only a leader appends, and a proposal that a follower forwards only in the term that it
was sent in: one that was long on its way must not get in behind its own repetition.
Rule 3: when leadership or the way to the leader is lost, what is open is unknown, at once.
"""

import logging
from collections.abc import Callable

from quorate_replication.engine import Committed, Refused, Settled, Unknown
from quorate_replication.raft.core import REGULAR, RaftCore
from quorate_replication.state.outcome import Outcome
from quorate_replication.wire.limits import MAX_PROPOSAL_BYTES
from quorate_replication.wire.messages import NotProposed, Propose, Proposed

log = logging.getLogger(__name__)

Done = Callable[[Settled], None]
MAX_UNCOMMITTED = 4096
"""Entries in the leader's log that are not applied yet; more are refused, definitely."""


class Proposals:
    """What is open on this member.

    Args:
        raft: its Raft core.
        first_id: ids of forwarded proposals begin here; random, so that an answer to a process
            that ran here before is nobody's.
    """

    def __init__(self, raft: RaftCore, first_id: int) -> None:
        self._raft = raft
        self._id = first_id
        self._in_log: dict[int, list[tuple[int, Done]]] = {}
        self._forwarded: dict[int, Done] = {}
        self.closed = False
        """Whether this member takes no more, because it is about to hand over."""

    # ------------------------------------------------------------------ into the log

    def propose(self, entry: bytes, done: Done) -> None:
        """Append on the leader, wherever it is; `done` is called at most once."""
        raft = self._raft
        if not 0 < len(entry) <= MAX_PROPOSAL_BYTES:
            settle(done, Refused(f"an entry has 1 to {MAX_PROPOSAL_BYTES} bytes"))
        elif self._takes(raft.term):
            self._await(raft.append(REGULAR + entry).index, raft.term, done)
        elif raft.leads or not raft.leader:
            settle(done, Refused("there is no leader that takes proposals"))
        else:
            self._id += 1
            if raft.send(raft.leader, Propose(raft.term, self._id, entry)):
                self._forwarded[self._id] = done
            else:
                settle(done, Refused("the leader can't be reached"))

    def asked(self, peer: str, message: Propose) -> None:
        """A follower forwards a proposal."""
        raft = self._raft
        if self._takes(message.term):
            entry = raft.append(REGULAR + message.entry)
            raft.send(peer, Proposed(message.id, entry.index, entry.term))
        else:
            raft.send(peer, NotProposed(message.id))

    def _takes(self, term: int) -> bool:
        raft = self._raft
        waiting = raft.log[-1].index - raft.applied_index
        return raft.leads and term == raft.term and not self.closed and waiting < MAX_UNCOMMITTED

    # ------------------------------------------------------------------ and back

    def appended(self, message: Proposed) -> None:
        """The leader has appended what we forwarded."""
        done = self._forwarded.pop(message.id, None)
        if done is None:
            return
        if message.index <= self._raft.applied_index:  # by way of a snapshot
            settle(done, Unknown("its place in the log was passed already"))
        else:
            self._await(message.index, message.term, done)

    def refused(self, message: NotProposed) -> None:
        """The leader does not take what we forwarded."""
        done = self._forwarded.pop(message.id, None)
        if done is not None:
            settle(done, Refused("the leader does not take it"))

    def applied(self, index: int, term: int, outcomes: list[Outcome]) -> None:
        """An entry was applied here."""
        for proposed_in, done in self._in_log.pop(index, ()):
            if proposed_in == term:
                settle(done, Committed(outcomes))
            else:
                settle(done, Refused("another entry took its place"))

    def give_up(self, why: str) -> None:
        """What is open has an unknown outcome from here on."""
        open_ones = [done for waiting in self._in_log.values() for _, done in waiting]
        open_ones += self._forwarded.values()
        self._in_log, self._forwarded = {}, {}
        for done in open_ones:
            settle(done, Unknown(why))

    def _await(self, index: int, term: int, done: Done) -> None:
        self._in_log.setdefault(index, []).append((term, done))


def settle(done: Done, result: Settled) -> None:
    """Tell a proposer; whatever it raises must not stop, or repeat, the applying of entries."""
    try:
        done(result)
    except Exception:
        log.exception("a proposer's callback raised")
