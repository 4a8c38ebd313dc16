"""`quorate up` as a whole, with stand-ins for nodes; the real ones are in tests/cluster."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from quorate_client.cli import main
from quorate_client.errors import LocalError, NotDone
from quorate_client.profile import Node
from quorate_client.provision import plan_cluster, provision
from quorate_client.up import run_up
from quorate_client.up.events import Died, Event, NodeRow, Ready, Started, Stopped, Stopping, Unfit
from quorate_client.up.lock import only_one
from quorate_client.up.printer import Printer, to_json
from quorate_client.up.watch import wait_until_ready

from .client_fakes import FakeCluster


def sleeping(_: Node) -> Sequence[str]:
    return [sys.executable, "-c", "import time; time.sleep(600)"]


def dying(_: Node) -> Sequence[str]:
    return [sys.executable, "-c", "raise SystemExit(1)"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    provision(tmp_path / "c", plan_cluster(nodes=1, client_port=1, lab=True))
    return tmp_path / "c"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_it_in_order(folder: Path, number: signal.Signals) -> None:
    events: list[Event] = []
    begun = asyncio.Event()

    def report(event: Event) -> None:
        events.append(event)
        begun.set()

    running = asyncio.create_task(run_up(folder, report, restart=False, command=sleeping))
    await begun.wait()
    os.kill(os.getpid(), number)
    await running
    assert [type(event) for event in events] == [Started, Stopping, Stopped]
    assert events[1] == Stopping(number.name)
    assert not (folder / "run.json").exists()


async def test_it_ends_by_itself_when_every_node_is_down(folder: Path) -> None:
    with pytest.raises(NotDone, match="every node is down"):
        await run_up(folder, lambda _: None, restart=False, command=dying)


def test_a_node_to_replace_must_be_one_of_the_folders(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", str(folder), "--replace", "n1", "--replace", "n7"]) == 2
    assert "has no node 'n7'; it has n1" in capsys.readouterr().err
    assert not (folder / "logs").exists()


def test_a_second_one_is_refused(folder: Path) -> None:
    refused = pytest.raises(LocalError, match="another `quorate up`")
    with only_one(folder), refused, only_one(folder):
        pass
    with only_one(folder):
        pass


def test_a_process_id_that_was_used_again_is_no_obstacle(folder: Path) -> None:
    run = {"nodes": [{"name": "n1", "pid": os.getppid()}]}
    (folder / "run.json").write_text(json.dumps(run))
    with only_one(folder):
        pass


def test_the_command_needs_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", str(tmp_path)]) == 6
    assert "quorate init" in capsys.readouterr().err


def test_a_node_of_another_name_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["node", "run", "--cluster", str(folder), "--name", "n7"]) == 6
    assert "has no node 'n7'; it has n1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [[], ["--name", "n1"], ["--config", "a", "--name", "n1"], ["--cluster", "c"]]
)
def test_a_node_must_be_named_in_one_way(arguments: list[str]) -> None:
    assert main(["node", "run", *arguments]) == 2


def test_a_node_takes_the_place_of_the_command(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[str, list[str]]] = []

    def execv(program: str, command: list[str]) -> None:
        calls.append((program, command))

    monkeypatch.setattr(os, "execv", execv)
    config = folder / "nodes" / "n1" / "node.toml"
    command = [sys.executable, "-m", "quorate_node", "--config", str(config)]
    assert main(["node", "run", "--cluster", str(folder), "--name", "n1"]) == 0
    assert main(["node", "run", "--config", str(config)]) == 0
    assert calls == [(sys.executable, command)] * 2


def test_events_are_json_lines_for_programs() -> None:
    assert json.loads(to_json(Died("n1", "SIGKILL", "a\nb", None))) == {
        "event": "died",
        "name": "n1",
        "how": "SIGKILL",
        "last_line": "a\nb",
        "restart_in_s": None,
    }
    assert "\n" not in to_json(Died("n1", "SIGKILL", "a\nb", None))
    assert json.loads(to_json(Ready("n1", 3, ())))["nodes"] == []


def test_why_a_node_stays_down_is_told_to_people_and_to_programs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    event = Unfit("n1", "its port is taken.")
    assert json.loads(to_json(event)) == {
        "event": "unfit",
        "name": "n1",
        "why": "its port is taken.",
        "to_do": "",
    }
    Printer(as_json=False)(event)
    assert capsys.readouterr().out.strip() == "n1 stays down: its port is taken."


def test_what_to_do_is_told_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(as_json=False)(Unfit("n1", "its disk is empty.", "run: this"))
    assert capsys.readouterr().out.strip() == "n1 stays down: its disk is empty; run: this"


def test_a_node_that_somebody_stopped_has_not_died() -> None:
    assert Died("n3", "exit status 0", "", None).line == "n3 stopped (exit status 0)"
    assert Died("n3", "exit status 0", "", 2.0).line == "n3 stopped (exit status 0); back in 2 s"


async def test_a_node_that_is_down_is_told_so_when_the_cluster_is_ready() -> None:
    with FakeCluster() as cluster:
        cluster.state.ready = {"n1", "n2"}
        events: list[Event] = []
        ready = await wait_until_ready(cluster.profile, events.append, lambda name: name != "n3")
    assert events == [ready]
    assert [(row.ready, row.running) for row in ready.nodes] == [(True, True)] * 2 + [
        (False, False)
    ]


@pytest.mark.parametrize(
    ("running", "ready", "cells"),
    [
        (True, True, ["follower", "ready"]),
        (True, False, ["follower", "not ready yet"]),
        (False, False, ["-", "down"]),
    ],
)
def test_the_table_tells_a_node_that_is_down_from_one_that_is_not_ready(
    capsys: pytest.CaptureFixture[str], running: bool, ready: bool, cells: list[str]
) -> None:
    row = NodeRow("n1", "h:1", "h:2", role="follower", ready=ready, running=running)
    Printer(as_json=False)(Ready("n2", 3, (row,)))
    last = capsys.readouterr().out.splitlines()[-1].strip()
    assert last.split(maxsplit=4) == ["n1", "h:1", "h:2", *" ".join(cells).split(maxsplit=1)]


def test_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    Printer(as_json=False)(Died("[bold]n1", "SIGKILL", "\x1b[2J :smile:", 2.0))
    words = "[bold]n1 died: SIGKILL; back in 2 s; its last line: \\x1b[2J :smile:"
    assert capsys.readouterr().out.strip() == words


@pytest.mark.parametrize("as_json", [False, True])
def test_a_reader_that_is_gone_silences_it_and_no_more(
    monkeypatch: pytest.MonkeyPatch, as_json: bool
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        printer = Printer(as_json=as_json)
        for _ in range(3):
            printer(Stopped())
