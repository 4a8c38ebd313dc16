"""What `SyncObj` takes for its transport: every message of its goes to the member."""

from collections.abc import Callable, Iterable
from typing import Protocol

from quorate_replication.raft import dialect
from quorate_replication.raft.dialect import Stock
from quorate_replication.wire.messages import Message


class Named(Protocol):
    """PySyncObj's `Node`."""

    @property
    def id(self) -> str:
        """The member's name."""
        ...


class RaftSends(Protocol):
    """The core that the messages come from."""

    @property
    def term(self) -> int:
        """Its current term."""
        ...

    @property
    def send_out(self) -> Callable[[str, Message], bool]:
        """Where they go."""
        ...


class Outlet:
    """What `SyncObj` takes for its transport: every message of its goes to the member."""

    ready = True

    def __init__(self, core: RaftSends, _own: Named, _others: Iterable[Named]) -> None:
        self._core = core
        self.on_message: Callable[[Named, Stock], None]
        self.on_connected: Callable[[Named], None]
        self.on_disconnected: Callable[[Named], None]

    def setOnMessageReceivedCallback(self, call: Callable[[Named, Stock], None]) -> None:  # noqa: N802 - PySyncObj's name
        """Remember what to call with a message."""
        self.on_message = call

    def setOnNodeConnectedCallback(self, call: Callable[[Named], None]) -> None:  # noqa: N802 - PySyncObj's name
        """Remember what to call when a connection stands."""
        self.on_connected = call

    def setOnNodeDisconnectedCallback(self, call: Callable[[Named], None]) -> None:  # noqa: N802 - PySyncObj's name
        """Remember what to call when it stands no more."""
        self.on_disconnected = call

    def setOnReadonlyNodeConnectedCallback(self, _call: object) -> None:  # noqa: N802 - PySyncObj's name
        """There are no read-only members."""

    setOnReadonlyNodeDisconnectedCallback = setOnReadonlyNodeConnectedCallback  # noqa: N815

    def setOnUtilityMessageCallback(self, _name: str, _call: object) -> None:  # noqa: N802 - PySyncObj's name
        """Nobody sends PySyncObj's administrative commands."""

    def send(self, node: Named, message: Stock) -> bool:
        """Take a message of `SyncObj`'s on its way."""
        return self._core.send_out(node.id, dialect.from_stock(message, self._core.term))

    def destroy(self) -> None:
        """There is nothing to close."""
