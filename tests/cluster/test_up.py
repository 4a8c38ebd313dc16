"""`quorate up` with real nodes, as people run it: in a process of its own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from quorate_client.provision import plan_cluster, provision
from support.cluster import PATIENCE_S, eventually, free_ports

pytestmark = pytest.mark.cluster
QUORATE = [
    sys.executable,
    "-c",
    "import sys; from quorate_client.cli import main; sys.exit(main())",
]


class Up:
    """A running `quorate up --json`."""

    def __init__(self, folder: Path, process: subprocess.Popen[str]) -> None:
        self.folder = folder
        self.process = process

    def until(self, kind: str, **members: object) -> dict[str, object]:
        """Read events until one of this kind with these members; fail if the output ends."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            event: dict[str, object] = json.loads(line)
            if event["event"] == kind and members.items() <= event.items():
                return event
        raise AssertionError(f"ended without {kind}: {self.process.wait()}")

    def until_all(self, *kinds: str) -> dict[str, dict[str, object]]:
        """Read events until there was one of each kind, in any order; return the first of each."""
        assert self.process.stdout is not None
        seen: dict[str, dict[str, object]] = {}
        for line in self.process.stdout:
            event: dict[str, object] = json.loads(line)
            seen.setdefault(str(event["event"]), event)
            if seen.keys() >= set(kinds):
                return seen
        raise AssertionError(f"ended with {seen}: {self.process.wait()}")

    def pids(self) -> dict[str, int]:
        run = json.loads((self.folder / "run.json").read_text())
        return {node["name"]: node["pid"] for node in run["nodes"]}

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=PATIENCE_S)


def make(folder: Path) -> Path:
    first = free_ports(9)
    plan = plan_cluster(nodes=3, client_port=first, officer_port=first + 3, peer_port=first + 6)
    provision(folder, plan)
    return folder


@contextmanager
def up(folder: Path, *options: str) -> Generator[Up]:
    """Run it; whatever happens, nothing of it is left."""
    command = [*QUORATE, "up", str(folder), "--json", *options]
    with (
        (folder.parent / "errors").open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,
    ):
        try:
            yield Up(folder, process)
        finally:
            process.terminate()
            process.wait(timeout=PATIENCE_S)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_it_serves_and_ends_in_order(tmp_path: Path, number: signal.Signals) -> None:
    with up(make(tmp_path / "c")) as running:
        ready = running.until("ready")
        pids = running.pids()
        assert ready["leader"] in pids
        assert running.end(number) == 0
        assert not any(map(alive, pids.values()))
        assert not (running.folder / "run.json").exists()


def test_a_node_that_is_killed_comes_back(tmp_path: Path) -> None:
    with up(make(tmp_path / "c"), "--restart") as running:
        leader = str(running.until("ready")["leader"])
        old = running.pids()[leader]
        os.kill(old, signal.SIGKILL)
        assert running.until("died", name=leader)["how"] == "SIGKILL"
        assert running.until("started", name=leader)["pid"] != old
        assert eventually(lambda: running.pids()[leader] != old, "run.json tells the new process")


def test_another_node_leads_when_the_leader_is_killed(tmp_path: Path) -> None:
    with up(make(tmp_path / "c")) as running:
        leader = str(running.until("ready")["leader"])
        os.kill(running.pids()[leader], signal.SIGKILL)
        assert running.until("died", name=leader)["restart_in_s"] is None
        assert running.until("leading")["leader"] != leader


def test_a_node_whose_disk_was_lost_stays_down_with_its_reason_while_the_others_serve(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path / "c")
    with up(folder) as running:
        running.until("ready")
    data = folder / "nodes" / "n2" / "data"
    for path in data.iterdir():
        path.unlink()
    with up(folder, "--restart") as running:
        seen = running.until_all("unfit", "ready")
        assert seen["unfit"]["name"] == "n2"
        assert str(seen["unfit"]["to_do"]).endswith(f"quorate up {folder} --replace n2")
        assert "this node stops" not in str(seen["unfit"]["why"])
        assert running.pids()["n2"] is None
        assert seen["ready"]["leader"] in {"n1", "n3"}
        assert running.end() == 0


def test_a_node_whose_disk_was_lost_comes_back_with_replace(tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    with up(folder) as running:
        running.until("ready")
    for path in (folder / "nodes" / "n2" / "data").iterdir():
        path.unlink()
    with up(folder, "--replace", "n2") as running:
        running.until("ready")
        ask = [*QUORATE, "status", "--cluster", str(folder), "--json"]

        def every_node_is_ready() -> bool:
            status = subprocess.run(ask, capture_output=True, text=True, check=False)
            return status.returncode == 0 and all(
                n["ready"] for n in json.loads(status.stdout)["nodes"]
            )

        assert eventually(every_node_is_ready, "n2 has caught up and votes")
        assert running.end() == 0


def test_a_port_in_use_ends_all_with_status_6(tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    copy = tmp_path / "copy"
    with up(folder) as running:
        running.until("ready")
        subprocess.run(["cp", "-a", str(folder), str(copy)], check=True)
        (copy / "run.json").unlink()
        second = subprocess.run(
            [*QUORATE, "up", str(copy)], capture_output=True, text=True, check=False
        )
        assert second.returncode == 6
        assert "did not start" in second.stderr
        assert second.stderr.count("\n") == 1
        assert not (copy / "run.json").exists()


def test_a_second_up_is_refused(tmp_path: Path) -> None:
    with up(make(tmp_path / "c")) as running:
        running.until("ready")
        second = subprocess.run(
            [*QUORATE, "up", str(running.folder)], capture_output=True, text=True, check=False
        )
        assert second.returncode == 6
        assert "another `quorate up`" in second.stderr
        assert all(map(alive, running.pids().values()))


def test_nodes_that_outlived_a_killed_up_are_named(tmp_path: Path) -> None:
    folder = make(tmp_path / "c")
    with up(folder) as running:
        running.until("ready")
        pids = running.pids()
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
    try:
        second = subprocess.run(
            [*QUORATE, "up", str(folder)], capture_output=True, text=True, check=False
        )
        assert second.returncode == 6
        assert f"n1 (pid {pids['n1']})" in second.stderr
    finally:
        for pid in pids.values():
            os.kill(pid, signal.SIGKILL)
