"""Voters' Ed25519 keys, in PEM files.

The private key is written once, readable by its owner alone, and never printed.
"""

import os
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from quorate_client.errors import LocalError
from quorate_client.files import read_file

PUBLIC_SUFFIX = ".pub"


def new_key_files(path: Path) -> Ed25519PublicKey:
    """Make a key: the private one in `path` (mode 0600), the public one in `path`.pub.

    Neither file may exist: LocalError, and no file is changed.
    """
    public_path = path.with_name(path.name + PUBLIC_SUFFIX)
    for taken in (path, public_path):
        if taken.exists():
            raise LocalError(f"{taken}: already exists; choose another name")
    key = Ed25519PrivateKey.generate()
    private_pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    public_pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write_new(path, private_pem, mode=0o600)
    _write_new(public_path, public_pem, mode=0o644)
    return key.public_key()


def load_private_key(path: Path) -> Ed25519PrivateKey:
    """Read a voter's private key; LocalError if the file holds anything else."""
    pem = _read(path)
    if b"PUBLIC KEY" in pem:
        raise LocalError(f"{path}: a public key; the voter's private key is needed here")
    try:
        key = load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise LocalError(f"{path}: the key is encrypted; Quorate needs it plain") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LocalError(f"{path}: not a private key in PEM; see `quorate key new`") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LocalError(f"{path}: not an Ed25519 key; see `quorate key new`")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """Read a public key, or the public half of a private one; LocalError for anything else."""
    return public_half(path)[0]


def public_half(path: Path) -> tuple[Ed25519PublicKey, bool]:
    """Read a key as `load_public_key` does, and tell whether the file holds the private one."""
    pem = _read(path)
    if b"PRIVATE KEY" in pem:
        return load_private_key(path).public_key(), True
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LocalError(f"{path}: not a key in PEM; see `quorate key new`") from error
    if not isinstance(key, Ed25519PublicKey):
        raise LocalError(f"{path}: not an Ed25519 key; see `quorate key new`")
    return key, False


def _read(path: Path) -> bytes:
    return read_file(path, missing="no such key file; `quorate key new` makes one")


def _write_new(path: Path, content: bytes, *, mode: int) -> None:
    try:
        # O_EXCL: a key that is overwritten is a voter who cannot vote.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise LocalError(f"{path}: already exists; choose another name") from error
    except OSError as error:
        raise LocalError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
