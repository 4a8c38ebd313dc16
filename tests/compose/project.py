"""A cluster of containers with a project, ports and volumes of its own."""

import io
import json
import os
import secrets
import subprocess
import tarfile
import tomllib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import grpc
import tomli_w

from compose.engine import ROOT, V2, compose_command, docker, run
from quorate_client import Profile
from quorate_client.compose import override
from quorate_proto.v1 import cluster_pb2, cluster_pb2_grpc
from support.cluster import eventually, free_ports

LABEL = "com.docker.compose"
CALL_S = 2.0
PATIENCE_S = 90.0  # for a cluster of containers on a busy machine; never a measurement


class Project:
    """A project of `nodes` nodes in `folder`, for `with`; nothing of it is left at the end.

    `variables` are what Compose is told besides. `seen_when_up`: what the nodes said of themselves
    when it was first started, at once.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str], *, nodes: int = 3) -> None:
        self.name = f"quorate-test-{secrets.token_hex(4)}"
        self.names = [f"n{number}" for number in range(1, nodes + 1)]
        self.network = f"{self.name}_cluster"
        self._folder = folder
        first = free_ports(2 * nodes)
        self.ports = {name: first + place for place, name in enumerate(self.names)}
        self.officers_ports = {name: first + nodes + i for i, name in enumerate(self.names)}
        self.environment = dict(variables) | {"COMPOSE_PROJECT_NAME": self.name}
        for name in self.names:
            self.environment[f"QUORATE_{name.upper()}_PORT"] = str(self.ports[name])
            officers_port = str(self.officers_ports[name])
            self.environment[f"QUORATE_{name.upper()}_OFFICER_PORT"] = officers_port
        (folder / "override.yml").write_text(override(nodes, officers=True))
        self.environment["COMPOSE_FILE"] = os.pathsep.join(
            map(str, (ROOT / "docker-compose.yml", folder / "override.yml"))
        )
        self.seen_when_up: Sequence[cluster_pb2.NodeStatus | None] = ()
        self._profile: Profile | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if containers := self.containers():
            docker("rm", "--force", "--volumes", *containers)
        for what in ("network", "volume"):
            if left := docker(what, "ls", "--quiet", "--filter", self._mine).split():
                docker(what, "rm", *left)

    # ------------------------------------------------------------------ Compose

    def compose(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Compose on this project."""
        return run(*compose_command(), *arguments, environment=self.environment, check=check)

    def up(self, *services: str) -> None:
        """Start it, or these services, and wait until Compose says that they are healthy."""
        if compose_command() == V2:
            self.compose("up", "--detach", "--wait", *services)
            return
        self.compose("up", "--detach", *services)
        for name in services or self.names:
            eventually(partial(self.is_healthy, name), f"{name} is healthy", PATIENCE_S)

    def quorate(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a command in the officer's container."""
        return self.compose("run", "--rm", "-T", "cli", *arguments, check=check)

    # ------------------------------------------------------------------ containers

    @property
    def _mine(self) -> str:
        return f"label={LABEL}.project={self.name}"

    def containers(self, *filters: str) -> Sequence[str]:
        """Return the ids of all of its containers that pass all filters."""
        flags = [part for each in (self._mine, *filters) for part in ("--filter", each)]
        return docker("ps", "--all", "--quiet", "--no-trunc", *flags).split()

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        one = (f"label={LABEL}.service={service}", f"label={LABEL}.oneoff=False")
        [found] = self.containers(*one)
        return found

    def inspect(self, service: str) -> dict[str, Any]:
        """Return what the engine knows of a service's container."""
        known: dict[str, Any] = json.loads(docker("inspect", self.container(service)))[0]
        return known

    def is_healthy(self, service: str) -> bool:
        """Tell what the container's own health check has found."""
        return str(self.inspect(service)["State"]["Health"]["Status"]) == "healthy"

    def address(self, service: str) -> str:
        """Return a container's address on the cluster's network; empty if it has none."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"]
        return str(networks.get(self.network, {}).get("IPAddress", ""))

    def logs(self) -> str:
        """Return the last lines that every container has written."""
        return self.compose("logs", "--no-color", "--tail", "40", check=False).stdout

    def log(self, service: str) -> str:
        """Return all that a container has written."""
        ran = run("docker", "logs", self.container(service))
        return ran.stdout + ran.stderr

    # ------------------------------------------------------------------ the cluster

    @property
    def profile(self) -> Profile:
        """The cluster as its clients outside of the containers see it, officers included."""
        if self._profile is None:
            self._profile = self._fetch()
        return self._profile

    def _fetch(self) -> Profile:
        """Copy what is in the officers' volume, and put the published ports into it."""
        volume = f"{self.name}_officers:/officers:ro"
        command = ("docker", "run", "--rm", "--volume", volume, "--entrypoint", "tar")
        packed = subprocess.run(
            (*command, self.environment["QUORATE_IMAGE"], "-C", "/officers", "-c", "cluster"),
            check=True,
            stdout=subprocess.PIPE,
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
            tar.extractall(self._folder, filter="data")
        file = self._folder / "cluster/cluster.toml"
        settings = tomllib.loads(file.read_text())
        for node in settings["nodes"]:
            node["client"] = f"127.0.0.1:{self.ports[node['name']]}"
            node["officer"] = f"127.0.0.1:{self.officers_ports[node['name']]}"
        file.write_text(tomli_w.dumps(settings))
        return Profile.load(self._folder / "cluster")

    def status(self, name: str, *, digest: bool = False) -> cluster_pb2.NodeStatus | None:
        """Return what a node says of itself; None if it does not answer."""
        request = cluster_pb2.GetNodeStatusRequest(include_digest=digest)
        with self._stub(name) as stub, suppress(grpc.RpcError):
            return stub.GetNodeStatus(request, timeout=CALL_S).node
        return None

    def cluster_status(self, name: str) -> cluster_pb2.GetClusterStatusResponse | None:
        """Return what a node says of all members; None if it does not answer."""
        with self._stub(name) as stub, suppress(grpc.RpcError):
            return stub.GetClusterStatus(cluster_pb2.GetClusterStatusRequest(), timeout=CALL_S)
        return None

    @contextmanager
    def _stub(self, name: str) -> Generator["cluster_pb2_grpc.ClusterServiceStub"]:
        [endpoint] = [node.client for node in self.profile.nodes if node.name == name]
        credentials = grpc.ssl_channel_credentials(self.profile.ca)
        with grpc.secure_channel(endpoint, credentials) as channel:
            yield cluster_pb2_grpc.ClusterServiceStub(channel)

    def is_ready(self, name: str) -> bool:
        """Tell whether a node says that it is ready."""
        status = self.status(name)
        return status is not None and status.ready

    def wait_ready(self, *names: str) -> None:
        """Wait until these nodes, or all, are ready."""
        for name in names or self.names:
            eventually(partial(self.is_ready, name), f"{name} is ready", PATIENCE_S)

    def leader(self) -> str:
        """Return the leader that a majority agrees on, waiting for one."""
        return eventually(self._agreed_leader, "a majority agrees on a leader", PATIENCE_S)

    def _agreed_leader(self) -> str | None:
        views = [status.leader_name for name in self.names if (status := self.status(name))]
        agreed = [view for view in set(views) - {""} if 2 * views.count(view) > len(self.names)]
        return agreed[0] if agreed else None

    def wait_same(self) -> None:
        """Wait until every node has the same state at the same index."""
        eventually(self._is_same, "every node has the same state", PATIENCE_S)

    def _is_same(self) -> bool:
        seen = [self.status(name, digest=True) for name in self.names]
        states = {(each.applied_index, each.digest) for each in seen if each is not None}
        return None not in seen and len(states) == 1
