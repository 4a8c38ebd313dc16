"""The certificates for TLS, checked before anything is sent: gRPC would only log what is wrong.

What is handed to gRPC is written anew from what was checked, so that both see the same.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

import grpc
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from quorate_client.errors import LocalError
from quorate_client.files import read_file
from quorate_client.profile import Officer, Profile


def credentials(profile: Profile, officer: Officer | None) -> grpc.ChannelCredentials:
    """Return TLS that trusts the profile's CA and, for an officer, shows her certificate.

    Raises:
        LocalError: a file is missing or wrong, or they do not belong together.
    """
    if profile.ca is None:
        raise LocalError("the profile has no CA certificate")
    ca_name, now = str(profile.ca_file or "the CA's certificate"), datetime.now(UTC)
    issuers = _certificates(ca_name, profile.ca)
    current = [issuer for issuer in issuers if _is_valid(issuer, now)]
    if not current:
        raise _not_valid(ca_name, issuers[0])
    if officer is None:
        return grpc.ssl_channel_credentials(_pem(issuers))
    chain = _certificates(str(officer.certificate), read_file(officer.certificate))
    key = _key_of(officer, chain[0])
    if not any(_issued(issuer, chain[0]) for issuer in current):
        raise LocalError(f"{officer.certificate}: was not issued by this cluster's CA ({ca_name})")
    if not _is_valid(chain[0], now):
        raise _not_valid(str(officer.certificate), chain[0])
    return grpc.ssl_channel_credentials(_pem(issuers), key, _pem(chain))


def _certificates(name: str, pem: bytes) -> list[x509.Certificate]:
    try:
        certificates = x509.load_pem_x509_certificates(pem)
        for certificate in certificates:
            certificate.public_key()  # it is parsed no earlier
    except (ValueError, UnsupportedAlgorithm) as error:
        raise LocalError(f"{name}: not a usable certificate in PEM") from error
    return certificates


def _key_of(officer: Officer, certificate: x509.Certificate) -> bytes:
    try:
        key = load_pem_private_key(read_file(officer.key), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise LocalError(f"{officer.key}: not a private key in PEM without a password") from error
    if key.public_key() != certificate.public_key():
        raise LocalError(f"{officer.key}: not the key of {officer.certificate}")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def _is_valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc


def _not_valid(name: str, certificate: x509.Certificate) -> LocalError:
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return LocalError(
        f"{name}: valid from {start:%Y-%m-%d} to {end:%Y-%m-%d}, not now; "
        "renew it, or mend this machine's clock"
    )


def _pem(certificates: Sequence[x509.Certificate]) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
