"""What is done to the processes of a folder: stand-ins for nodes, real signals, real rules."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from quorate_client.chaos import Broken, Machine, Mended
from quorate_client.chaos.machine import CHAIN
from quorate_client.errors import LocalError, NotDone
from quorate_client.processes import RunEntry, RunFile
from quorate_client.profile import Profile
from quorate_client.provision import plan_cluster, provision
from support.cluster import eventually, free_ports
from support.firewall import lines_about, needs_iptables

NAMES = ("n1", "n2", "n3")


class Cluster:
    """A cluster's folder; its nodes sleep."""

    def __init__(self, folder: Path, host: str = "127.0.0.1") -> None:
        self.folder = folder
        provision(folder, plan_cluster(nodes=3, client_port=free_ports(210), host=host))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.machine = Machine(folder, Profile.load(folder), "mend it")

    def start(self) -> None:
        for name in NAMES:
            self.processes[name] = sleeper(self.folder / "nodes" / name / "node.toml")
        pids = {name: process.pid for name, process in self.processes.items()}
        self.note(pids)
        eventually(lambda: RunFile(self.folder).live() == pids, "their command lines are there")

    def note(self, pids: dict[str, int]) -> None:
        """Write run.json."""
        RunFile(self.folder).write(
            "", [RunEntry(name, "", None, pids.get(name), "") for name in NAMES]
        )

    def end(self) -> None:
        for process in self.processes.values():
            end(process)


def sleeper(config: Path) -> subprocess.Popen[bytes]:
    """Start a process that looks like a node with that configuration."""
    command = [sys.executable, "-c", "import time; time.sleep(600)", str(config)]
    return subprocess.Popen(command, start_new_session=True)


def end(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "c")
    cluster.start()
    yield cluster
    cluster.end()


def found(tool: str, **_: str) -> str:
    return f"/usr/sbin/{tool}"


def states(machine: Machine) -> dict[str, str]:
    return {state.name: state.state for state in machine.states()}


def test_a_node_is_killed_whatever_it_does(cluster: Cluster) -> None:
    cluster.machine.pause("n2")
    broken = cluster.machine.kill("n2")
    assert broken.what == f"killed n2 (pid {cluster.processes['n2'].pid})"
    assert cluster.processes["n2"].wait(timeout=30) == -signal.SIGKILL
    assert states(cluster.machine) == {"n1": "running", "n2": "down", "n3": "running"}


def test_what_is_down_is_not_killed_and_not_paused(cluster: Cluster) -> None:
    end(cluster.processes["n2"])
    for do in (cluster.machine.kill, cluster.machine.pause):
        with pytest.raises(NotDone, match="n2 is down already"):
            do("n2")


def test_a_paused_node_stays_paused_until_all_is_mended(cluster: Cluster) -> None:
    for _ in range(2):
        cluster.machine.pause("n1")
    eventually(lambda: states(cluster.machine)["n1"] == "paused", "n1 is paused")
    assert states(cluster.machine) == {"n1": "paused", "n2": "running", "n3": "running"}
    assert cluster.machine.heal().resumed == ("n1",)
    eventually(lambda: states(cluster.machine)["n1"] == "running", "n1 runs")
    assert cluster.machine.heal() == Mended()


def test_no_process_but_this_folders_nodes_is_signalled(cluster: Cluster, tmp_path: Path) -> None:
    stranger = sleeper(tmp_path / "another" / "node.toml")
    try:
        cluster.note({"n1": stranger.pid, "n2": os.getpid()})
        for name in NAMES:
            for do in (cluster.machine.kill, cluster.machine.pause):
                with pytest.raises(LocalError, match=r"no node of .* runs"):
                    do(name)
        assert stranger.poll() is None
    finally:
        end(stranger)


def test_where_nothing_runs_it_is_said_how_to_start_it(tmp_path: Path) -> None:
    machine = Cluster(tmp_path / "a b").machine
    with pytest.raises(LocalError, match=r"quorate up '.*/a b'"):
        machine.check_running()
    assert states(machine) == dict.fromkeys(NAMES, "down")


def test_a_folder_is_found_by_another_way_to_it(cluster: Cluster, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(cluster.folder)
    profile = Profile.load(cluster.folder)
    for way in (tmp_path / "link", tmp_path / "c" / "nodes" / ".."):
        assert states(Machine(way, profile, "")) == dict.fromkeys(NAMES, "running")


@needs_iptables
def test_a_cut_is_shown_on_both_sides_and_healed_by_whoever_comes(cluster: Cluster) -> None:
    broken = cluster.machine.cut("n3", "n1")
    assert broken == Broken("partition", ("n3", "n1"), "cut n3 off from n1", broken.follows)
    someone_else = Machine(cluster.folder, Profile.load(cluster.folder), "")
    try:
        shown = {state.name: state.cut_off_from for state in someone_else.states()}
        assert shown == {"n1": ("n3",), "n2": (), "n3": ("n1",)}
    finally:
        mended = someone_else.heal()
    assert mended.joined == (("n1", "n3"),)
    assert someone_else.heal() == Mended()


@needs_iptables
def test_a_node_is_cut_off_from_all_the_others(cluster: Cluster) -> None:
    cluster.machine.cut_off("n2")
    try:
        shown = {state.name: state.cut_off_from for state in cluster.machine.states()}
    finally:
        mended = cluster.machine.heal()
    assert shown == {"n1": ("n2",), "n2": ("n1", "n3"), "n3": ("n2",)}
    assert mended.joined == (("n1", "n2"), ("n2", "n3"))


@needs_iptables
def test_the_cuts_of_another_cluster_are_left_alone(cluster: Cluster, tmp_path: Path) -> None:
    other = Cluster(tmp_path / "other")
    other.machine.cut("n1", "n2")
    try:
        cluster.machine.cut("n1", "n2")
        assert cluster.machine.heal().joined == (("n1", "n2"),)
        assert other.machine.states()[0].cut_off_from == ("n2",)
    finally:
        assert other.machine.heal().joined == (("n1", "n2"),)


@needs_iptables
def test_a_cluster_without_peer_addresses_of_its_own_is_not_cut(tmp_path: Path) -> None:
    machine = Cluster(tmp_path / "c", host="127.0.0.9").machine
    before = lines_about(CHAIN)
    with pytest.raises(LocalError, match="no loopback addresses of their own"):
        machine.cut("n1", "n2")
    with pytest.raises(LocalError, match="no loopback addresses of their own"):
        machine.cut_off("n1")
    assert lines_about(CHAIN) == before


def test_what_only_root_can_see_is_said_to_be_unknown(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.machine.pause("n1")
    monkeypatch.setattr("shutil.which", found)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert [state.cut_off_from for state in cluster.machine.states()] == [None] * 3
    eventually(lambda: states(cluster.machine)["n1"] == "paused", "n1 is paused")
    mended = cluster.machine.heal()
    assert mended.resumed == ("n1",)
    assert "needs root" in str(mended.unknown)
