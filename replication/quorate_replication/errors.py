"""How a proposal can fail: definitely, or with an unknown outcome.

ClusterError
├── NotCommitted     definite: it is in no log, or can never be committed
│   └── Overloaded   definite: refused at the door
└── OutcomeUnknown   indefinite: it may yet be committed; safe to repeat under the same id
"""


class ClusterError(Exception):
    """The cluster did not answer a proposal or a read in time."""


class NotCommitted(ClusterError):  # noqa: N818 - the word of docs/DESIGN.md
    """Definitely not done."""


class Overloaded(NotCommitted):
    """Too many requests wait already; definitely not done."""


class OutcomeUnknown(ClusterError):  # noqa: N818 - the word of docs/DESIGN.md
    """Perhaps done, perhaps not, perhaps later; repeat it with the same request id."""
