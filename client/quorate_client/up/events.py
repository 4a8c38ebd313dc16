"""What `quorate up` has to say: each event is a value with a line for people.

Lines are plain text: whoever prints them escapes what a terminal would obey.
"""

from dataclasses import dataclass
from typing import ClassVar

from quorate_client.processes import ASKED_TO


@dataclass(frozen=True, slots=True)
class Started:
    """A node's process was started."""

    style: ClassVar[str] = ""
    name: str
    pid: int

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.name} started (pid {self.pid})"


@dataclass(frozen=True, slots=True)
class Died:
    """A node's process ended, and not because we asked it to.

    It is started again in `restart_in_s` seconds, or never.
    """

    style: ClassVar[str] = "red"
    name: str
    how: str
    last_line: str
    restart_in_s: float | None

    @property
    def line(self) -> str:
        """For people."""
        back = "" if self.restart_in_s is None else f"; back in {self.restart_in_s:g} s"
        words = f"; its last line: {self.last_line}" if self.last_line else ""
        end = f"stopped ({self.how})" if self.how == ASKED_TO else f"died: {self.how}"
        return f"{self.name} {end}{back}{words}"


@dataclass(frozen=True, slots=True)
class Unfit:
    """A node's process ended because it can't run as things are; it is not started again."""

    style: ClassVar[str] = "red"
    name: str
    why: str
    to_do: str = ""
    """If there is a command for it."""

    @property
    def line(self) -> str:
        """For people."""
        to_do = f"; {self.to_do}" if self.to_do else ""
        return f"{self.name} stays down: {self.why.rstrip('.') if to_do else self.why}{to_do}"


@dataclass(frozen=True, slots=True)
class NodeRow:
    """A node as it was when the cluster became ready."""

    name: str
    endpoint: str
    officer_endpoint: str | None
    role: str
    ready: bool
    running: bool = True


@dataclass(frozen=True, slots=True)
class Ready:
    """The cluster has a leader that serves."""

    style: ClassVar[str] = "green"
    leader: str
    term: int
    nodes: tuple[NodeRow, ...]

    @property
    def line(self) -> str:
        """For people."""
        return f"ready: {self.leader} leads (term {self.term})"


@dataclass(frozen=True, slots=True)
class Leading:
    """Another node leads now."""

    style: ClassVar[str] = ""
    leader: str
    term: int

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.leader} leads now (term {self.term})"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Still no leader serves, `seconds` after the start."""

    style: ClassVar[str] = "yellow"
    seconds: float

    @property
    def line(self) -> str:
        """For people."""
        return f"no leader serves after {self.seconds:.0f} s; the nodes' logs may say why"


@dataclass(frozen=True, slots=True)
class Stopping:
    """The nodes are asked to end."""

    style: ClassVar[str] = ""
    reason: str

    @property
    def line(self) -> str:
        """For people."""
        return f"{self.reason}: stopping the nodes"


@dataclass(frozen=True, slots=True)
class Stopped:
    """No node runs any more."""

    style: ClassVar[str] = ""

    @property
    def line(self) -> str:
        """For people."""
        return "stopped"


Event = Started | Died | Unfit | Ready | Leading | Waiting | Stopping | Stopped
