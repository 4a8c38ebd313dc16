"""How a member takes part in the consensus."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PeerTls:
    """PEM files for the connections between members; see `wire.tls`."""

    ca: Path
    certificate: Path
    """Names the member: `urn:quorate:node:NAME` among its subject alternative names."""
    key: Path


@dataclass(frozen=True, slots=True)
class RaftOptions:
    """Who this member is, where its peers are, and where it keeps its log."""

    cluster_id: str
    name: str
    peers: dict[str, str]
    """Every member's name and host:port, this one's too."""
    bind: str
    """host:port that this member listens on for its peers."""
    data: Path
    """An existing folder of this member's own."""
    tls: PeerTls
    replace: bool = False
    """The folder is empty because its disk was lost: catch up before voting."""
    snapshot_entries: int = 20_000
    """Log entries after which a snapshot is written and the log cut."""
    election_timeout_s: tuple[float, float] = (0.5, 1.0)
    heartbeat_s: float = 0.1
