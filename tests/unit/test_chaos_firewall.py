"""Our chain in the machine's real iptables: what it drops, and that nothing else is touched."""

import os
import socket
from collections.abc import Iterator

import pytest

from quorate_client.chaos import firewall
from quorate_client.chaos.firewall import Chain
from quorate_client.chaos.peers import Peer, rules_of
from quorate_client.errors import LocalError
from support.firewall import lines_about, needs_iptables

NAME = f"QUORATE-TEST-{os.getpid()}"
ONE, TWO = "127.99.0.1", "127.99.0.2"
RULE, OTHER = "-s 127.99.0.3/32 -p udp", "-s 127.99.0.4/32 -p udp"


@pytest.fixture
def chain() -> Iterator[Chain]:
    chain = Chain(NAME, "INPUT")
    yield chain
    chain.remove(chain.rules())


def reaches(source: str, target: tuple[str, int]) -> bool:
    with socket.socket() as sock:
        sock.bind((source, 0))
        sock.settimeout(0.5)  # of one that is dropped; the others are there at once
        try:
            sock.connect(target)
        except TimeoutError:
            return False
        return True


@needs_iptables
def test_a_cut_drops_what_two_peers_send_each_other_and_nothing_else(chain: Chain) -> None:
    with socket.create_server((ONE, 0)) as first, socket.create_server((TWO, 0)) as second:
        one, two = first.getsockname(), second.getsockname()
        with socket.create_server((TWO, 0)) as another:
            elsewhere = another.getsockname()
            assert reaches(ONE, two)
            assert reaches(TWO, one)
            chain.add(rules_of(Peer(*one), Peer(*two)))
            assert not reaches(ONE, two)
            assert not reaches(TWO, one)
            assert reaches("127.0.0.1", one)
            assert reaches("127.99.0.3", two)
            assert reaches(ONE, elsewhere)
            chain.remove(chain.rules())
            assert reaches(ONE, two)
            assert reaches(TWO, one)


@needs_iptables
def test_a_cut_ends_what_passed_on_a_connection_that_was_there(chain: Chain) -> None:
    with socket.create_server((ONE, 0)) as listener, socket.socket() as caller:
        caller.bind((TWO, 0))
        caller.connect(listener.getsockname())
        called, _ = listener.accept()
        chain.add(rules_of(Peer(*listener.getsockname()), Peer(TWO, 1)))
        with called:
            for sender, receiver in ((caller, called), (called, caller)):
                receiver.settimeout(0.5)
                sender.send(b"x")
                with pytest.raises(TimeoutError):
                    receiver.recv(1)


@needs_iptables
def test_rules_are_read_as_they_were_written_and_are_there_once(chain: Chain) -> None:
    rules = [*sorted(rules_of(Peer(ONE, 1), Peer(TWO, 2))), RULE]
    chain.add(rules)
    chain.add(rules)
    assert chain.rules() == rules
    assert [line for line in lines_about(NAME) if f"-j {NAME}" in line] == [f"-A INPUT -j {NAME}"]


@needs_iptables
def test_nothing_is_left_when_the_last_rule_is_removed(chain: Chain) -> None:
    chain.add([RULE, OTHER])
    chain.remove([RULE])
    assert chain.rules() == [OTHER]
    for _ in range(2):
        chain.remove([RULE, OTHER])
        assert lines_about(NAME) == []


@needs_iptables
def test_what_iptables_refuses_is_told_and_nothing_is_changed(chain: Chain) -> None:
    with pytest.raises(LocalError, match=r"iptables-restore refused: .+"):
        chain.add([RULE, "--no-such-option"])
    assert lines_about(NAME) == []


def found(tool: str, **_: str) -> str:
    return f"/usr/sbin/{tool}"


def not_found(tool: str, **_: str) -> None:
    del tool


def test_without_root_it_is_said_that_it_takes_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", found)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(LocalError, match="needs root"):
        Chain(NAME, "INPUT").rules()


def test_without_iptables_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", not_found)
    assert not firewall.is_there()
    with pytest.raises(LocalError, match="iptables, which this machine has not"):
        Chain(NAME, "INPUT").rules()
