"""What passes between two nodes of this machine, as firewall rules.

Each node has a loopback address of its own for its peers, listens on a port of it, and dials the
others from it; so its packets are told by both addresses and by the port of whoever was dialled.
"""

import ipaddress
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quorate_client.chaos.model import Pair
from quorate_client.errors import LocalError
from quorate_client.files import read_file


@dataclass(frozen=True, slots=True)
class Peer:
    """Where a node listens for the others."""

    host: str
    port: int


def read_peers(config: Path) -> dict[str, Peer]:
    """Read where every member listens for the others, from the node.toml of one. LocalError."""
    try:
        table: dict[str, Any] = tomllib.loads(read_file(config).decode())
        found = {str(each["name"]): str(each["peer"]).rpartition(":") for each in table["members"]}
        return {name: Peer(host, int(port)) for name, (host, _, port) in found.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise LocalError(f"{config} does not tell where the members listen") from error


def check_distinct(peers: Mapping[str, Peer], folder: Path) -> None:
    """Raise LocalError if the nodes' packets can't be told apart by their addresses."""
    hosts = {peer.host for peer in peers.values()}
    if all(_is_loopback(host) for host in hosts) and len(hosts) == len(peers):
        return
    listed = ", ".join(sorted(hosts))
    raise LocalError(
        f"{folder}: its nodes have no loopback addresses of their own for one another ({listed}), "
        "so that no packet tells between which two it passes; `quorate init` makes new clusters "
        "with such addresses unless another --host is given"
    )


def rules_of(one: Peer, other: Peer) -> frozenset[str]:
    """Return the rules that drop everything between two nodes; see `firewall.Chain`."""
    return frozenset(
        rule
        for caller, called in ((one, other), (other, one))
        for rule in (
            f"-s {caller.host}/32 -d {called.host}/32 -p tcp -m tcp --dport {called.port}",
            f"-s {called.host}/32 -d {caller.host}/32 -p tcp -m tcp --sport {called.port}",
        )
    )


def cut_pairs(rules: Collection[str], possible: Mapping[Pair, frozenset[str]]) -> list[Pair]:
    """Return the pairs, of the possible ones, that any of these rules is about."""
    return [pair for pair, own in possible.items() if not own.isdisjoint(rules)]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.IPv4Address(host).is_loopback
    except ValueError:
        return False
