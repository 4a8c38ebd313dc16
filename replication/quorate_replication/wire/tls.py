"""TLS between members: both sides prove with a certificate of the cluster's CA who they are.

Who that is, a URI in the certificate says: `urn:quorate:node:NAME`. Host names are not looked at,
since a member may be reached under any address.
"""

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography import x509

from quorate_replication.errors import EngineStartError
from quorate_replication.options import PeerTls

_NODE = "urn:quorate:node:"


def server_context(files: PeerTls) -> ssl.SSLContext:
    """Return what a member listens with. Raises EngineStartError if a file is unusable."""
    context = _load(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), files)
    context.num_tickets = 0  # every connection proves itself anew
    return context


def client_context(files: PeerTls) -> ssl.SSLContext:
    """Return what a member dials with. Raises EngineStartError if a file is unusable."""
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), files)


def check_own_name(files: PeerTls, name: str) -> None:
    """Refuse a certificate by which the others would take this member for somebody else."""
    try:
        certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    except (OSError, ValueError, x509.ExtensionNotFound):
        uris = []
    if [uri for uri in uris if uri.startswith(_NODE)] != [_NODE + name]:
        raise EngineStartError(f"{files.certificate} is not the certificate of node {name}")


def peer_name(certificate: Mapping[str, Any] | None) -> str | None:
    """Return the member whom a verified certificate (`getpeercert()`) names, if exactly one."""
    names = [
        str(value).removeprefix(_NODE)
        for kind, value in (certificate or {}).get("subjectAltName", ())
        if kind == "URI" and str(value).startswith(_NODE)
    ]
    return names[0] if len(names) == 1 and names[0] else None


def _load(context: ssl.SSLContext, files: PeerTls) -> ssl.SSLContext:
    """Trust the cluster's CA alone: a bare context has no CA of the system in it."""
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.options |= ssl.OP_NO_TICKET
    for file in (files.ca, files.certificate, files.key):
        _check_readable(file)
    try:
        context.load_verify_locations(cafile=files.ca)
    except ssl.SSLError:
        raise EngineStartError(f"{files.ca} holds no CA certificate (PEM)") from None
    try:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    except (ssl.SSLError, ValueError):
        raise EngineStartError(
            f"{files.certificate} and {files.key} are not a certificate and its key "
            "(PEM, without a password)"
        ) from None
    return context


def _check_readable(file: Path) -> None:
    try:
        with file.open("rb") as opened:
            opened.read(1)
    except OSError as flaw:
        raise EngineStartError(f"cannot read {file}: {flaw.strerror}") from None


def _no_password() -> str:
    raise ValueError("an encrypted key")  # rather than OpenSSL asking at the terminal
