"""`quorate demo` with few voters: it passes, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from support.cluster import PATIENCE_S, eventually

pytestmark = pytest.mark.cluster
QUORATE = [
    sys.executable,
    "-c",
    "import sys; from quorate_client.cli import main; sys.exit(main())",
]
VOTERS = 40


def demo(scratch: Path, *options: str) -> subprocess.Popen[str]:
    """Start it; its temporary folder is made in `scratch`."""
    command = [*QUORATE, "demo", "--voters", str(VOTERS), "--seed", "1", "--json", *options]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )


def nodes_of(scratch: Path) -> list[int]:
    """The processes that have something to do with `scratch`."""
    found: list[int] = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"{scratch}/".encode() in command.read_bytes():
                found.append(int(command.parent.name))
        except OSError:
            continue  # it ended just now
    return found


def test_every_acknowledged_ballot_is_counted_though_the_leader_is_killed(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "8") as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    report = json.loads(out)
    assert report["passed"] is True
    assert report["problems"] == []
    assert sum(report["told"]["acknowledged"].values()) == VOTERS
    assert report["killed"] in report["nodes"]
    assert len({node["digest"] for node in report["nodes"].values()}) == 1
    assert not list(tmp_path.iterdir())
    assert not nodes_of(tmp_path)


def test_it_stands_another_node_being_killed_by_hand(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "10") as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("killed the leader"):
                break
        # What it prints from here on must be read, or it would wait for us.
        rest = threading.Thread(target=process.stderr.read)
        rest.start()
        run = next(tmp_path.glob("*/cluster/run.json"))
        nodes = json.loads(run.read_text())["nodes"]
        os.kill(next(node["pid"] for node in nodes if node["pid"]), signal.SIGKILL)
        assert process.stdout is not None
        out = process.stdout.read()
        rest.join()
    assert process.returncode == 0, out
    assert json.loads(out)["passed"] is True
    assert not nodes_of(tmp_path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_nothing_is_left_when_it_is_interrupted(tmp_path: Path, number: signal.Signals) -> None:
    with demo(tmp_path) as process:
        eventually(lambda: nodes_of(tmp_path) or None, "nodes run")
        process.send_signal(number)
        process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    assert not nodes_of(tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_folder_can_be_kept(tmp_path: Path) -> None:
    with demo(tmp_path, "--seconds", "5", "--keep") as process:
        _, err = process.communicate()
    assert process.returncode == 0, err
    log = next(tmp_path.glob("*/cluster/logs/n1.log"))
    assert str(log.parent) in err
