"""`quorate chaos --compose` against real containers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from compose.engine import needs_engine
from compose.project import PATIENCE_S, Project
from support.cluster import eventually
from support.firewall import needs_iptables

pytestmark = needs_engine
QUORATE = [
    sys.executable,
    "-c",
    "import sys; from quorate_client.cli import main; sys.exit(main())",
]
BRIDGES = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
needs_filtered_bridges = pytest.mark.skipif(
    not BRIDGES.exists() or BRIDGES.read_text().strip() != "1",
    reason="iptables does not see what bridges pass on here (br_netfilter)",
)


@pytest.fixture(autouse=True)
def healed(project: Project) -> Iterator[None]:
    """Nothing is broken at the end."""
    yield
    chaos(project, "heal")
    project.wait_ready()


def chaos(project: Project, *words: str, status: int = 0) -> dict[str, object]:
    """Run the command and return its document."""
    command = [*QUORATE, "chaos", "--compose", "--project", project.name, "--json", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == status, ran
    document: dict[str, object] = json.loads(ran.stdout)
    return document


def other_leader(project: Project, old: str) -> str | None:
    """Return who leads now by the word of a majority, unless it is still the old one."""
    leader = project.leader()
    return None if leader == old else leader


def new_leader(project: Project, old: str) -> str:
    return eventually(lambda: other_leader(project, old), "another one leads", PATIENCE_S)


def test_the_leader_is_killed_and_started_by_heal_only(project: Project) -> None:
    leader = project.leader()
    assert chaos(project, "kill-leader")["nodes"] == [leader]
    assert new_leader(project, leader) != leader
    assert project.inspect(leader)["State"]["Status"] == "exited"
    assert chaos(project, "kill", leader, status=4)["error"]
    assert chaos(project, "heal")["started"] == [leader]


def test_a_paused_leader_is_replaced(project: Project) -> None:
    leader = project.leader()
    chaos(project, "pause", leader)
    assert project.inspect(leader)["State"]["Status"] == "paused"
    assert new_leader(project, leader) != leader
    assert chaos(project, "heal")["resumed"] == [leader]


def test_a_node_that_is_cut_off_is_found_again_by_its_name(project: Project) -> None:
    leader = project.leader()
    chaos(project, "partition", leader)
    assert project.address(leader) == ""
    assert new_leader(project, leader) != leader
    assert chaos(project, "heal")["joined"] == [[leader, "all the others"]]
    project.wait_ready()


@needs_iptables
@needs_filtered_bridges
def test_a_leader_that_is_cut_off_from_each_of_the_others_is_replaced(project: Project) -> None:
    leader = project.leader()
    others = [name for name in project.names if name != leader]
    for other in others:
        chaos(project, "partition", leader, other)
    new = new_leader(project, leader)
    assert chaos(project, "kill-leader")["nodes"] == [new]
    joined = chaos(project, "heal")["joined"]
    assert joined == sorted(sorted([leader, other]) for other in others)
    assert chaos(project, "heal")["joined"] == []
