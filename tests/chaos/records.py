"""What a chaos run leaves behind: every call, every fault, every node's last word.

The workload and the nemesis write these records; the checker and the report read them, and nothing
else. Times are seconds on the run's monotonic clock, counted from its beginning.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["register", "create", "extend", "cast", "check", "results", "election"]
"""What was asked: `check` is "was this ballot counted?", `election` shows its state and end."""

CHANGES: frozenset[Kind] = frozenset({"register", "create", "extend", "cast"})

NOT_DONE, UNKNOWN = "NOT_DONE", "UNKNOWN"
"""The outcomes of a call that the cluster did not answer: definite, and indefinite.

Every other outcome is the name in the proto's enum without its prefix: COUNTED, ELECTION_CLOSED,
...; for an `election`: OPEN, CLOSED or NOT_FOUND; for `results`: AVAILABLE, ELECTION_OPEN or
ELECTION_NOT_FOUND; for a `check`: COUNTED, NOT_COUNTED, NOT_COUNTED_YET, ELECTION_NOT_FOUND.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Op:
    """One call by one process (which makes one call at a time), retries and failover included."""

    process: str
    kind: Kind
    start_s: float
    end_s: float
    outcome: str
    election: str = ""
    voter: str = ""  # who casts, creates, extends, is registered
    request_id: str = ""  # hex; of a ballot also its id; the same when a call is repeated
    choice: str = ""
    node: str = ""  # the one node that was asked; empty: whichever the client went to
    end_us: int = 0  # wall clock, since 1970: asked for by create and extend, shown by election
    counts: Mapping[str, int] = field(default_factory=dict[str, int])  # results that are AVAILABLE

    @property
    def acknowledged(self) -> bool:
        """Whether the cluster said that a change was made."""
        return self.outcome in {"COUNTED", "CREATED", "EXTENDED", "REGISTERED", "REPLACED"}

    @property
    def answered(self) -> bool:
        """Whether the cluster said anything at all."""
        return self.outcome not in {NOT_DONE, UNKNOWN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, from its making to its mending; `kind` is its name in the report.

    A kind that bends a node's clock has `clock` in its name: the checker allows for that.
    `majority`: a majority of nodes could work all the while, so the service had to go on.
    """

    kind: str
    target: str
    start_s: float
    end_s: float
    majority: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFinal:
    """What one node says when everything is mended and all elections are closed."""

    node: str
    applied_index: int
    digest: str  # hex
    results: Mapping[str, Mapping[str, int]]  # election -> choice -> count


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A whole chaos run: `left_out` are the kinds of fault that it could not make, and why."""

    seed: int
    nodes: tuple[str, ...]
    seconds: float
    machine: str
    faults: tuple[Fault, ...]
    ops: tuple[Op, ...]
    finals: tuple[NodeFinal, ...]
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    command: str = ""  # that replays the schedule
    stopped: str = ""  # why it ended before its time, if it did
    began_us: int = 0  # wall clock at second 0, since 1970; 0: not known


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken: the rule's name, and what was seen, in one line."""

    rule: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the checker found."""

    lost: int  # acknowledged ballots that were not counted
    doubled: int  # ballots counted more than once, and voters with more than one
    unresolved: int  # ballots whose outcome stayed unknown
    histories: int  # small histories whose linearizability was decided
    undecided: int  # and those given up for their size
    violations: tuple[Violation, ...]

    @property
    def good(self) -> bool:
        """Whether every promise was kept."""
        return not self.violations


def write_ops(path: Path, ops: Iterable[Op]) -> None:
    """Write a history, a call a line."""
    with path.open("w") as stream:
        for op in ops:
            stream.write(json.dumps(asdict(op)) + "\n")


def read_ops(path: Path) -> Iterator[Op]:
    """Read a history that `write_ops` wrote."""
    with path.open() as stream:
        for line in stream:
            yield Op(**json.loads(line))
