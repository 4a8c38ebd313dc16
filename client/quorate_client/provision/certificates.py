"""The cluster's own certificate authority and what it signs.

ECDSA P-256 throughout. Roles are URI names in the SAN (`urn:quorate:node:n1`,
`urn:quorate:officer:registrar`): a certificate is what its SAN says, whatever its subject.
"""

import datetime as dt
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from quorate_client.provision.plan import address_of

AUTHORITY_LIFE = dt.timedelta(days=3650)
LEAF_LIFE = dt.timedelta(days=825)  # the longest that common TLS stacks accept
CLOCK_SKEW = dt.timedelta(days=1)  # a machine whose clock is behind can still use them
_SERVER = ExtendedKeyUsageOID.SERVER_AUTH
_CLIENT = ExtendedKeyUsageOID.CLIENT_AUTH


@dataclass(frozen=True, slots=True)
class Identity:
    """A certificate and its private key, both PEM; the key stays out of `repr`."""

    certificate: bytes
    key: bytes

    def __repr__(self) -> str:
        return "Identity(...)"


class Authority:
    """A new certificate authority for one cluster, valid from a day before `now`."""

    def __init__(self, cluster_id: str, now: dt.datetime) -> None:
        self._cluster_id = cluster_id
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _subject(cluster_id, f"Quorate cluster {cluster_id}")
        skid = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._authority_key_id = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(
            skid
        )
        self._certificate = (
            self._builder(self._name, self._key.public_key(), AUTHORITY_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(authority=True), critical=True)
            .add_extension(skid, critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def identity(self) -> Identity:
        """The authority's own certificate and key."""
        return _identity(self._certificate, self._key)

    def node(self, name: str, *hosts: str) -> Identity:
        """Sign a node's certificate: it serves, and dials its peers, as `name` at `hosts`."""
        addresses = {host: address_of(host) for host in hosts}
        dns = [name, "localhost", *(host for host in hosts if addresses[host] is None)]
        names: list[x509.GeneralName] = [x509.DNSName(each) for each in dict.fromkeys(dns)]
        names += [x509.IPAddress(address) for address in addresses.values() if address is not None]
        names.append(x509.UniformResourceIdentifier(f"urn:quorate:node:{name}"))
        return self._leaf(name, names, [_SERVER, _CLIENT])

    def officer(self, role: str) -> Identity:
        """Sign an officer's certificate: it only dials."""
        uri = x509.UniformResourceIdentifier(f"urn:quorate:officer:{role}")
        return self._leaf(role, [uri], [_CLIENT])

    def _leaf(
        self, common_name: str, names: list[x509.GeneralName], uses: list[x509.ObjectIdentifier]
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        public = key.public_key()
        certificate = (
            self._builder(_subject(self._cluster_id, common_name), public, LEAF_LIFE)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(authority=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(self._authority_key_id, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return _identity(certificate, key)

    def _builder(
        self, subject: x509.Name, public: ec.EllipticCurvePublicKey, life: dt.timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - CLOCK_SKEW)
            .not_valid_after(self._now + life)
        )


def _subject(cluster_id: str, common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Quorate"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, cluster_id),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        content_commitment=False,
        key_encipherment=False,  # ECDSA keys agree and sign, they encipher nothing
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _identity(certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> Identity:
    return Identity(
        certificate=certificate.public_bytes(serialization.Encoding.PEM),
        key=key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ),
    )
