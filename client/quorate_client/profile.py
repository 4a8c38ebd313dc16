"""How to reach a cluster: `cluster.toml`, or endpoints given by hand."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from quorate_client.errors import LocalError
from quorate_client.files import read_file

FILE_NAME = "cluster.toml"
OfficerRole = Literal["registrar", "operator"]
OFFICER_ROLES: tuple[OfficerRole, ...] = ("registrar", "operator")


@dataclass(frozen=True, slots=True)
class Node:
    """One member's addresses (host:port); `officer` is None in lab mode or when not known."""

    name: str
    client: str
    officer: str | None = None


@dataclass(frozen=True, slots=True)
class Officer:
    """Where an officer's certificate and private key (PEM files) lie."""

    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class Profile:
    """A cluster as its clients see it.

    `lab`: plaintext, and anyone is an officer. `ca`: the PEM that signs the nodes' certificates,
    None in lab mode; `ca_file`: where it was read. `cluster_id` is empty when the endpoints were
    given by hand.
    """

    nodes: tuple[Node, ...]
    lab: bool = False
    ca: bytes | None = None
    cluster_id: str = ""
    officers: Mapping[OfficerRole, Officer] = field(default_factory=dict[OfficerRole, Officer])
    ca_file: Path | None = None

    @classmethod
    def load(cls, folder: Path) -> "Profile":
        """Read `cluster.toml` in `folder` (or that file itself); LocalError names what is wrong."""
        path = folder if folder.suffix == ".toml" else folder / FILE_NAME
        try:
            table: dict[str, object] = tomllib.loads(_read(path).decode())
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise LocalError(f"{path}: not valid TOML: {error}") from error
        return _from_table(table, path)

    @classmethod
    def from_endpoints(
        cls, endpoints: Sequence[str], *, ca: Path | None = None, plaintext: bool = False
    ) -> "Profile":
        """Make a profile of `endpoints` (host:port); exactly one of `ca` and `plaintext`."""
        if plaintext == (ca is not None):
            raise LocalError(
                "endpoints need either the CA's certificate (--ca) or --plaintext for a lab cluster"
            )
        given = [endpoint.strip() for endpoint in endpoints if endpoint.strip()]
        if not given:
            raise LocalError("no endpoints given; name them as host:port,host:port")
        nodes = tuple(
            Node(endpoint, check_endpoint(endpoint, "endpoints"))
            for endpoint in dict.fromkeys(given)
        )
        return cls(nodes, lab=plaintext, ca=None if ca is None else _read_ca(ca), ca_file=ca)


def check_endpoint(endpoint: str, where: str) -> str:
    """Return `endpoint` if it is host:port; LocalError says `where` it is not."""
    host, colon, port = endpoint.rpartition(":")
    if not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 2**16):
        raise LocalError(f"{where}: {endpoint!r} is not host:port")
    return endpoint


def _read(path: Path) -> bytes:
    return read_file(path, missing="no such file; `quorate init` makes a cluster")


def _read_ca(path: Path) -> bytes:
    pem = _read(path)
    if b"-----BEGIN CERTIFICATE-----" not in pem:
        raise LocalError(f"{path}: not a certificate in PEM")
    return pem


def _from_table(table: Mapping[str, object], path: Path) -> Profile:
    lab = table.get("lab", False)
    if not isinstance(lab, bool):
        raise LocalError(f"{path}: lab must be true or false")
    ca_file = None if lab else path.parent / _text(table, "ca", path)
    return Profile(
        nodes=_nodes(table.get("nodes"), path),
        lab=lab,
        ca=None if ca_file is None else _read_ca(ca_file),
        ca_file=ca_file,
        cluster_id=_text(table, "cluster_id", path),
        officers={} if lab else _officers(table.get("officers", {}), path),
    )


def _nodes(value: object, path: Path) -> tuple[Node, ...]:
    if not isinstance(value, list) or not value:
        raise LocalError(f"{path}: [[nodes]] are missing")
    nodes: list[Node] = []
    for item in cast("list[object]", value):
        table = _table(item, "nodes", path)
        officer = _text(table, "officer", path) if "officer" in table else None
        nodes.append(
            Node(
                name=_text(table, "name", path),
                client=check_endpoint(_text(table, "client", path), f"{path}: client"),
                officer=None if officer is None else check_endpoint(officer, f"{path}: officer"),
            )
        )
    if len({node.name for node in nodes}) < len(nodes):
        raise LocalError(f"{path}: two nodes have the same name")
    return tuple(nodes)


def _officers(value: object, path: Path) -> dict[OfficerRole, Officer]:
    tables = _table(value, "officers", path)
    officers: dict[OfficerRole, Officer] = {}
    for role in OFFICER_ROLES:
        if role in tables:
            table = _table(tables[role], f"officers.{role}", path)
            officers[role] = Officer(
                certificate=path.parent / _text(table, "certificate", path),
                key=path.parent / _text(table, "key", path),
            )
    return officers


def _table(value: object, name: str, path: Path) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise LocalError(f"{path}: {name} must be a table")
    return cast("dict[str, object]", value)


def _text(table: Mapping[str, object], name: str, path: Path) -> str:
    value = table.get(name)
    if not isinstance(value, str) or not value:
        raise LocalError(f"{path}: {name} is missing or not a text")
    return value
