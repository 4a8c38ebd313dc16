"""What members need to speak to one another in a test: certificates of one authority."""

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from quorate_client.provision.certificates import Authority
from quorate_replication.options import PeerTls

CLUSTER_ID = "c" * 32


def peer_certificates(folder: Path, names: Iterable[str]) -> dict[str, PeerTls]:
    """Make a certificate for each member, below `folder`."""
    authority = Authority(CLUSTER_ID, dt.datetime.now(dt.UTC))
    ca = folder / "ca.pem"
    ca.write_bytes(authority.identity.certificate)
    made: dict[str, PeerTls] = {}
    for name in names:
        identity = authority.node(name, "127.0.0.1")
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(identity.certificate)
        key.write_bytes(identity.key)
        made[name] = PeerTls(ca, certificate, key)
    return made
