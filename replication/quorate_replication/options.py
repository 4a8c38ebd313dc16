"""How a member takes part in the consensus."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RaftOptions:
    """Who this member is, where its peers are, and where it keeps its log."""

    name: str
    peers: dict[str, str]
    """Every member's name and host:port, this one's too."""
    bind: str
    """host:port that peers reach this member at; resolved once, at start."""
    data: Path
    """An existing folder of this member's own."""
    secret: bytes
    """Shared by all members: peer traffic is encrypted and authenticated with it."""
    snapshot_entries: int = 20_000
    """Log entries after which a snapshot is written and the log cut."""
    election_timeout_s: tuple[float, float] = (0.5, 1.0)
    heartbeat_s: float = 0.1
