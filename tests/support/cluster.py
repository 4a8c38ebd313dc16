"""A real cluster on this machine: real processes, disks, ports, TLS and signals."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from signal import SIGTERM
from types import TracebackType
from typing import Self, TypeVar

import grpc
from grpc_health.v1 import health_pb2

from quorate_client.provision import plan_cluster, provision
from quorate_proto.v1 import cluster_pb2, cluster_pb2_grpc

T = TypeVar("T")
PATIENCE_S = 30.0  # how long a condition is awaited before the test fails; never a measurement


def free_ports(count: int) -> int:
    """Return the first of `count` consecutive ports that nobody listens on.

    Workers that test side by side look in ranges of their own.
    """
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 4
    begin = 20000 + 3000 * worker
    for first in range(begin + (time.time_ns() // 1000) % 2500, begin + 3000, count):
        sockets: list[socket.socket] = []
        try:
            for port in range(first, first + count):
                listener = socket.socket()
                sockets.append(listener)
                listener.bind(("", port))  # on every address: members have some of their own
        except OSError:
            continue
        else:
            return first
        finally:
            for listener in sockets:
                listener.close()
    raise RuntimeError("no free ports")


def eventually(look: Callable[[], T | None], what: str, patience_s: float = PATIENCE_S) -> T:
    """Return the first value that is neither None nor False; fail after `patience_s`."""
    deadline = time.monotonic() + patience_s
    while True:
        value = look()
        if value is not None and value is not False:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"never happened: {what}")
        time.sleep(0.02)


def unary(channel: grpc.Channel, method: str) -> "grpc.UnaryUnaryMultiCallable[bytes, bytes]":
    """Return a call of bytes to bytes."""
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
    return call


def outcome_of(error: grpc.RpcError) -> str | None:
    """Return what an error's trailing metadata says of the call: definite or indefinite."""
    trailers = {item.key: str(item.value) for item in error.trailing_metadata() or ()}
    return trailers.get("quorate-outcome")


class LocalCluster:
    """Makes a cluster's folder and runs its nodes; everything is killed at the end."""

    def __init__(self, folder: Path, *, nodes: int = 3, lab: bool = False) -> None:
        first = free_ports(3 * nodes)
        self.folder = folder
        self.lab = lab
        self.plan = plan_cluster(
            nodes=nodes,
            lab=lab,
            client_port=first,
            officer_port=None if lab else first + nodes,
            peer_port=first + 2 * nodes,
        )
        provision(folder, self.plan)
        self.names = [node.name for node in self.plan.nodes]
        self.endpoints = {node.name: node.client for node in self.plan.nodes}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        try:
            for name in self.names:
                self.start(name)
            self.wait_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for name in list(self.processes):
            self.kill(name)

    def start(self, name: str, *flags: str, prefix: tuple[str, ...] = ()) -> None:
        """Start one node, with more flags; its output goes to NAME.log in the folder."""
        config = self.folder / "nodes" / name / "node.toml"
        command = [*prefix, sys.executable, "-m", "quorate_node", "--config", str(config), *flags]
        with self.log(name).open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )

    def log(self, name: str) -> Path:
        """Return where a node's output goes."""
        return self.folder / f"{name}.log"

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a node a signal."""
        self.processes[name].send_signal(number)

    def kill(self, name: str) -> None:
        """SIGKILL a node and wait until it is gone."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # also what a prefix started
        process.wait()

    def stop(self, name: str, number: int = SIGTERM) -> int:
        """Ask a node to stop; return its exit status."""
        self.processes[name].send_signal(number)
        return self.wait_exit(name)

    def wait_exit(self, name: str) -> int:
        """Wait until a node ends by itself; return its exit status."""
        status = self.processes[name].wait(timeout=PATIENCE_S)
        del self.processes[name]
        return status

    def data(self, name: str) -> Path:
        """Return a node's data folder."""
        return self.folder / "nodes" / name / "data"

    def wipe(self, name: str) -> None:
        """Lose a node's disk: its data folder is there, and empty. The node must be down."""
        assert name not in self.processes, f"{name} runs"
        for path in self.data(name).iterdir():
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    @contextmanager
    def channel(self, name: str) -> Generator[grpc.Channel]:
        """Yield a plain gRPC channel to a node's client port."""
        if self.lab:
            channel = grpc.insecure_channel(self.endpoints[name])
        else:
            ca = (self.folder / "ca.pem").read_bytes()
            channel = grpc.secure_channel(
                self.endpoints[name], grpc.ssl_channel_credentials(root_certificates=ca)
            )
        with channel:
            yield channel

    @contextmanager
    def officer_channel(self, name: str, role: str | None) -> Generator[grpc.Channel]:
        """Yield a channel to a node's officer port, with an officer's certificate or none."""
        officer = next(node.officer for node in self.plan.nodes if node.name == name)
        assert officer is not None, "lab mode has no officers"
        pair = self.folder / "officers" / str(role)
        credentials = grpc.ssl_channel_credentials(
            (self.folder / "ca.pem").read_bytes(),
            pair.with_suffix(".key").read_bytes() if role else None,
            pair.with_suffix(".pem").read_bytes() if role else None,
        )
        with grpc.secure_channel(officer, credentials) as channel:
            yield channel

    def status(self, name: str, *, include_digest: bool = False) -> cluster_pb2.NodeStatus | None:
        """Return what a node says of itself, or None."""
        request = cluster_pb2.GetNodeStatusRequest(include_digest=include_digest)
        with self.channel(name) as channel, suppress(grpc.RpcError):
            stub = cluster_pb2_grpc.ClusterServiceStub(channel)
            return stub.GetNodeStatus(request, timeout=5).node
        return None

    def is_ready(self, name: str) -> bool:
        """Tell whether a node says that it is ready."""
        process = self.processes[name]
        assert process.poll() is None, f"{name} has ended: {self.log(name).read_text()}"
        status = self.status(name)
        return status is not None and status.ready

    def health(self, name: str, service: str) -> int:
        """Return what a node's health service says: 1 is SERVING, 2 is NOT_SERVING."""
        request = health_pb2.HealthCheckRequest(service=service)
        with self.channel(name) as channel:
            check = unary(channel, "/grpc.health.v1.Health/Check")
            reply = check(request.SerializeToString(), timeout=10)
        return health_pb2.HealthCheckResponse.FromString(reply).status

    def wait_ready(self, *names: str) -> None:
        """Wait until these nodes (or all that run) are ready."""
        for name in names or tuple(self.processes):
            eventually(partial(self.is_ready, name), f"{name} is ready")

    def leader(self) -> str:
        """Return the name of the leader that a majority agrees on, waiting for one."""
        return eventually(self._agreed_leader, "a majority agrees on a leader")

    def _agreed_leader(self) -> str | None:
        views = [status.leader_name for name in self.processes if (status := self.status(name))]
        for view in set(views) - {""}:
            if views.count(view) > len(self.names) // 2 and view in self.processes:
                return view
        return None

    def same_digest(self) -> bytes:
        """Wait until every running node has the same digest at the same index; return it."""
        return eventually(self._digest, "equal digests")

    def _digest(self) -> bytes | None:
        seen = [self.status(name, include_digest=True) for name in self.processes]
        states = {(s.applied_index, s.digest) for s in seen if s is not None}
        return states.pop()[1] if len(states) == 1 and None not in seen else None
