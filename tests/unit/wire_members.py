"""Members with real sockets and real TLS, and strangers who try to be one."""

import asyncio
import datetime as dt
import itertools
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Self

from quorate_client.provision.certificates import Authority, Identity
from quorate_replication.options import PeerTls
from quorate_replication.wire.codec import decode, encode
from quorate_replication.wire.framing import framed
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.messages import (
    ConfirmLeader,
    Greeting,
    Hello,
    Message,
    Refusal,
    Standing,
    TurnedAway,
    Welcome,
)
from quorate_replication.wire.patience import Patience
from quorate_replication.wire.sockets import Located
from quorate_replication.wire.tls_network import TlsNetwork

NAMES = ("n1", "n2", "n3")
NOW = dt.datetime.now(dt.UTC)
AUTHORITY = Authority("c1", NOW)
OTHER_AUTHORITY = Authority("c1", NOW)
IDENTITIES = {name: AUTHORITY.node(name, "127.0.0.1") for name in NAMES}
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def incarnation(name: str) -> bytes:
    return name.encode().ljust(16, b"\0")


def hello(name: str) -> Hello:
    return Hello("c1", name, incarnation(name), Standing.VOTER)


def files(folder: Path, identity: Identity, authority: Authority = AUTHORITY) -> PeerTls:
    folder.mkdir(parents=True, exist_ok=True)
    tls = PeerTls(folder / "ca.pem", folder / "node.pem", folder / "node.key")
    tls.ca.write_bytes(authority.identity.certificate)
    tls.certificate.write_bytes(identity.certificate)
    tls.key.write_bytes(identity.key)
    return tls


class FakeGreeter:
    """Welcomes everybody, or turns away for a reason."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.refusal: Refusal | None = None
        self.knows_dialled = True
        self.greeted: list[str] = []

    def hello(self) -> Hello:
        return hello(self.name)

    def greet(self, hello: Hello) -> Welcome | TurnedAway:
        self.greeted.append(hello.name)
        if self.refusal is not None:
            return TurnedAway(self.refusal)
        return Welcome(incarnation(self.name), Standing.VOTER)

    def welcomed(self, peer: str, welcome: Welcome) -> bool:
        return self.knows_dialled and welcome.incarnation == incarnation(peer)


class Recorder:
    """Remembers what the network tells."""

    def __init__(self) -> None:
        self.peers: set[str] = set()
        self.told: list[str] = []
        self.heard: list[tuple[str, Message]] = []
        self.refusals: list[str] = []

    def connected(self, peer: str) -> None:
        assert peer not in self.peers
        self.peers.add(peer)
        self.told.append(f"+{peer}")

    def disconnected(self, peer: str) -> None:
        self.peers.remove(peer)
        self.told.append(f"-{peer}")

    def received(self, peer: str, message: Message) -> None:
        self.heard.append((peer, message))

    def refused(self, why: str) -> None:
        self.refusals.append(why)

    def has_heard(self, what: tuple[str, Message]) -> bool:
        return what in self.heard

    def of(self, peer: str) -> list[Message]:
        return [message for name, message in self.heard if name == peer]


@dataclass
class Directory:
    """The resolver: where members are now. Their host names are their names."""

    ports: dict[str, int] = field(default_factory=dict[str, int])
    strays: dict[str, int] = field(default_factory=dict[str, int])
    """Ports that a name leads to as well, and first, though somebody else is there."""

    async def find(self, host: str, port: int) -> list[Located]:
        if host not in self.ports:
            raise OSError(f"{host}:{port} is unknown")
        ports = (self.strays.get(host), self.ports[host])
        return [(socket.AF_INET, ("127.0.0.1", port)) for port in ports if port is not None]


class Member:
    """One member of the cluster, in this loop."""

    def __init__(  # noqa: PLR0913 - what a test may want to be different
        self,
        name: str,
        folder: Path,
        directory: Directory,
        *,
        patience: Patience | None = None,
        greeter: Greeter | None = None,
        bind: str = "127.0.0.1:0",
    ) -> None:
        self.name = name
        self.events = Recorder()
        self.greeter = FakeGreeter(name)
        self.directory = directory
        self.network = TlsNetwork(
            name,
            {each: f"{each}:7000" for each in NAMES},
            bind,
            files(folder / name, IDENTITIES[name]),
            self.greeter if greeter is None else greeter,
            find=directory.find,
            patience=patience or Patience(slow_redial_s=0.02),
        )

    async def start(self) -> Self:
        await self.network.start(self.events)
        self.directory.ports[self.name] = self.network.port
        return self

    @property
    def port(self) -> int:
        return self.network.port


async def until(condition: Callable[[], object], what: str) -> None:
    """Return once it holds."""
    with suppress(TimeoutError):
        async with asyncio.timeout(30):
            while not condition():  # noqa: ASYNC110  both ends live in this loop
                await asyncio.sleep(0.005)
    assert condition(), what


async def connected(*members: Member) -> None:
    """Return once each can send to all the others."""
    names = {member.name for member in members}
    for member in members:
        await until(
            partial(member.events.peers.issuperset, names - {member.name}),
            f"{member.name} is connected to all",
        )


ROUNDS = itertools.count(1)


async def exchange(one: Member, other: Member) -> None:
    """A new message goes each way."""
    for sender, receiver in ((one, other), (other, one)):
        message = ConfirmLeader(1, next(ROUNDS))
        assert sender.network.send(receiver.name, message)
        heard = (sender.name, message)
        await until(partial(receiver.events.has_heard, heard), f"{receiver.name} hears {heard}")


# ------------------------------------------------------------------ who plays a member by hand


def stranger_context(folder: Path, identity: Identity | None) -> ssl.SSLContext:
    """TLS of somebody who trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if identity is not None:
        tls = files(folder, identity)
        context.load_cert_chain(tls.certificate, tls.key)
    return context


async def write(stream: Stream, message: Message | Greeting) -> None:
    stream[1].write(framed(encode(message)))
    await stream[1].drain()


async def read(stream: Stream) -> Message | Greeting:
    length = int.from_bytes(await stream[0].readexactly(4), "big")
    return decode(await stream[0].readexactly(length))


async def dial_as(name: str, folder: Path, port: int) -> Stream:
    """TLS as that member; nothing is said yet."""
    context = stranger_context(folder / "raw" / name, IDENTITIES[name])
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


async def greet_as(name: str, folder: Path, port: int) -> Stream:
    stream = await dial_as(name, folder, port)
    await write(stream, hello(name))
    assert isinstance(await read(stream), Welcome)
    return stream


async def hung_up(stream: Stream) -> None:
    """Return once the other side has ended it, having said nothing."""
    async with asyncio.timeout(30):
        with suppress(OSError):
            assert await stream[0].read(1) == b""
    await close(stream)


async def close(stream: Stream) -> None:
    stream[1].transport.abort()
    with suppress(OSError):
        await stream[1].wait_closed()
