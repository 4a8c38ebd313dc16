"""A node's certificate is checked before it is used, and the message says what is wrong."""

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate_client.provision.certificates import Authority, Identity
from quorate_node.config import Tls
from quorate_node.credentials import load_credentials
from quorate_node.errors import SetupError

NOW = dt.datetime.now(dt.UTC)
AUTHORITY = Authority("0" * 32, NOW)
NODE = AUTHORITY.node("n1", "127.0.0.1")


@pytest.fixture
def tls(tmp_path: Path) -> Tls:
    """Good files."""
    files = Tls(
        ca=tmp_path / "ca.pem", certificate=tmp_path / "node.pem", key=tmp_path / "node.key"
    )
    install(files, AUTHORITY, NODE)
    return files


def install(tls: Tls, authority: Authority, own: Identity) -> None:
    tls.ca.write_bytes(authority.identity.certificate)
    tls.certificate.write_bytes(own.certificate)
    tls.key.write_bytes(own.key)


def flaw(tls: Tls, node: str = "n1") -> str:
    with pytest.raises(SetupError) as caught:
        load_credentials(tls, node)
    assert "\n" not in str(caught.value)
    assert "PRIVATE KEY" not in str(caught.value)
    return str(caught.value)


def test_good_files_are_taken(tls: Tls) -> None:
    credentials = load_credentials(tls, "n1")
    assert credentials.certificate == NODE.certificate
    for make in (credentials.for_voters, credentials.for_officers, credentials.for_dialling):
        assert make()


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_a_missing_file_is_named(tls: Tls, which: str) -> None:
    path = getattr(tls, which)
    path.unlink()
    assert str(path) in flaw(tls)


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\n", b"\xff\0"])
def test_a_file_of_something_else_is_named(tls: Tls, which: str, content: bytes) -> None:
    path = getattr(tls, which)
    path.write_bytes(content)
    assert str(path) in flaw(tls)


def _other_key(tls: Tls) -> None:
    tls.key.write_bytes(AUTHORITY.node("n1", "127.0.0.1").key)


def _other_authority(tls: Tls) -> None:
    tls.ca.write_bytes(Authority("0" * 32, NOW).identity.certificate)


def _not_an_authority(tls: Tls) -> None:
    tls.ca.write_bytes(NODE.certificate)


def _expired(tls: Tls) -> None:
    authority = Authority("0" * 32, NOW - dt.timedelta(days=826))
    install(tls, authority, authority.node("n1", "127.0.0.1"))


def _not_yet(tls: Tls) -> None:
    authority = Authority("0" * 32, NOW + dt.timedelta(days=2))
    install(tls, authority, authority.node("n1", "127.0.0.1"))


def _officer(tls: Tls) -> None:
    install(tls, AUTHORITY, AUTHORITY.officer("registrar"))


@pytest.mark.parametrize(
    ("spoil", "mentions"),
    [
        (_other_key, "is not the key of"),
        (_other_authority, "was not issued by"),
        (_not_an_authority, "was not issued by"),
        (_expired, "renew it"),
        (_not_yet, "not now"),
        (_officer, "is not the certificate of node n1"),
    ],
)
def test_files_that_do_not_belong_together_are_refused(
    tls: Tls, spoil: Callable[[Tls], None], mentions: str
) -> None:
    spoil(tls)
    assert mentions in flaw(tls)


@pytest.mark.parametrize("name", ["n2", "n", "n11", "N1", ""])
def test_the_certificate_of_another_node_is_refused(tls: Tls, name: str) -> None:
    assert f"is not the certificate of node {name}" in flaw(tls, name)
