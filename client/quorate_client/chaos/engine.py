"""The Docker engine, through its command line: the containers and networks of a compose project.

They are found by the labels that Compose (v2, and 1.29) gives them, never by their names.
"""

import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from quorate_client.errors import LocalError
from quorate_client.provision.hosts import CLIENT_PORT

COMPOSE_FILE = Path("docker-compose.yml")
_LABEL = "com.docker.compose."
_NODE = re.compile(r"n[1-9]")  # as `quorate compose init` names them
_NETWORK = "cluster"  # in docker-compose.yml: the nodes' own
_PUBLISHED = "{{.HostIp}}:{{.HostPort}}"
_INSPECTED = "\t".join(
    (
        "{{.Id}}",
        f'{{{{index .Config.Labels "{_LABEL}project"}}}}',
        f'{{{{index .Config.Labels "{_LABEL}service"}}}}',
        "{{.State.Status}}",
        "{{.State.ExitCode}}",
        "{{range $name, $net := .NetworkSettings.Networks}}{{$name}}={{$net.IPAddress}} {{end}}",
        f'{{{{range index .NetworkSettings.Ports "{CLIENT_PORT}/tcp"}}}}{_PUBLISHED} {{{{end}}}}',
    )
)


@dataclass(frozen=True, slots=True)
class Project:
    """The compose project that is meant: by its name, or by its file; else by the folder here."""

    name: str | None = None
    file: Path | None = None

    @property
    def flags(self) -> list[str]:
        """What tells Compose the same."""
        given = {"--file": self.file, "--project-name": self.name}
        return [part for flag, value in given.items() if value for part in (flag, str(value))]

    @property
    def label(self) -> str:
        """What its containers are labelled with."""
        name = self.name or ("" if self.file else os.environ.get("COMPOSE_PROJECT_NAME"))
        if name:
            return f"{_LABEL}project={name}"
        first = os.environ.get("COMPOSE_FILE", "").split(os.pathsep)[0]
        folder = (self.file or Path(first or COMPOSE_FILE)).resolve().parent
        return f"{_LABEL}project.working_dir={folder}"


@dataclass(frozen=True, slots=True)
class Container:
    """A node's container as the engine has it."""

    id: str
    project: str
    service: str
    """A node's name."""
    status: str
    """running, paused, exited, ..."""
    exit_code: int
    addresses: dict[str, str] = field(default_factory=dict[str, str])
    """By the name of a network that it is in; empty while it does not run."""
    published: str | None = None
    """Where voters reach it from this machine, host:port."""


@dataclass(frozen=True, slots=True)
class Network:
    """The network that the nodes share."""

    name: str
    bridge: str
    """Its device, on the machine where the engine runs."""


def docker(*arguments: str) -> str:
    """Run `docker` and return what it prints. Raises LocalError, with its own words."""
    return docker_bytes(*arguments).decode(errors="replace")


def docker_bytes(*arguments: str) -> bytes:
    """Do the same for what is no text."""
    tool = shutil.which("docker")
    if tool is None:
        raise LocalError("--compose needs the `docker` command, which is not found")
    ran = subprocess.run(  # noqa: S603  no shell
        [tool, *arguments], capture_output=True, check=False, stdin=subprocess.DEVNULL
    )
    if ran.returncode != 0:
        words = " ".join(ran.stderr.decode(errors="replace").split())
        raise LocalError(f"`docker {shlex.join(arguments[:2])}` failed: {words or ran.returncode}")
    return ran.stdout


def find_nodes(project: Project) -> dict[str, Container]:
    """Return the nodes' containers by their services' names, in order. LocalError if none."""
    found = docker(
        *("ps", "--all", "--quiet", "--no-trunc"),
        *("--filter", f"label={project.label}", "--filter", f"label={_LABEL}oneoff=False"),
    ).split()
    lines = docker("inspect", "--format", _INSPECTED, *found).splitlines() if found else []
    nodes = [node for node in map(_container, lines) if _NODE.fullmatch(node.service)]
    projects = sorted({node.project for node in nodes})
    if not nodes:
        where = project.label.removeprefix(_LABEL)
        raise LocalError(
            f"no nodes of a compose project here ({where}); start them with `docker compose up`, "
            "or name another with --project or --file"
        )
    if len(projects) > 1:
        raise LocalError(f"which project? name one of {', '.join(projects)} with --project")
    return {node.service: node for node in sorted(nodes, key=lambda node: node.service)}


def find_network(project: str) -> Network:
    """Return the network of the nodes of a project, by its name. Raises LocalError."""
    listed = docker(
        *("network", "ls", "--no-trunc", "--filter", f"label={_LABEL}project={project}"),
        *("--format", f'{{{{.ID}}}}\t{{{{.Name}}}}\t{{{{.Label "{_LABEL}network"}}}}'),
    )
    networks = [line.split("\t") for line in listed.splitlines()]
    meant = [each for each in networks if each[2] == _NETWORK] or networks
    if len(meant) != 1:
        raise LocalError(f"the project {project} has no network that is called {_NETWORK}")
    identity, name, _ = meant[0]
    option = '{{index .Options "com.docker.network.bridge.name"}}'
    bridge = docker("network", "inspect", "--format", option, identity).strip()
    return Network(name, bridge or f"br-{identity[:12]}")


def _container(line: str) -> Container:
    identity, project, service, status, exit_code, networks, published = line.split("\t")
    return Container(
        id=identity,
        project=project,
        service=service,
        status=status,
        exit_code=int(exit_code),
        addresses={each.partition("=")[0]: each.partition("=")[2] for each in networks.split()},
        published=next(iter(published.split()), None),
    )
