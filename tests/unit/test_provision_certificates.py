"""The certificates: who signs them, what they say, and that a TLS stack takes them."""

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.verification import (
    PolicyBuilder,
    ServerVerifier,
    Store,
    Subject,
    VerificationError,
)

from quorate_client.provision.certificates import Authority, Identity

NOW = dt.datetime(2030, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("ab" * 16, NOW)


def certificate(identity: Identity) -> x509.Certificate:
    return x509.load_pem_x509_certificate(identity.certificate)


def names(identity: Identity) -> x509.SubjectAlternativeName:
    return (
        certificate(identity).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    )


def policy(authority: Authority, now: dt.datetime) -> PolicyBuilder:
    return PolicyBuilder().store(Store([certificate(authority.identity)])).time(now)


def server(authority: Authority, subject: Subject, now: dt.datetime = NOW) -> ServerVerifier:
    return policy(authority, now).build_server_verifier(subject)


@pytest.mark.parametrize(
    ("host", "subject"),
    [
        ("10.1.2.3", x509.IPAddress(ipaddress.ip_address("10.1.2.3"))),
        ("vote.example.org", x509.DNSName("vote.example.org")),
        ("127.0.0.1", x509.DNSName("localhost")),
        ("127.0.0.1", x509.DNSName("n1")),
    ],
)
def test_a_node_is_trusted_under_its_names(
    authority: Authority, host: str, subject: Subject
) -> None:
    leaf = certificate(authority.node("n1", host))
    chain = server(authority, subject).verify(leaf, [])
    assert chain == [leaf, certificate(authority.identity)]


def test_a_node_is_trusted_as_a_client_of_its_peers_too(authority: Authority) -> None:
    leaf = certificate(authority.node("n1", "10.1.2.3"))
    verified = policy(authority, NOW).build_client_verifier().verify(leaf, [])
    assert x509.UniformResourceIdentifier("urn:quorate:node:n1") in (verified.subjects or [])


def test_an_officer_is_trusted_as_a_client_and_never_as_a_server(authority: Authority) -> None:
    identity = authority.officer("registrar")
    verified = policy(authority, NOW).build_client_verifier().verify(certificate(identity), [])
    assert verified.subjects == [x509.UniformResourceIdentifier("urn:quorate:officer:registrar")]
    with pytest.raises(VerificationError):
        server(authority, x509.DNSName("registrar")).verify(certificate(identity), [])


def test_another_clusters_node_is_not_trusted(authority: Authority) -> None:
    stranger = Authority("cd" * 16, NOW).node("n1", "10.1.2.3")
    with pytest.raises(VerificationError):
        server(authority, x509.DNSName("n1")).verify(certificate(stranger), [])


def test_a_node_cannot_sign(authority: Authority) -> None:
    leaf = certificate(authority.node("n1", "10.1.2.3"))
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert not leaf.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign


@pytest.mark.parametrize(("days", "trusted"), [(-2, False), (-1, True), (825, True), (826, False)])
def test_the_life_of_a_node_certificate(authority: Authority, days: int, trusted: bool) -> None:
    leaf = certificate(authority.node("n1", "10.1.2.3"))
    verifier = server(authority, x509.DNSName("n1"), NOW + dt.timedelta(days=days))
    if trusted:
        assert verifier.verify(leaf, [])
    else:
        with pytest.raises(VerificationError):
            verifier.verify(leaf, [])


def test_the_authority_names_its_cluster(authority: Authority) -> None:
    assert "ab" * 16 in certificate(authority.identity).subject.rfc4514_string()


def test_localhost_is_named_once(authority: Authority) -> None:
    dns = names(authority.node("n1", "localhost")).get_values_for_type(x509.DNSName)
    assert sorted(dns) == ["localhost", "n1"]


def test_no_key_is_shown_by_repr(authority: Authority) -> None:
    identity = authority.officer("operator")
    assert identity.key.decode() not in repr(identity)
    assert "PRIVATE" not in repr(identity)


def test_openssl_takes_key_and_certificate_together(authority: Authority, tmp_path: Path) -> None:
    identity = authority.node("n1", "127.0.0.1")
    (tmp_path / "pem").write_bytes(identity.certificate)
    (tmp_path / "key").write_bytes(identity.key)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "pem", tmp_path / "key")
