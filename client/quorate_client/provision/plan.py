"""What a new cluster will look like, checked before anything is made.

Rule 1: pure. No file, socket, clock or random number is touched here.
Rule 2: a plan that exists is a plan that can be carried out: names are unique, addresses are
valid and no two listeners share a port.
"""

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass

from quorate_client.errors import LocalError

MAX_NODES = 9
LAST_PORT = 65535
_LABEL = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?<!-)", re.ASCII)
_MAX_HOST = 253  # characters of a DNS name, RFC 1035 section 2.3.4
_LOOPBACK = "127.0.0.1"
_PEER_HOSTS = "127.0.1.{}"  # of the nodes on _LOOPBACK; Linux answers on all of 127.0.0.0/8


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node: its name and the ports that it listens on (`officer` is None in lab mode).

    `peer_host` is where it listens for the other nodes, if that is not `host`.
    """

    name: str
    host: str
    client_port: int
    officer_port: int | None
    peer_port: int
    peer_host: str | None = None
    listen_host: str | None = None  # where it listens, if that is not where it is found
    also_at: tuple[str, ...] = ()  # other addresses that its certificate is good for

    @property
    def client(self) -> str:
        """Where voters reach it, `host:port`."""
        return endpoint(self.host, self.client_port)

    @property
    def officer(self) -> str | None:
        """Where officers reach it, `host:port`; None in lab mode."""
        return None if self.officer_port is None else endpoint(self.host, self.officer_port)

    @property
    def peer(self) -> str:
        """Where the other nodes reach it, `host:port`."""
        return endpoint(self.peer_host or self.host, self.peer_port)


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster to be made; see `plan_cluster`."""

    nodes: tuple[NodePlan, ...]
    lab: bool

    def __post_init__(self) -> None:
        """Raise LocalError for what could not be carried out."""
        taken: dict[tuple[str, int], str] = {}
        for node in self.nodes:
            for kind, port in _listeners(node):
                if not 1 <= port <= LAST_PORT:
                    raise LocalError(f"{kind} port {port} of {node.name} is not in 1..{LAST_PORT}")
                other = taken.setdefault((node.host, port), f"the {kind} port of {node.name}")
                mine = f"the {kind} port of {node.name}"
                if other != mine:
                    raise LocalError(f"port {port} would be {other} and also {mine}")

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is allowed but not wise, a sentence each."""
        count = len(self.nodes)
        found: list[str] = []
        if count % 2 == 0:
            found.append(
                f"{count} nodes survive no more failures than {count - 1}: an odd number is better"
            )
        if count == 1:
            found.append("one node survives no failure: it is for trying things out")
        if self.lab:
            found.append(
                "lab mode: clients in plaintext, and anyone who reaches a node is an officer"
            )
        return tuple(found)


def plan_cluster(  # noqa: PLR0913  one argument per option of `quorate init`
    *,
    nodes: int,
    client_port: int,
    officer_port: int | None = None,
    peer_port: int | None = None,
    host: str = "127.0.0.1",
    lab: bool = False,
) -> Plan:
    """Lay out `nodes` nodes n1, n2, ... on one host, each kind of port counting up from its first.

    Officer ports start at the client port + 100 and peer ports at + 200 if not given. On 127.0.0.1
    each node has an address of its own for the others (n1 127.0.1.1, n2 127.0.1.2, ...), so that
    it can be cut off from one of them: see `quorate chaos partition`. Raises LocalError, with a
    one-line message, for a layout that cannot work.
    """
    if not 1 <= nodes <= MAX_NODES:
        raise LocalError(f"a cluster has 1 to {MAX_NODES} nodes, not {nodes}")
    if lab and officer_port is not None:
        raise LocalError("lab mode has no officer ports: anyone is an officer there")
    checked = checked_host(host)
    officers = client_port + 100 if officer_port is None else officer_port
    peers = client_port + 200 if peer_port is None else peer_port
    return Plan(
        nodes=tuple(
            NodePlan(
                name=f"n{number + 1}",
                host=checked,
                client_port=client_port + number,
                officer_port=None if lab else officers + number,
                peer_port=peers + number,
                peer_host=_PEER_HOSTS.format(number + 1) if checked == _LOOPBACK else None,
            )
            for number in range(nodes)
        ),
        lab=lab,
    )


def checked_host(host: str) -> str:
    """Return `host`, an address or a DNS name that others can dial, or raise LocalError."""
    address = address_of(host)
    if address is not None:
        if address.is_unspecified or address.is_multicast:
            raise LocalError(f"{host} is not an address that clients can dial")
        return str(address)
    labels = host.removesuffix(".").split(".")
    named = len(host) <= _MAX_HOST and all(_LABEL.fullmatch(label) for label in labels)
    if not named or labels[-1].isdigit():  # "127.0.0.256" is no name (RFC 1123 section 2.1)
        raise LocalError(f"{host!r} is neither an IP address nor a DNS name")
    return host.removesuffix(".")


def address_of(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Read `host` as an IP address without a zone; None if it is none."""
    if "%" in host:  # a zone index means something on this machine only
        return None
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def endpoint(host: str, port: int) -> str:
    """Write `host:port`, with the brackets that an IPv6 address needs."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _listeners(node: NodePlan) -> Iterator[tuple[str, int]]:
    yield "client", node.client_port
    if node.officer_port is not None:
        yield "officer", node.officer_port
    yield "peer", node.peer_port
