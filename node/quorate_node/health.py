"""`quorate-node health`: ask the node of this machine whether it should get ballots now.

For a container's health check, which runs it every few seconds: nothing heavy is imported. It goes
through the node's own health service, at the voters' port, as any monitor would.
"""

import argparse
import os
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2

LIVENESS = ""
"""The health service's name for the process itself."""

READINESS = "quorate.v1.BallotService"
"""The health service's name for: this node should get ballots now."""

EXIT_READY, EXIT_NOT_READY, EXIT_UNFIT = 0, 1, 6
ADDRESS_VARIABLE = "QUORATE_NODE_LISTEN__CLIENT"
TIMEOUT_S = 3.0

_EPILOG = """\
exit status:
  0  ready: it votes, knows a leader, has caught up, and its clock is right
  1  not ready, or it does not answer
  6  its settings or the CA's certificate can't be read
"""


class HealthError(Exception):
    """It can't be asked; the message says why, in one line."""


@dataclass(frozen=True, slots=True)
class _Door:
    """Where this node's voters' port is, and how to know that it is this node's."""

    address: str
    name: str
    ca: bytes | None  # None: plaintext

    @classmethod
    def of(cls, config: Path) -> Self:
        """Read the node's settings. Raises HealthError."""
        try:
            settings = tomllib.loads(config.read_text(encoding="utf-8"))
            address = os.environ.get(ADDRESS_VARIABLE) or _text(settings["listen"]["client"])
            ca = None
            if not settings.get("lab"):
                ca = (config.parent / _text(settings["tls"]["ca"])).read_bytes()
            return cls(_dialled(address), _text(settings["name"]), ca)
        except OSError as flaw:
            raise HealthError(f"cannot read {flaw.filename}: {flaw.strerror}") from None
        except (ValueError, KeyError, TypeError):
            raise HealthError(f"{config} is not a node's configuration") from None

    def open(self) -> grpc.Channel:
        """Return a channel to it."""
        if self.ca is None:
            return grpc.insecure_channel(self.address)
        # A certificate names its node, whatever address is dialled.
        options = (("grpc.ssl_target_name_override", self.name), ("grpc.enable_http_proxy", 0))
        return grpc.secure_channel(self.address, grpc.ssl_channel_credentials(self.ca), options)


def main(arguments: list[str]) -> int:
    """Print one line, and return the exit status."""
    parser = argparse.ArgumentParser(
        prog="quorate-node health",
        description="Ask a node that runs on this machine whether it should get ballots now.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--config", type=Path, required=True, help="the node's TOML file")
    given = parser.parse_args(arguments)
    try:
        ready, told = _ask(_Door.of(given.config))
    except HealthError as flaw:
        sys.stderr.write(f"error: {flaw}\n")
        return EXIT_UNFIT
    sys.stdout.write(f"{told}\n")
    return EXIT_READY if ready else EXIT_NOT_READY


def _ask(door: _Door) -> tuple[bool, str]:
    with door.open() as channel:
        check: grpc.UnaryUnaryMultiCallable[Any, Any] = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            reply = check(health_pb2.HealthCheckRequest(service=READINESS), timeout=TIMEOUT_S)
        except grpc.RpcError as flaw:
            return False, f"{door.name} does not answer at {door.address}: {_reason(flaw)}"
    ready = reply.status == health_pb2.HealthCheckResponse.SERVING
    return ready, f"{door.name} is {'ready' if ready else 'not ready; its log says why'}"


def _reason(flaw: grpc.RpcError) -> str:
    return str(flaw.code().name)


def _dialled(listened: str) -> str:
    """Return the address to dial for one that is listened on: any of this machine's is its own."""
    host, _, port = listened.rpartition(":")
    loopback = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104 - read, not bound
    return f"{loopback.get(host, host)}:{port}"


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
