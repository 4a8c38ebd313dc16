"""The real network: TLS 1.3 over TCP, in the running loop. See `network.Network` for its rules.

Nothing is ever said or heard without TLS, and no exception of a connection gets out of here;
what the owner's `events` and `greeter` do must not raise.
"""

import asyncio

from quorate_replication.options import PeerTls
from quorate_replication.wire.connection import Local
from quorate_replication.wire.dialler import Dialler
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.inbound import Listener
from quorate_replication.wire.messages import Message
from quorate_replication.wire.network import NetworkEvents
from quorate_replication.wire.patience import Patience
from quorate_replication.wire.sockets import Resolver, listen, resolve, source_of
from quorate_replication.wire.tls import check_own_name, client_context, server_context


class TlsNetwork:
    """Connections to every other member. See `network.Network`.

    Args:
        name: this member's.
        addresses: every member's name and host:port, this one's too.
        bind: host:port to listen on.
        tls: this member's certificate and the cluster's CA.
        greeter: decides who is welcome.
        find: the resolver for what is dialled.
        patience: how long to wait for what.
    """

    def __init__(  # noqa: PLR0913 - the last two are for tests
        self,
        name: str,
        addresses: dict[str, str],
        bind: str,
        tls: PeerTls,
        greeter: Greeter,
        *,
        find: Resolver = resolve,
        patience: Patience | None = None,
    ) -> None:
        self._name = name
        self._addresses = {peer: each for peer, each in addresses.items() if peer != name}
        self._bind = bind
        self._tls = tls
        self._greeter = greeter
        self._find = find
        self._patience = patience or Patience()
        self._listener: Listener | None = None
        self._diallers: dict[str, Dialler] = {}
        self.port = 0
        """That it listens on, once it does."""

    async def start(self, events: NetworkEvents) -> None:
        """See `network.Network`."""
        check_own_name(self._tls, self._name)
        server, client = server_context(self._tls), client_context(self._tls)
        sockets = await listen(self._bind)
        self.port = sockets[0].getsockname()[1]
        others = frozenset(self._addresses)
        source = source_of(self._bind)
        local = Local(self._name, others, self._greeter, events, self._patience, source)
        self._listener = Listener(local, server)
        self._listener.open(sockets)
        self._diallers = {
            peer: Dialler(local, client, peer, address, self._find)
            for peer, address in self._addresses.items()
        }

    def send(self, peer: str, message: Message) -> bool:
        """See `network.Network`. Raises WireError for a message that may not be sent."""
        dialler = self._diallers.get(peer)
        return dialler is not None and dialler.send(message)

    def room(self, peer: str) -> int:
        """See `network.Network`."""
        dialler = self._diallers.get(peer)
        return 0 if dialler is None else dialler.room

    async def stop(self) -> None:
        """See `network.Network`. No event is told once this has begun."""
        if self._listener is not None:
            await self._listener.close()
        await asyncio.gather(*(dialler.close() for dialler in self._diallers.values()))
