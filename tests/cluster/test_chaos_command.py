"""`quorate chaos` against a running `quorate up`, as people use it."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from quorate_client import Client
from quorate_client.profile import Profile
from quorate_proto.v1.cluster_pb2 import Role
from support.cluster import PATIENCE_S, eventually
from support.firewall import needs_iptables

from .test_up import QUORATE, Up, alive, make, up

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """A cluster that brings back what is killed."""
    with up(make(tmp_path_factory.mktemp("up") / "c"), "--restart") as running:
        running.until("ready")
        yield running


@pytest.fixture(autouse=True)
def healed(cluster: Up) -> Iterator[None]:
    """Every test begins with all nodes ready, and ends with nothing broken."""
    eventually(lambda: ready(cluster) == {"n1", "n2", "n3"}, "all nodes are ready")
    yield
    chaos(cluster, "heal")


def chaos(cluster: Up, *words: str, status: int = 0) -> dict[str, object]:
    """Run the command and return its document, which it prints whatever happens."""
    command = [*QUORATE, "chaos", "--cluster", str(cluster.folder), "--json", *words]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert ran.returncode == status, ran
    document: dict[str, object] = json.loads(ran.stdout)
    return document


def ready(cluster: Up, *asked: str) -> set[str]:
    """Return which nodes each say of themselves that they are ready."""
    return {name for name in asked or ("n1", "n2", "n3") if own_view(cluster, name)[0]}


def own_view(cluster: Up, name: str) -> tuple[bool, bool]:
    """Ask one node whether it is ready, and whether it leads."""
    profile = Profile.load(cluster.folder)
    only = Profile(nodes=tuple(node for node in profile.nodes if node.name == name), ca=profile.ca)
    with Client(only, timeout_s=PATIENCE_S) as client:
        status = client.cluster_status()
    own = next(node for node in status.nodes if node.name == name)
    return own.ready, own.ready and own.role == Role.ROLE_LEADER


def leaders(cluster: Up, *asked: str) -> list[str] | None:
    """Return which of these nodes lead by their own word, or None."""
    return [name for name in asked if own_view(cluster, name)[1]] or None


def test_the_leader_is_killed_and_another_one_leads(cluster: Up) -> None:
    pids = cluster.pids()
    (leader,) = eventually(lambda: leaders(cluster, "n1", "n2", "n3"), "one leads")
    killed = chaos(cluster, "kill-leader")
    assert (killed["action"], killed["nodes"]) == ("kill", [leader])
    assert cluster.until("died", name=leader)["how"] == "SIGKILL"
    assert not alive(pids[leader])
    cluster.until("started", name=leader)
    assert {n: pid for n, pid in cluster.pids().items() if pids[n] != pid}.keys() == {leader}


def test_a_paused_leader_is_replaced_and_goes_on_when_all_is_healed(cluster: Up) -> None:
    (leader,) = eventually(lambda: leaders(cluster, "n1", "n2", "n3"), "one leads")
    others = [name for name in ("n1", "n2", "n3") if name != leader]
    chaos(cluster, "pause", leader)
    eventually(lambda: leaders(cluster, *others), "another one leads")
    shown = cast("list[dict[str, str]]", chaos(cluster, "show")["nodes"])
    assert {node["name"]: node["state"] for node in shown}[leader] == "paused"
    assert chaos(cluster, "heal")["resumed"] == [leader]
    eventually(lambda: own_view(cluster, leader) == (True, False), "it follows")


@needs_iptables
def test_a_leader_that_is_cut_off_leads_no_more_until_all_is_healed(cluster: Up) -> None:
    (leader,) = eventually(lambda: leaders(cluster, "n1", "n2", "n3"), "one leads")
    others = [name for name in ("n1", "n2", "n3") if name != leader]
    chaos(cluster, "partition", leader)
    (new,) = eventually(lambda: leaders(cluster, *others), "another one leads")
    eventually(lambda: own_view(cluster, leader) == (False, False), "it knows that it is alone")
    assert chaos(cluster, "kill-leader")["nodes"] == [new]
    eventually(lambda: leaders(cluster, *others), "one leads again")
    joined = chaos(cluster, "heal")["joined"]
    assert joined == [sorted([leader, other]) for other in others]
    eventually(lambda: own_view(cluster, leader)[0], "it is back")


@needs_iptables
def test_a_cut_between_two_followers_disturbs_nobody(cluster: Up) -> None:
    (leader,) = eventually(lambda: leaders(cluster, "n1", "n2", "n3"), "one leads")
    others = [name for name in ("n1", "n2", "n3") if name != leader]
    chaos(cluster, "partition", *others)
    assert chaos(cluster, "heal")["joined"] == [others]
    assert leaders(cluster, leader) == [leader]


def test_healing_what_is_not_broken_does_nothing(cluster: Up) -> None:
    mended = chaos(cluster, "heal")
    assert (mended["resumed"], mended["started"], mended["joined"]) == ([], [], [])


def test_a_cluster_with_a_paused_node_ends_all_the_same(tmp_path: Path) -> None:
    with up(make(tmp_path / "c")) as running:
        running.until("ready")
        pids = running.pids()
        chaos(running, "pause", "n1")
        assert running.end(signal.SIGINT) == 0
        assert not any(map(alive, pids.values()))
        assert chaos(running, "kill", "n1", status=6)["error"]


def test_without_a_leader_nothing_is_killed(tmp_path: Path) -> None:
    with up(make(tmp_path / "c")) as running:
        running.until("ready")
        pids = running.pids()
        for name in ("n1", "n2"):
            os.kill(pids[name], signal.SIGSTOP)
        chaos(running, "kill-leader", "--timeout", "3", status=4)
        assert all(map(alive, pids.values()))
        running.process.send_signal(signal.SIGINT)  # twice: it need not wait for the paused ones
        running.until("stopping")
        running.process.send_signal(signal.SIGINT)
