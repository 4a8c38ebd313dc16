"""Replication: the election state machine, and the one way to make it replicated and durable.

`state` is pure: batches of commands in, outcomes out. `Replica` is what a node uses: it
proposes commands, reads the state and reports on the cluster. `core` and `journal` are all that
know PySyncObj.
"""

from quorate_replication.engine import Engine, EngineStatus, Role
from quorate_replication.errors import ClusterError, NotCommitted, OutcomeUnknown, Overloaded
from quorate_replication.replica import Replica
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome

__all__ = [
    "ClusterError",
    "Elections",
    "Engine",
    "EngineStatus",
    "NotCommitted",
    "Outcome",
    "OutcomeUnknown",
    "Overloaded",
    "Replica",
    "Role",
]
