"""Who a certificate is of, and what is said of files that are no good."""

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from quorate_replication.errors import EngineStartError
from quorate_replication.options import PeerTls
from quorate_replication.wire.tls import (
    check_own_name,
    client_context,
    peer_name,
    server_context,
)

from .wire_members import AUTHORITY, IDENTITIES, files


def names(*uris: str) -> dict[str, object]:
    return {"subjectAltName": (("DNS", "n9"), *(("URI", uri) for uri in uris))}


@pytest.mark.parametrize(
    ("certificate", "name"),
    [
        (names("urn:quorate:node:n1"), "n1"),
        (names("urn:other", "urn:quorate:node:n1"), "n1"),
        (names("urn:quorate:node:n1", "urn:quorate:node:n2"), None),
        (names("urn:quorate:officer:registrar"), None),
        (names("urn:quorate:node:"), None),
        (names(), None),
        ({}, None),
        (None, None),
    ],
)
def test_a_certificate_is_of_the_one_member_that_its_uri_names(
    certificate: dict[str, object] | None, name: str | None
) -> None:
    assert peer_name(certificate) == name


@pytest.mark.parametrize("make", [server_context, client_context])
def test_both_sides_demand_a_certificate_of_the_cluster_and_tls_1_3(
    tmp_path: Path, make: Callable[[PeerTls], ssl.SSLContext]
) -> None:
    context = make(files(tmp_path, IDENTITIES["n1"]))
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert len(context.get_ca_certs()) == 1


def missing_ca(tls: PeerTls) -> None:
    tls.ca.unlink()


def missing_key(tls: PeerTls) -> None:
    tls.key.unlink()


def no_ca(tls: PeerTls) -> None:
    tls.ca.write_text("nothing")


def no_certificate(tls: PeerTls) -> None:
    tls.certificate.write_text("nothing")


def another_key(tls: PeerTls) -> None:
    tls.key.write_bytes(IDENTITIES["n2"].key)


def encrypted_key(tls: PeerTls) -> None:
    key = load_pem_private_key(tls.key.read_bytes(), None)
    secret = BestAvailableEncryption(b"secret")
    tls.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))


@pytest.mark.parametrize("context", [server_context, client_context])
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (missing_ca, r"cannot read .*ca\.pem: No such file"),
        (missing_key, r"cannot read .*node\.key: No such file"),
        (no_ca, r"ca\.pem holds no CA certificate"),
        (no_certificate, r"node\.pem and .*node\.key are not a certificate and its key"),
        (another_key, r"node\.pem and .*node\.key are not a certificate and its key"),
        (encrypted_key, r"node\.pem and .*node\.key are not a certificate and its key"),
    ],
)
def test_a_file_that_is_no_good_is_named_in_one_line(
    tmp_path: Path,
    context: Callable[[PeerTls], object],
    spoil: Callable[[PeerTls], None],
    said: str,
) -> None:
    tls = files(tmp_path, IDENTITIES["n1"])
    assert context(tls)
    spoil(tls)
    with pytest.raises(EngineStartError, match=said) as raised:
        context(tls)
    assert "\n" not in str(raised.value)


def test_a_members_own_certificate_must_name_it(tmp_path: Path) -> None:
    check_own_name(files(tmp_path, IDENTITIES["n1"]), "n1")
    for identity in (IDENTITIES["n2"], AUTHORITY.officer("registrar"), AUTHORITY.identity):
        with pytest.raises(EngineStartError, match="is not the certificate of node n1"):
            check_own_name(files(tmp_path, identity), "n1")
