"""A cluster of containers, run by Docker Compose on this machine; see docs/COMPOSE.md."""

import io
import shlex
import tarfile
from collections.abc import Sequence

from quorate_client.chaos.bridge import Bridge
from quorate_client.chaos.engine import (
    Container,
    Network,
    Project,
    docker,
    docker_bytes,
    find_network,
    find_nodes,
)
from quorate_client.chaos.model import (
    ALL_OTHERS,
    Broken,
    Mended,
    NodeState,
    State,
    pairs_of,
    partners,
)
from quorate_client.errors import LocalError, NotDone
from quorate_client.profile import Node, Profile

_CA = "/var/lib/quorate/node/ca.pem"  # in a node's container
_KILLED = 137  # the exit code of a container that SIGKILL ended
_STATES: dict[str, State] = {"running": "running", "paused": "paused"}


class Compose:
    """See `model.Cluster`. `mend` is the command that mends it, for people."""

    def __init__(self, project: Project, mend: str) -> None:
        self._project = project
        self._mend = mend
        self.names = list(find_nodes(project))

    def profile(self) -> Profile:
        """Return how the nodes are reached from this machine. Raises LocalError."""
        nodes = self._nodes()
        reached = {name: node.published for name, node in nodes.items()}
        published = tuple(Node(name, where) for name, where in reached.items() if where)
        if not published:
            raise LocalError("no node's port for voters is published on this machine")
        packed = docker_bytes("cp", f"{next(iter(nodes.values())).id}:{_CA}", "-")
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            member = archive.extractfile(archive.next() or "")
            ca = b"" if member is None else member.read()
        return Profile(published, ca=ca)

    def check_running(self) -> None:
        """See `model.Cluster`."""
        if all(node.status not in _STATES for node in self._nodes().values()):
            raise LocalError(f"no node runs; start them with `{self._command('up', '--detach')}`")

    def kill(self, name: str) -> Broken:
        """See `model.Cluster`."""
        docker("kill", self._up(name).id)
        start = self._command("start", name)
        follows = f"no restart policy brings it back: `{start}` does, or: {self._mend}"
        return Broken("kill", (name,), f"killed {name}", follows)

    def pause(self, name: str) -> Broken:
        """See `model.Cluster`."""
        container = self._up(name)
        if container.status != "paused":
            docker("pause", container.id)
        follows = f"it answers nothing and keeps its connections until: {self._mend}"
        return Broken("pause", (name,), f"paused {name}", follows)

    def cut(self, one: str, other: str) -> Broken:
        """See `model.Cluster`."""
        network = self._network()
        ends = {name: self._up(name).addresses.get(network.name) or "" for name in (one, other)}
        for name, address in ends.items():
            if not address:
                raise NotDone(f"{name} is cut off from all the others already; nothing was done")
        Bridge(network.bridge).cut(ends)
        follows = f"clients reach all nodes as before; the cut stays until: {self._mend}"
        return Broken("partition", (one, other), f"cut {one} off from {other}", follows)

    def cut_off(self, name: str) -> Broken:
        """See `model.Cluster`."""
        network, container = self._network(), self._nodes()[name]
        if network.name in container.addresses:
            docker("network", "disconnect", network.name, container.id)
        follows = f"it is cut off from clients, too, until: {self._mend}"
        return Broken("partition", (name,), f"cut {name} off from all the others", follows)

    def heal(self) -> Mended:
        """See `model.Cluster`. What was killed is started, too: nobody else would."""
        network, nodes = self._network(), self._nodes()
        paused = [name for name, node in nodes.items() if node.status == "paused"]
        for name in paused:
            docker("unpause", nodes[name].id)
        lonely = [name for name, node in nodes.items() if network.name not in node.addresses]
        for name in lonely:
            docker("network", "connect", "--alias", name, network.name, nodes[name].id)
        killed = [name for name, node in nodes.items() if _was_killed(node)]
        for name in killed:
            docker("start", nodes[name].id)
        bridge, unknown = Bridge(network.bridge), None
        joined = [(name, ALL_OTHERS) for name in lonely]
        try:
            joined += bridge.cut_pairs()
            bridge.join()
        except LocalError as flaw:
            unknown = f"whether pairs are cut was not looked at: {flaw}"
        return Mended(tuple(paused), tuple(killed), tuple(joined), unknown)

    def states(self) -> Sequence[NodeState]:
        """See `model.Cluster`."""
        network, nodes = self._network(), self._nodes()
        lonely = {name for name, node in nodes.items() if network.name not in node.addresses}
        cut = [pair for pair in pairs_of(self.names) if not lonely.isdisjoint(pair)]
        seen = True
        try:
            cut += Bridge(network.bridge).cut_pairs()
        except LocalError:
            seen = False
        return [
            NodeState(
                name,
                _STATES.get(node.status, "down"),
                partners(name, cut) if seen or name in lonely else None,
            )
            for name, node in nodes.items()
        ]

    def _nodes(self) -> dict[str, Container]:
        return find_nodes(self._project)

    def _network(self) -> Network:
        return find_network(next(iter(self._nodes().values())).project)

    def _up(self, name: str) -> Container:
        container = self._nodes()[name]
        if container.status not in _STATES:
            raise NotDone(f"{name} is down already ({container.status}); nothing was done")
        return container

    def _command(self, *words: str) -> str:
        return shlex.join(["docker", "compose", *self._project.flags, *words])


def _was_killed(node: Container) -> bool:
    return node.status == "exited" and node.exit_code == _KILLED
