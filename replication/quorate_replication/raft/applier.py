"""Applying what is committed: once, in order, here as on every member.

A flaw that would make that untrue is a `FailStop`: stock PySyncObj logs what raises, and applies
the entry again.
"""

from collections.abc import Callable

from quorate_replication.errors import FailStop
from quorate_replication.machine import Machine
from quorate_replication.raft.core import NO_OP, REGULAR, RaftCore
from quorate_replication.state.outcome import Outcome

APPLY_S = 0.02
"""In one step; then heartbeats and others get their turn."""


class Applier:
    """Feeds the machine from the log.

    Args:
        machine: the state.
        applied: told of each entry: index, term, outcomes.
        done: called after some were applied.
    """

    def __init__(
        self,
        machine: Machine,
        applied: Callable[[int, int, list[Outcome]], None],
        done: Callable[[], None],
    ) -> None:
        self._machine = machine
        self._applied = applied
        self._done = done

    def apply(self, raft: RaftCore) -> None:
        """Apply at least one entry, if there is one, and more while there is time."""
        if raft.applied_index >= raft.commit_index:
            return
        until = raft.now() + APPLY_S
        while True:
            entry = raft.log[raft.applied_index + 1 - raft.log[0].index]
            kind, command = entry.command[:1], entry.command[1:]
            if kind not in (REGULAR, NO_OP):
                raise FailStop(f"entry {entry.index} of the log is of no kind that we write")
            outcomes = self._machine.apply(command) if kind == REGULAR else []
            raft.applied_index = entry.index
            self._applied(entry.index, entry.term, outcomes)
            if raft.applied_index >= raft.commit_index or raft.now() >= until:
                break
        self._done()
