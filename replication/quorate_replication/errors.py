"""How replication can fail: towards a caller, and for a whole node.

ClusterError             one call
├── NotCommitted         definite: it is in no log, or can never be committed
│   └── Overloaded       definite: refused at the door
└── OutcomeUnknown       indefinite: it may yet be committed; safe to repeat under the same id

FailStop                 the node: it must end at once, the others go on without it
├── DiskFailure          its disk refuses to write, or to sync
└── NotWelcome           the others know it with another disk
EngineStartError         the node: it cannot start; nothing was changed
"""


class ClusterError(Exception):
    """The cluster did not answer a proposal or a read in time."""


class NotCommitted(ClusterError):  # noqa: N818 - the word of docs/DESIGN.md
    """Definitely not done."""


class Overloaded(NotCommitted):
    """Too many requests wait already; definitely not done."""


class OutcomeUnknown(ClusterError):  # noqa: N818 - the word of docs/DESIGN.md
    """Perhaps done, perhaps not, perhaps later; repeat it with the same request id."""


class FailStop(Exception):  # noqa: N818 - it is an order, not an error
    """This node must stop at once: going on could lose, double or diverge.

    Raised wherever that is found out; caught where the raft thread begins, which ends the process.
    """

    exit_status = 70
    """Of the process (sysexits: EX_SOFTWARE)."""


class DiskFailure(FailStop):
    """A write or a sync failed. What was acknowledged is on disk; nothing else is promised."""

    exit_status = 74
    """sysexits: EX_IOERR."""


class EngineStartError(Exception):
    """The engine can't start: the address is taken, the data can't be read."""


class NotWelcome(FailStop):
    """The others know this member with another disk: it must not take part with this one."""

    exit_status = 6
    """Of `quorate-node`: something of this machine is wrong."""


def as_fail_stop(flaw: Exception, folder: object) -> FailStop:
    """Return why a node must end that `flaw` has befallen where nothing may go wrong."""
    if isinstance(flaw, FailStop):
        return flaw
    if isinstance(flaw, OSError):
        return DiskFailure(
            f"cannot write to or read from {flaw.filename or folder}: {flaw.strerror or flaw}."
            " Free space or replace the disk, then start the node again; nothing that was"
            " acknowledged is lost"
        )
    return FailStop(f"a defect: {flaw!r}")
