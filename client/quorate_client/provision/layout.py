"""What goes into a cluster's folder: every file of a plan, as bytes, before any is written.

The formats are those of docs/DESIGN.md. Keys and the secret are made here; nothing is read from
or written to the disk. The nodes have certificates in lab mode too: only the clients' port is
plaintext there.
"""

import datetime as dt
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import tomli_w

from quorate_client.provision.certificates import Authority, Identity
from quorate_client.provision.plan import NodePlan, Plan, endpoint

PROFILE = "cluster.toml"
OFFICERS = ("registrar", "operator")
SECRET_BYTES = 32
NEWBORN = "newborn.json"
"""In a data folder: it is empty because it is new, not because its disk was lost. The node's first
start takes it away; without it an empty folder must be explained (`quorate-node --replace`)."""


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to write: its path from the cluster's folder; a `secret` one is its owner's only."""

    path: str
    content: bytes
    secret: bool = False

    def __repr__(self) -> str:
        return f"NewFile({self.path!r})"


@dataclass(frozen=True, slots=True)
class NewCluster:
    """A cluster's id (32 hex digits) and its files."""

    cluster_id: str
    files: tuple[NewFile, ...]


def lay_out(plan: Plan, now: dt.datetime) -> NewCluster:
    """Make the keys, certificates and configuration of `plan`; certificates count from `now`."""
    cluster_id = secrets.token_hex(16)
    secret = secrets.token_hex(SECRET_BYTES).encode()
    authority = Authority(cluster_id, now)
    files = [NewFile(PROFILE, _toml(_profile(plan, cluster_id)))]
    files += _pair("ca", authority.identity)
    for role in () if plan.lab else OFFICERS:
        files += _pair(f"officers/{role}", authority.officer(role))
    for node in plan.nodes:
        folder = f"nodes/{node.name}"
        files.append(NewFile(f"{folder}/node.toml", _toml(_node(plan, node, cluster_id))))
        files.append(NewFile(f"{folder}/cluster.secret", secret, secret=True))
        files.append(NewFile(f"{folder}/ca.pem", authority.identity.certificate))
        files += _pair(f"{folder}/node", authority.node(node.name, node.host, *node.also_at))
        newborn = {"cluster_id": cluster_id, "name": node.name}
        files.append(NewFile(f"{folder}/data/{NEWBORN}", json.dumps(newborn).encode()))
    return NewCluster(cluster_id=cluster_id, files=tuple(files))


def _pair(stem: str, identity: Identity) -> Iterator[NewFile]:
    yield NewFile(f"{stem}.pem", identity.certificate)
    yield NewFile(f"{stem}.key", identity.key, secret=True)


def _profile(plan: Plan, cluster_id: str) -> dict[str, object]:
    profile: dict[str, object] = {"cluster_id": cluster_id, "lab": plan.lab}
    if not plan.lab:
        profile["ca"] = "ca.pem"
    profile["nodes"] = [
        {"name": node.name, "client": node.client}
        | ({} if node.officer is None else {"officer": node.officer})
        for node in plan.nodes
    ]
    if not plan.lab:
        profile["officers"] = {
            role: {"certificate": f"officers/{role}.pem", "key": f"officers/{role}.key"}
            for role in OFFICERS
        }
    return profile


def _node(plan: Plan, node: NodePlan, cluster_id: str) -> dict[str, object]:
    listen = {"client": node.client, "peer": node.peer}
    if node.officer is not None:
        listen["officer"] = node.officer
    if node.listen_host is not None:
        ports = {kind: int(address.rpartition(":")[2]) for kind, address in listen.items()}
        listen = {kind: endpoint(node.listen_host, port) for kind, port in ports.items()}
    return {
        "cluster_id": cluster_id,
        "name": node.name,
        "lab": plan.lab,
        "data_dir": "data",
        "secret_file": "cluster.secret",
        "listen": listen,
        "tls": {"ca": "ca.pem", "certificate": "node.pem", "key": "node.key"},
        "members": [
            {"name": member.name, "client": member.client, "peer": member.peer}
            for member in plan.nodes
        ],
    }


def _toml(document: dict[str, object]) -> bytes:
    return tomli_w.dumps(document).encode()
