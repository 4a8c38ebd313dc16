"""The seam to the network: one connection for each direction between two members.

Rule 1: messages of one connection arrive whole and in order, or the connection ends.
Rule 2: a connection that ends loses what was on its way; the sender is told by `disconnected`.
Rule 3: of two connections of one dialler the newer counts: nothing of the older one arrives once
anything of the newer one has.
Rule 4: everything happens in the raft thread's loop.

`TlsNetwork` is the real one; the simulator has one with delays, losses and partitions.
"""

from typing import Protocol

from quorate_replication.wire.messages import Message


class NetworkEvents(Protocol):
    """What a network tells its member."""

    def connected(self, peer: str) -> None:
        """Messages to that peer can be sent from now on."""
        ...

    def disconnected(self, peer: str) -> None:
        """Messages to that peer can't be sent any more; what was under way may be lost."""
        ...

    def received(self, peer: str, message: Message) -> None:
        """A message has come from that peer."""
        ...

    def refused(self, why: str) -> None:
        """A peer knows this member with another disk: this node must not take part."""
        ...


class Network(Protocol):
    """Connections to every other member, dialled again for ever."""

    async def start(self, events: NetworkEvents) -> None:
        """Listen and dial. Raises EngineStartError if the address can't be listened on."""
        ...

    def send(self, peer: str, message: Message) -> bool:
        """Queue a message; False if there is no connection, or no room for it."""
        ...

    def room(self, peer: str) -> int:
        """Return how many bytes more may be queued now; 0 without a connection."""
        ...

    async def stop(self) -> None:
        """Send what is queued for a moment at most, then close everything."""
        ...
