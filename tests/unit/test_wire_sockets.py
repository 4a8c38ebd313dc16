"""Addresses, listeners, and log lines about strangers."""

import logging
import socket

import pytest

from quorate_replication.wire.quiet import QuietLog
from quorate_replication.wire.sockets import (
    SocketAddress,
    bind_source,
    listen,
    refuse_itself,
    resolve,
    source_of,
    split_address,
    tune,
)


@pytest.mark.parametrize(
    ("address", "parts"),
    [
        ("n1.example:7000", ("n1.example", 7000)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
    ],
)
def test_an_address_is_a_host_and_a_port(address: str, parts: tuple[str, int]) -> None:
    assert split_address(address) == parts


@pytest.mark.parametrize("address", ["", "n1", ":7000", "n1:", "n1:x", "n1:65536", "n1:-1"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        split_address(address)


async def test_a_name_is_resolved_to_all_its_addresses() -> None:
    assert (socket.AF_INET, ("127.0.0.1", 7000)) in await resolve("localhost", 7000)


async def test_a_number_is_resolved_to_itself() -> None:
    assert await resolve("127.0.0.1", 7000) == [(socket.AF_INET, ("127.0.0.1", 7000))]


async def test_a_name_is_listened_on() -> None:
    listeners = await listen("localhost:0")
    for listener in listeners:
        with listener, socket.create_connection(listener.getsockname()[:2]):
            pass


def test_a_socket_that_reached_itself_is_refused() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        with pytest.raises(ConnectionRefusedError):
            refuse_itself(sock)


@pytest.mark.parametrize(
    ("bind", "source"),
    [
        ("127.0.1.1:7601", "127.0.1.1"),
        ("127.255.0.9:0", "127.255.0.9"),
        ("127.0.0.1:7601", None),  # the system chooses that one anyway
        ("localhost:7601", None),
        ("0.0.0.0:7601", None),
        ("10.0.0.1:7601", None),
        ("[::1]:7601", None),
        ("[::ffff:127.0.1.1]:7601", None),
    ],
)
def test_only_a_loopback_address_of_ones_own_is_dialled_from(bind: str, source: str | None) -> None:
    assert source_of(bind) == source


@pytest.mark.parametrize(
    ("address", "source"),
    [
        (("127.0.0.1", 7601), "127.0.1.1"),
        (("127.0.1.2", 7601), "127.0.1.1"),
        (("192.0.2.1", 7601), "0.0.0.0"),  # noqa: S104  could not be reached from a loopback address
    ],
)
def test_only_loopback_addresses_are_dialled_from_one(address: SocketAddress, source: str) -> None:
    with socket.socket() as sock:
        bind_source(sock, "127.0.1.1", address)
        assert sock.getsockname()[0] == source


def test_the_port_that_is_dialled_from_is_kept_from_nobody() -> None:
    with socket.socket() as sock:
        bind_source(sock, "127.0.1.1", ("127.0.1.2", 7601))
        assert sock.getsockname()[1] == 0  # chosen at the connect, for that connection only


def test_a_dead_link_is_noticed_within_seconds() -> None:
    with socket.socket() as sock:
        tune(sock)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 4000


def test_a_flood_of_log_lines_becomes_a_number(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    quiet = QuietLog(logging.getLogger("quorate_replication.test"), lambda: now, 3, every_s=5.0)
    for _ in range(100):
        quiet.warning("a stranger")
    assert caplog.messages == ["a stranger"] * 3
    now = 5.0
    quiet.warning("another")
    quiet.warning("one too many")
    assert caplog.messages[3:] == ["another (and 97 such lines before)"]
