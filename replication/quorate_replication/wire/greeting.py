"""The seam between connections and membership: who may call, and what is known of each other."""

from typing import Protocol

from quorate_replication.wire.messages import Hello, TurnedAway, Welcome


class Greeter(Protocol):
    """Decides about callers; remembers, durably, whom it has met."""

    def hello(self) -> Hello:
        """Return what this member says when it dials."""
        ...

    def greet(self, hello: Hello) -> Welcome | TurnedAway:
        """Answer a caller; what is learned of it is durable before this returns."""
        ...

    def welcomed(self, peer: str, welcome: Welcome) -> bool:
        """Take what a peer answered to our `Hello`; False: it is not who we know, hang up."""
        ...
