"""Addresses, listeners, and log lines about strangers."""

import logging
import socket

import pytest

from quorate_replication.wire.quiet import QuietLog
from quorate_replication.wire.sockets import listen, refuse_itself, resolve, split_address, tune


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
