"""How long connections wait, and for what; all in seconds."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """The defaults suit a cluster whose members are at most some 200 ms apart."""

    resolve_s: float = 3.0
    """For the resolver's answer."""
    connect_s: float = 2.0
    """For a TCP connection, for each address of a name."""
    greeting_s: float = 5.0
    """For a caller's TLS and greeting together; for each of the two when dialling."""
    stall_s: float = 5.0
    """For a peer to read anything, while more is queued than its connection takes."""
    redial_s: tuple[float, float] = (0.1, 1.0)
    """Between two dials: after a connection that stood, and at most; half of it is random."""
    slow_redial_s: float = 5.0
    """Between two dials of a member that turned this one away, or is not who it should be."""
    flush_s: float = 0.5
    """For what is queued, when the network stops."""
    accept_s: float = 0.1
    """Between two tries to accept, when there is no file descriptor left."""
