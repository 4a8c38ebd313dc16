"""Whoever reaches the peer port costs a connection, and the members go on."""

import asyncio
import os
import pickle
import random
import resource
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from quorate_client.provision.certificates import Identity
from quorate_replication.wire.codec import encode
from quorate_replication.wire.framing import framed
from quorate_replication.wire.limits import MAX_FRAME_BYTES
from quorate_replication.wire.messages import Vote
from quorate_replication.wire.patience import Patience

from .wire_members import (
    AUTHORITY,
    OTHER_AUTHORITY,
    Directory,
    Member,
    Stream,
    close,
    connected,
    dial_as,
    exchange,
    greet_as,
    hello,
    hung_up,
    stranger_context,
    until,
    write,
)

Pair = tuple[Member, Member]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    """Two members; n2 is played by hand. In the end both still talk, as they did all along."""
    directory = Directory()
    patience = Patience(greeting_s=1.0)
    one = await Member("n1", tmp_path, directory, patience=patience).start()
    three = await Member("n3", tmp_path, directory).start()
    await connected(one, three)
    yield one, three
    await exchange(one, three)
    assert one.events.told == ["+n3"]
    assert three.events.told == ["+n1"]
    assert {peer for peer, _ in one.events.heard} <= {"n2", "n3"}
    for member in (one, three):
        await member.network.stop()


async def plain(port: int, sent: bytes) -> Stream:
    stream = await asyncio.open_connection("127.0.0.1", port)
    stream[1].write(sent)
    return stream


@pytest.mark.parametrize(
    "sent",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        framed(encode(hello("n2"))),
        pickle.dumps(("n2", 1)),
        b"\x16\x03\x01\xff\xff" + b"\0" * 5000,
    ],
    ids=["http", "hello", "pickle", "record"],
)
async def test_plaintext_is_hung_up_on(pair: Pair, sent: bytes) -> None:
    stream = await plain(pair[0].port, sent)
    await until(lambda: stream[0].at_eof() or stream[0].exception(), "it is cut")
    await close(stream)
    assert pair[0].events.of("n2") == []


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        (None, "n2"),
        (OTHER_AUTHORITY.node("n2", "127.0.0.1"), "n2"),
        (AUTHORITY.officer("registrar"), "n2"),
        (AUTHORITY.node("n4", "127.0.0.1"), "n4"),
        (AUTHORITY.node("n1", "127.0.0.1"), "n1"),
    ],
    ids=["no certificate", "another CA", "an officer", "no member", "itself"],
)
async def test_a_certificate_of_no_other_member_is_hung_up_on(
    pair: Pair, tmp_path: Path, identity: Identity | None, name: str
) -> None:
    context = stranger_context(tmp_path / "stranger", identity)
    stream = await asyncio.open_connection("127.0.0.1", pair[0].port, ssl=context)
    stream[1].write(framed(encode(hello(name))) + framed(encode(Vote(1))))
    await hung_up(stream)
    assert pair[0].greeter.greeted == ["n3"]


async def test_another_members_name_is_not_taken_on_ones_word(pair: Pair, tmp_path: Path) -> None:
    stream = await dial_as("n2", tmp_path, pair[0].port)
    stream[1].write(framed(encode(hello("n3"))) + framed(encode(Vote(1))))
    await hung_up(stream)
    assert pair[0].greeter.greeted == ["n3"]


async def test_tls_1_2_is_refused(pair: Pair, tmp_path: Path) -> None:
    context = stranger_context(tmp_path / "stranger", AUTHORITY.node("n2", "127.0.0.1"))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises((ssl.SSLError, ConnectionError)):
        await asyncio.open_connection("127.0.0.1", pair[0].port, ssl=context)


async def test_no_session_can_be_resumed(pair: Pair, tmp_path: Path) -> None:
    stream = await greet_as("n2", tmp_path, pair[0].port)
    tls = stream[1].get_extra_info("ssl_object")
    assert tls.version() == "TLSv1.3"
    assert tls.session is None or not tls.session.has_ticket
    await close(stream)


async def test_who_says_nothing_is_cut_off(pair: Pair, tmp_path: Path) -> None:
    silent = await plain(pair[0].port, b"")
    slow = await plain(pair[0].port, b"\x16\x03")
    nameless = await dial_as("n2", tmp_path, pair[0].port)
    for stream in (silent, slow, nameless):
        await exchange(*pair)
        await hung_up(stream)


OUT_OF_TURN = framed(encode(hello("n2")))


@pytest.mark.parametrize(
    "sent",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        b"\0\0\0\0",
        framed(b"\xff"),
        framed(encode(Vote(1))[:-1]),
        framed(pickle.dumps({"type": "append_entries"})),
        OUT_OF_TURN,
    ],
    ids=["too long", "far too long", "empty", "no kind", "cut", "pickle", "hello again"],
)
async def test_a_member_that_sends_nonsense_loses_only_its_connection(
    pair: Pair, tmp_path: Path, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    stream = await greet_as("n2", tmp_path, pair[0].port)
    stream[1].write(framed(encode(Vote(1))) + sent + framed(encode(Vote(2))))
    await hung_up(stream)
    assert pair[0].events.of("n2") == [Vote(1)]
    assert sum("hung up on member n2" in line for line in caplog.messages) == 1
    again = await greet_as("n2", tmp_path, pair[0].port)
    await write(again, Vote(3))
    await until(lambda: pair[0].events.of("n2") == [Vote(1), Vote(3)], "it may come again")
    await close(again)


async def test_what_comes_before_the_greeting_is_not_delivered(pair: Pair, tmp_path: Path) -> None:
    stream = await dial_as("n2", tmp_path, pair[0].port)
    await write(stream, Vote(1))
    await hung_up(stream)
    assert pair[0].events.of("n2") == []


async def test_a_frame_cut_by_the_end_is_not_delivered(pair: Pair, tmp_path: Path) -> None:
    stream = await greet_as("n2", tmp_path, pair[0].port)
    stream[1].write(framed(encode(Vote(1))) + framed(encode(Vote(2)))[:-1])
    stream[1].close()
    await until(lambda: pair[0].events.of("n2"), "what was whole has come")
    await close(stream)
    again = await greet_as("n2", tmp_path, pair[0].port)
    await write(again, Vote(3))
    await until(lambda: pair[0].events.of("n2") == [Vote(1), Vote(3)], "a clean beginning")
    await close(again)


async def test_fuzzed_frames_of_a_member_cost_only_connections(pair: Pair, tmp_path: Path) -> None:
    dice = random.Random()  # noqa: S311 - fuzz
    for _ in range(20):
        stream = await greet_as("n2", tmp_path, pair[0].port)
        for _ in range(5):
            stream[1].write(framed(dice.randbytes(dice.randint(1, 300))))
        stream[1].write(b"\0\0\0\0")
        await hung_up(stream)


async def test_recorded_bytes_are_worth_nothing_on_another_connection(
    pair: Pair, tmp_path: Path
) -> None:
    recorded = bytearray()

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keep: bool) -> None:
        while data := await reader.read(65536):
            recorded.extend(data if keep else b"")
            writer.write(data)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = await asyncio.open_connection("127.0.0.1", pair[0].port)
        await asyncio.gather(
            pump(reader, behind[1], keep=True),
            pump(behind[0], writer, keep=False),
            return_exceptions=True,
        )
        await close(behind)
        await close((reader, writer))

    server = await asyncio.start_server(relay, "127.0.0.1", 0)
    stream = await greet_as("n2", tmp_path, server.sockets[0].getsockname()[1])
    await write(stream, Vote(1))
    await until(lambda: pair[0].events.of("n2") == [Vote(1)], "it has come")
    await close(stream)
    greeted = len(pair[0].greeter.greeted)
    replay = await plain(pair[0].port, bytes(recorded))
    await until(lambda: replay[0].at_eof() or replay[0].exception(), "it is cut")
    await close(replay)
    server.close()
    await server.wait_closed()
    assert len(pair[0].greeter.greeted) == greeted
    assert pair[0].events.of("n2") == [Vote(1)]


async def test_idle_strangers_do_not_keep_a_member_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    directory = Directory()
    one = await Member("n1", tmp_path, directory, patience=Patience(greeting_s=600)).start()
    async with AsyncExitStack() as strangers:
        for _ in range(200):
            stream = await plain(one.port, b"")
            strangers.push_async_callback(close, stream)
        two = await Member("n2", tmp_path, directory).start()
        await connected(one, two)
        await exchange(one, two)
        said = sum("too many callers" in line for line in caplog.messages)
        assert 1 <= said <= 20  # of 136 that were displaced: strangers can't flood the log
    for member in (one, two):
        await member.network.stop()


async def test_running_out_of_file_descriptors_does_not_end_listening(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = await Member("n1", tmp_path, Directory()).start()
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    caller = socket.socket()
    caller.setblocking(False)
    fillers = [os.open(os.devnull, os.O_RDONLY)]
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(fillers) + 8, limits[1]))
        while True:
            try:
                fillers.append(os.open(os.devnull, os.O_RDONLY))
            except OSError:
                break
        await asyncio.get_running_loop().sock_connect(caller, ("127.0.0.1", one.port))
        await until(lambda: any("cannot accept" in line for line in caplog.messages), "it says so")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for filler in fillers:
            os.close(filler)
    stream = await greet_as("n2", tmp_path, one.port)
    await close(stream)
    caller.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []
    await one.network.stop()
