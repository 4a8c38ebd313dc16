"""What is laid over docker-compose.yml, whose cluster has three nodes, for more of them.

Rule 1: the same arguments give the same text: it may be checked in.
Rule 2: a node here is told word for word what a node there is told (`NODE`, `service`).
"""

from collections.abc import Iterator

from quorate_client.errors import LocalError
from quorate_client.provision.hosts import CLIENT_PORT, OFFICER_PORT
from quorate_client.provision.plan import MAX_NODES

GIVEN_NODES = 3
PUBLISHED, PUBLISHED_FOR_OFFICERS = 7401, 7501  # of n1, on the machine that runs the containers

NODE = """\
x-node: &node
  image: ${QUORATE_IMAGE:-quorate:local}
  depends_on:
    init:
      condition: service_completed_successfully
  restart: unless-stopped
  stop_grace_period: 20s  # it sends callers elsewhere, and ends what is under way: 5 s at most
  networks: [cluster]
  read_only: true
  tmpfs: ["/tmp:size=16m"]
  cap_drop: [ALL]
  security_opt: ["no-new-privileges:true"]
  mem_limit: 512m
  pids_limit: 100
  cpus: 1.0
  logging:
    driver: json-file
    options: {max-size: 10m, max-file: "3"}
"""


def init_service(nodes: int) -> str:
    """Return what the init service is told of the number of nodes."""
    volumes = "".join(f"      - n{number}:/nodes/n{number}\n" for number in range(1, nodes + 1))
    return (
        f'    entrypoint: ["quorate", "compose", "init", "--nodes", "{nodes}"]\n'
        "    volumes:\n"
        "      - vault:/vault\n"
        "      - officers:/officers\n"
        f"{volumes}"
    )


def service(number: int, *, officers: bool = False) -> str:
    """Return the service of one node; `officers`: with their port published as well."""
    name = f"n{number}"
    return (
        f"  {name}:\n"
        "    <<: *node\n"
        f"    hostname: {name}\n"
        f'    volumes: ["{name}:/var/lib/quorate"]\n'
        "    ports:\n"
        f"{_port(name, 'PORT', PUBLISHED + number - 1, CLIENT_PORT)}"
        f"{_officers_port(number) if officers else ''}"
    )


def override(nodes: int, *, officers: bool = False) -> str:
    """Return the override for a cluster of `nodes` nodes.

    `officers`: publish the officers' ports, too, on 127.0.0.1 like the others. Raises LocalError.
    """
    least = GIVEN_NODES if officers else GIVEN_NODES + 1
    if not least <= nodes <= MAX_NODES:
        raise LocalError(
            f"docker-compose.yml has {GIVEN_NODES} nodes, and a cluster at most {MAX_NODES}: "
            f"give {least} to {MAX_NODES}, not {nodes}"
        )
    return "".join(_pieces(nodes, officers=officers))


def _pieces(nodes: int, *, officers: bool) -> Iterator[str]:
    flags = f" --nodes {nodes}" + (" --officers" if officers else "")
    more = range(GIVEN_NODES + 1, nodes + 1)
    yield f"# Made by `quorate compose{flags}`, for a new cluster. Make it anew, do not edit it.\n"
    if more:
        yield f"{NODE}\n"
    yield "services:\n"
    if more:
        yield f"  init:\n{init_service(nodes)}"
    if officers:
        for number in range(1, GIVEN_NODES + 1):
            yield f"  n{number}:\n    ports:\n{_officers_port(number)}"
    for number in more:
        yield service(number, officers=officers)
    if more:
        yield "\nvolumes:\n"
    for number in more:
        yield f"  n{number}:\n"


def _officers_port(number: int) -> str:
    port = PUBLISHED_FOR_OFFICERS + number - 1
    return _port(f"n{number}", "OFFICER_PORT", port, OFFICER_PORT)


def _port(name: str, variable: str, published: int, listened: int) -> str:
    return f'      - "127.0.0.1:${{QUORATE_{name.upper()}_{variable}:-{published}}}:{listened}"\n'
