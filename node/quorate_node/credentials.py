"""TLS: this node's certificate, and which officer a caller's certificate makes her.

The nodes speak mutual TLS with one another whatever their callers speak, so every node has a
certificate, in lab mode too.

gRPC for Python can demand a client certificate or not ask for one, but not ask without demanding.
So officers have a port of their own, with mutual TLS; voters' port asks for no certificate.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from quorate_node.config import Tls
from quorate_node.errors import SetupError

OFFICER_URI = "urn:quorate:officer:"
NODE_URI = "urn:quorate:node:"
REGISTRAR, OPERATOR = "registrar", "operator"


@dataclass(frozen=True, slots=True)
class Credentials:
    """PEM bytes, checked."""

    ca: bytes
    certificate: bytes
    key: bytes

    def for_voters(self) -> grpc.ServerCredentials:
        """TLS that asks for no certificate."""
        return grpc.ssl_server_credentials([(self.key, self.certificate)])

    def for_officers(self) -> grpc.ServerCredentials:
        """TLS that demands a certificate of the cluster's CA."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], self.ca, require_client_auth=True
        )

    def for_dialling(self) -> grpc.ChannelCredentials:
        """TLS towards the other nodes' client ports."""
        return grpc.ssl_channel_credentials(self.ca)


def load_credentials(tls: Tls, node: str) -> Credentials:
    """Read and check this node's certificate, key and CA.

    Raises:
        SetupError: a file is missing or wrong, or they do not belong together.
    """
    ca, certificate, key = _read(tls.ca), _read(tls.certificate), _read(tls.key)
    issuer, own = _certificate(tls.ca, ca), _certificate(tls.certificate, certificate)
    try:
        private = load_pem_private_key(key, password=None)
    except (ValueError, TypeError):
        raise SetupError(f"{tls.key} is not a private key in PEM without a password") from None
    if private.public_key() != own.public_key():
        raise SetupError(f"{tls.key} is not the key of {tls.certificate}")
    try:
        own.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        raise SetupError(f"{tls.certificate} was not issued by {tls.ca}") from None
    now = datetime.now(UTC)
    if not own.not_valid_before_utc <= now < own.not_valid_after_utc:
        raise SetupError(
            f"{tls.certificate} is valid from {own.not_valid_before_utc:%Y-%m-%d} to "
            f"{own.not_valid_after_utc:%Y-%m-%d}, not now: renew it, or mend this machine's clock"
        )
    if f"{NODE_URI}{node}" not in _uris(own):
        raise SetupError(f"{tls.certificate} is not the certificate of node {node}")
    return Credentials(ca, certificate, key)


def officer_role(context: grpc.aio.ServicerContext[object, object]) -> str | None:
    """Return the role in the caller's certificate, which TLS has verified; None without one."""
    names = context.auth_context().get("x509_subject_alternative_name", [])
    for name in names:
        uri = name.decode(errors="replace")
        if uri.startswith(OFFICER_URI):
            return uri.removeprefix(OFFICER_URI)
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as flaw:
        raise SetupError(f"cannot read {path}: {flaw.strerror}") from None


def _certificate(path: Path, pem: bytes) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem)
    except ValueError:
        raise SetupError(f"{path} is not a certificate in PEM") from None


def _uris(certificate: x509.Certificate) -> list[str]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)
