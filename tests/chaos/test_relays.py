"""The relays between nodes, each with a real server behind it that sends back what it gets."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from chaos.relays import Relay
from chaos.tools import eventually

SOON_S = 0.3  # in which nothing may pass a cut


@pytest.fixture
async def relay() -> AsyncIterator[Relay]:
    class Echo(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(data)

    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", 0)
    made = Relay(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", random.Random(1))  # noqa: S311
    await made.open()
    try:
        yield made
    finally:
        await made.close()
        server.close()


async def call(relay: Relay) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", relay.port)


async def echo(relay: Relay, data: bytes) -> bytes:
    reader, writer = await call(relay)
    writer.write(data)
    try:
        return await reader.readexactly(len(data))
    finally:
        writer.close()


async def test_it_passes_everything_unchanged_and_in_order_whatever_the_size(relay: Relay) -> None:
    data = random.Random(2).randbytes(3_000_000)  # noqa: S311 - more than all buffers hold
    assert await echo(relay, data) == data


async def test_in_any_weather_what_comes_is_unchanged_and_in_order(relay: Relay) -> None:
    relay.weather.delay_s, relay.weather.jitter_s = 0.01, 0.03
    data = random.Random(3).randbytes(1_000_000)  # noqa: S311
    assert await echo(relay, data) == data


async def test_a_delay_is_a_delay_each_way(relay: Relay) -> None:
    relay.weather.delay_s = 0.1
    begun = asyncio.get_running_loop().time()
    await echo(relay, b"x")
    assert asyncio.get_running_loop().time() - begun >= 0.2


async def test_through_a_cut_nothing_passes_and_all_comes_once_it_is_healed(relay: Relay) -> None:
    reader, writer = await call(relay)
    writer.write(b"one")
    assert await reader.readexactly(3) == b"one"
    relay.weather.cut = True
    relay.changed()
    writer.write(b"two")
    late = asyncio.create_task(reader.readexactly(3))
    new = asyncio.create_task(echo(relay, b"new"))  # is accepted, and gets no answer
    done, _ = await asyncio.wait({late, new}, timeout=SOON_S)
    assert not done
    relay.weather.cut = False
    relay.changed()
    assert (await late, await new) == (b"two", b"new")
    writer.close()


async def test_who_hangs_up_during_a_cut_is_not_heard_of_before_it_is_healed(relay: Relay) -> None:
    reader, writer = await call(relay)
    writer.write(b"one")
    await reader.readexactly(3)
    sides = len(relay.sides)
    relay.weather.cut = True
    relay.changed()
    writer.close()
    await writer.wait_closed()
    await asyncio.sleep(SOON_S)
    assert len(relay.sides) == sides == 2
    relay.weather.cut = False
    relay.changed()

    async def ended() -> bool:
        return not relay.sides

    await eventually(ended, "both sides have ended")


async def test_a_reset_breaks_connections_and_lets_new_ones_be_made(relay: Relay) -> None:
    reader, writer = await call(relay)
    writer.write(b"one")
    await reader.readexactly(3)
    relay.reset()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    writer.close()
    assert await echo(relay, b"again") == b"again"


async def test_a_caller_is_reset_when_nobody_listens_behind_it() -> None:
    lonely = Relay("127.0.0.1:1", random.Random(1))  # noqa: S311
    await lonely.open()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await echo(lonely, b"x")
    await lonely.close()
