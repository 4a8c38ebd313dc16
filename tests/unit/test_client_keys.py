"""Voters' key files."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from quorate_client import LocalError
from quorate_client.keys import load_private_key, load_public_key, new_key_files


def test_a_new_key_can_be_read_back_from_both_files(tmp_path: Path) -> None:
    public_key = new_key_files(tmp_path / "alice.pem")
    assert load_private_key(tmp_path / "alice.pem").public_key() == public_key
    assert load_public_key(tmp_path / "alice.pem") == public_key
    assert load_public_key(tmp_path / "alice.pem.pub") == public_key


def test_a_private_key_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    new_key_files(tmp_path / "alice.pem")
    assert stat.S_IMODE((tmp_path / "alice.pem").stat().st_mode) == 0o600


@pytest.mark.parametrize("taken", ["alice.pem", "alice.pem.pub"])
def test_an_existing_file_is_never_overwritten(tmp_path: Path, taken: str) -> None:
    (tmp_path / taken).write_text("precious")
    with pytest.raises(LocalError, match="already exists"):
        new_key_files(tmp_path / "alice.pem")
    assert [path.name for path in tmp_path.iterdir()] == [taken]
    assert (tmp_path / taken).read_text() == "precious"


def test_a_public_key_cannot_sign(tmp_path: Path) -> None:
    new_key_files(tmp_path / "alice.pem")
    with pytest.raises(LocalError, match="a public key"):
        load_private_key(tmp_path / "alice.pem.pub")


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    private, public = tmp_path / "ec.pem", tmp_path / "ec.pub"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(
        key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    with pytest.raises(LocalError, match="not an Ed25519 key"):
        load_private_key(private)
    with pytest.raises(LocalError, match="not an Ed25519 key"):
        load_public_key(public)


def test_an_encrypted_key_is_refused(tmp_path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
    )
    (tmp_path / "key.pem").write_bytes(pem)
    with pytest.raises(LocalError, match="encrypted"):
        load_private_key(tmp_path / "key.pem")


def test_what_is_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("hello")
    with pytest.raises(LocalError, match="not a private key"):
        load_private_key(tmp_path / "key.pem")
    with pytest.raises(LocalError, match="not a key"):
        load_public_key(tmp_path / "key.pem")
    with pytest.raises(LocalError, match="no such key file"):
        load_public_key(tmp_path / "missing.pem")
    with pytest.raises(LocalError, match="cannot be read"):
        load_private_key(tmp_path)
