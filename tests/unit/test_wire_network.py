"""Members that find each other, over real TLS on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from quorate_replication.errors import EngineStartError
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.messages import ConfirmLeader, Propose, Refusal, Vote, Welcome
from quorate_replication.wire.outbound import Called
from quorate_replication.wire.outgoing import MAX_QUEUED_BYTES
from quorate_replication.wire.patience import Patience
from quorate_replication.wire.tls import server_context

from .wire_members import (
    IDENTITIES,
    NAMES,
    Directory,
    Member,
    Stream,
    connected,
    dial_as,
    exchange,
    files,
    greet_as,
    hello,
    hung_up,
    incarnation,
    read,
    until,
    write,
)
from .wire_messages import ONE_OF_EACH

Start = Callable[..., Awaitable[Member]]
KERNEL_BYTES = 16 << 20  # more than the sockets' own buffers on both sides ever hold


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Start a member; all of them are stopped in the end."""
    directory, members = Directory(), list[Member]()

    async def start_one(name: str, *, knows_dialled: bool = True, **options: Any) -> Member:
        member = Member(name, tmp_path, directory, **options)
        member.greeter.knows_dialled = knows_dialled
        members.append(member)
        return await member.start()

    yield start_one
    for member in members:
        await member.network.stop()


async def test_every_kind_of_message_arrives_in_order_both_ways(start: Start) -> None:
    one, two = await start("n1"), await start("n2")
    await connected(one, two)
    for message in ONE_OF_EACH * 20:
        assert one.network.send("n2", message)
        assert two.network.send("n1", message)
    await exchange(one, two)
    assert tuple(two.events.of("n1")[:-1]) == ONE_OF_EACH * 20
    assert tuple(one.events.of("n2")[:-1]) == ONE_OF_EACH * 20


async def test_nothing_can_be_sent_to_who_is_not_connected(start: Start) -> None:
    one = await start("n1")
    assert not one.network.send("n2", Vote(1))
    assert one.network.room("n2") == 0
    assert not one.network.send("nobody", Vote(1))
    assert one.network.room("nobody") == 0


async def test_a_member_with_a_loopback_address_of_its_own_dials_from_it(start: Start) -> None:
    one = await start("n1", bind="127.0.1.1:0")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        one.directory.ports["n2"] = listener.getsockname()[1]
        listener.setblocking(False)
        caller, address = await asyncio.get_running_loop().sock_accept(listener)
        caller.close()
    assert address[0] == "127.0.1.1"


async def test_a_member_that_restarts_is_found_again(start: Start) -> None:
    one, two = await start("n1"), await start("n2")
    await connected(one, two)
    port = two.port
    await two.network.stop()
    await until(lambda: one.events.told == ["+n2", "-n2"], "the end is told")
    again = await start("n2", bind=f"127.0.0.1:{port}")
    await connected(one, again)
    await exchange(one, again)


async def test_a_member_that_returns_under_another_address_is_found(start: Start) -> None:
    one, two = await start("n1"), await start("n2")
    await connected(one, two)
    moved = await start("n2")  # under another port; the old one still answers
    await two.network.stop()
    await until(lambda: one.events.told == ["+n2", "-n2", "+n2"], "lost and found")
    await connected(one, moved)
    await exchange(one, moved)


async def test_nothing_of_the_older_connection_arrives_once_the_newer_is_welcome(
    start: Start, tmp_path: Path
) -> None:
    one = await start("n1")
    older = await greet_as("n2", tmp_path, one.port)
    newer = await greet_as("n2", tmp_path, one.port)
    await write(older, ConfirmLeader(1, 1))
    await write(newer, ConfirmLeader(1, 2))
    await hung_up(older)
    await write(newer, ConfirmLeader(1, 3))
    await until(lambda: ("n2", ConfirmLeader(1, 3)) in one.events.heard, "the last message")
    assert one.events.of("n2") == [ConfirmLeader(1, 2), ConfirmLeader(1, 3)]
    newer[1].transport.abort()


async def test_a_connection_that_greets_after_a_newer_one_is_refused(
    start: Start, tmp_path: Path
) -> None:
    one = await start("n1")
    late = await dial_as("n2", tmp_path, one.port)
    newer = await greet_as("n2", tmp_path, one.port)
    await write(late, hello("n2"))
    await hung_up(late)
    await write(newer, ConfirmLeader(1, 1))
    await until(lambda: one.events.heard, "the newer one still counts")
    newer[1].transport.abort()


async def test_a_member_known_with_another_disk_is_told_to_use_replace(start: Start) -> None:
    two = await start("n2")
    two.greeter.refusal = Refusal.OTHER_INCARNATION
    one = await start("n1")
    await until(lambda: one.events.refusals, "it is told")
    assert "n2 knows n1 with another disk" in one.events.refusals[0]
    assert "--replace" in one.events.refusals[0]
    assert one.events.told == []


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (Refusal.WRONG_CLUSTER, "it belongs to another cluster"),
        (Refusal.NOT_A_MEMBER, "it does not count this member among its own"),
    ],
)
async def test_a_member_turned_away_says_why_once_and_dials_on(
    start: Start, caplog: pytest.LogCaptureFixture, refusal: Refusal, words: str
) -> None:
    two = await start("n2")
    two.greeter.refusal = refusal
    one = await start("n1")
    await until(lambda: len(two.greeter.greeted) >= 4, "it dials again")
    assert sum(words in line for line in caplog.messages) == 1
    assert one.events.refusals == []
    two.greeter.refusal = None
    await until(lambda: one.events.peers == {"n2"}, "it is let in at last")


async def test_a_member_that_we_know_with_another_disk_is_not_connected(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    two = await start("n2")
    one = await start("n1", knows_dialled=False)
    await until(lambda: two.events.peers == {"n1"}, "the other way is fine")
    await until(lambda: any("another disk" in line for line in caplog.messages), "it says so")
    assert one.events.told == []


async def test_whoever_answers_in_another_members_place_is_not_connected(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    three = await start("n3")
    three.directory.ports["n2"] = three.port
    one = await start("n1")
    await until(
        lambda: any("its certificate is of n3" in line for line in caplog.messages), "it says so"
    )
    await connected(one, three)
    assert "+n2" not in one.events.told


async def test_a_member_is_found_behind_an_address_where_somebody_else_answers(
    start: Start,
) -> None:
    three = await start("n3")
    three.directory.strays["n2"] = three.port
    two, one = await start("n2"), await start("n1")
    await connected(one, two, three)


async def test_nothing_is_sent_on_a_connection_that_is_being_ended(
    start: Start, tmp_path: Path
) -> None:
    ended = asyncio.Event()

    async def chatter(stream: Stream) -> None:
        await write(stream, Vote(1))
        await ended.wait()

    one = await start("n1")
    taken: list[bool] = []
    hang_up = Called.hang_up

    def note(connection: Called, why: str) -> None:
        hang_up(connection, why)
        taken.append(one.network.send("n2", Vote(1)))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Called, "hang_up", note)
        async with await play("n2", tmp_path, one.directory, chatter):
            await until(lambda: taken, "hung up")
            ended.set()
            await one.network.stop()
    assert taken[0] is False


async def play(
    name: str, folder: Path, directory: Directory, welcomed: Callable[[Stream], Awaitable[None]]
) -> asyncio.Server:
    """Listen as that member, by hand: welcome whoever dials, then do as told."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        stream = reader, writer
        try:
            await read(stream)
            await write(stream, Welcome(incarnation(name), hello(name).standing))
            await welcomed(stream)
        finally:
            writer.transport.abort()

    tls = server_context(files(folder / "raw" / name, IDENTITIES[name]))
    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=tls, limit=1)
    directory.ports[name] = server.sockets[0].getsockname()[1]
    return server


@pytest.mark.parametrize("said", [Vote(1), Welcome(incarnation("n2"), hello("n2").standing)])
async def test_who_was_dialled_may_say_welcome_once_and_nothing_else(
    start: Start, tmp_path: Path, said: Vote | Welcome, caplog: pytest.LogCaptureFixture
) -> None:
    async def chatter(stream: Stream) -> None:
        await write(stream, said)
        await stream[0].read()

    one = await start("n1")
    async with await play("n2", tmp_path, one.directory, chatter):
        await until(lambda: one.events.told[:3] == ["+n2", "-n2", "+n2"], "hung up, dialled again")
        assert one.events.heard == []
        await one.network.stop()
    assert any("out of turn" in line for line in caplog.messages)


async def test_a_peer_that_reads_nothing_fills_no_memory(start: Start, tmp_path: Path) -> None:
    ended = asyncio.Event()

    async def sleep(_: Stream) -> None:
        await ended.wait()

    one = await start("n1", patience=Patience(stall_s=300))
    async with await play("n2", tmp_path, one.directory, sleep):
        await until(lambda: one.events.peers, "it is connected")
        assert one.network.room("n2") == MAX_QUEUED_BYTES
        message, sent = Propose(1, 1, bytes(256 << 10)), 0
        while one.network.send("n2", message):
            sent += len(message.entry)
            assert sent < MAX_QUEUED_BYTES + KERNEL_BYTES
            await asyncio.sleep(0)
        assert 0 <= one.network.room("n2") <= len(message.entry) + 100
        ended.set()
        await until(lambda: "-n2" in one.events.told, "it is gone")
        await one.network.stop()


async def test_a_peer_that_reads_nothing_for_long_is_dropped(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ended = asyncio.Event()

    async def sleep(_: Stream) -> None:
        await ended.wait()

    one = await start("n1", patience=Patience(stall_s=0.2))
    async with await play("n2", tmp_path, one.directory, sleep):
        await until(lambda: one.events.peers, "it is connected")
        while one.network.send("n2", Propose(1, 1, bytes(256 << 10))):  # noqa: ASYNC110 - it is filled
            await asyncio.sleep(0)
        await until(lambda: "-n2" in one.events.told, "it is dropped")
        assert any("it has read nothing for 0.2 s" in line for line in caplog.messages)
        ended.set()
        await one.network.stop()


async def test_what_was_sent_before_stopping_still_arrives(start: Start) -> None:
    one, two = await start("n1", patience=Patience(flush_s=300)), await start("n2")
    await connected(one, two)
    message = Propose(1, 1, bytes(100_000))
    for _ in range(80):
        assert one.network.send("n2", message)
    await one.network.stop()
    await until(lambda: len(two.events.heard) == 80, "all of it")
    assert one.events.told == ["+n2"]
    assert not one.network.send("n2", Vote(1))


async def test_a_network_that_never_started_can_be_stopped(tmp_path: Path) -> None:
    await Member("n1", tmp_path, Directory()).network.stop()


async def test_stopping_in_the_middle_of_dialling_leaves_nothing_behind(
    start: Start, tmp_path: Path
) -> None:
    """Whatever is left open is a ResourceWarning, which is an error here."""
    two, three = await start("n2"), await start("n3")
    stopped: list[tuple[Member, list[str]]] = []
    for turns in range(40):
        one = await Member("n1", tmp_path, two.directory).start()
        for _ in range(turns):
            await asyncio.sleep(0)
        await one.network.stop()
        stopped.append((one, one.events.told.copy()))
    await connected(two, three)
    await exchange(two, three)
    for member, told in stopped:
        assert member.events.told == told


async def test_an_address_that_is_taken_is_named(start: Start, tmp_path: Path) -> None:
    one = await start("n1")
    bind = f"127.0.0.1:{one.port}"
    with pytest.raises(EngineStartError, match=f"^cannot listen for peers on {bind}: Address alr"):
        await Member("n2", tmp_path, Directory(), bind=bind).start()


@pytest.mark.parametrize("bind", ["no-such-host.invalid:7000", "127.0.0.1", "192.0.2.1:7000"])
async def test_an_address_that_is_not_here_is_named(tmp_path: Path, bind: str) -> None:
    with pytest.raises(EngineStartError, match=f"^cannot listen for peers on {bind}: [^\n]+$"):
        await Member("n2", tmp_path, Directory(), bind=bind).start()


async def test_a_certificate_of_another_node_is_refused_at_start(tmp_path: Path) -> None:
    member = Member("n1", tmp_path, Directory())
    files(tmp_path / "n1", IDENTITIES["n2"])
    with pytest.raises(EngineStartError, match=r"node\.pem is not the certificate of node n1$"):
        await member.start()


async def test_real_memberships_meet(start: Start, tmp_path: Path) -> None:
    members: list[Member] = []
    for name in NAMES:
        data = tmp_path / "data" / name
        data.mkdir(parents=True)
        membership = Membership.open(
            OsDisk(data),
            cluster_id="c1",
            name=name,
            others=[other for other in NAMES if other != name],
            fresh_incarnation=incarnation(name),
            replace=False,
        )
        members.append(await start(name, greeter=membership))
    await connected(*members)
    await exchange(members[0], members[2])
