"""`run.json`, logs and the ends of processes."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from quorate_client.errors import LocalError
from quorate_client.processes import (
    Ending,
    NodeProcess,
    RunEntry,
    RunFile,
    last_line,
    node_command,
    start_process,
)
from support.cluster import eventually

ENTRY = RunEntry("n1", "127.0.0.1:1", None, 123, "logs/n1.log")
STUBBORN = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\n"


async def stand_in(tmp_path: Path, code: str) -> NodeProcess:
    return await start_process([sys.executable, "-c", code], tmp_path / "logs" / "n1.log")


async def said(tmp_path: Path, words: str) -> None:
    log = tmp_path / "logs" / "n1.log"
    while not (log.exists() and words in log.read_text()):  # noqa: ASYNC110  a file has no event
        await asyncio.sleep(0.01)


def test_run_json_is_as_the_seams_say(tmp_path: Path) -> None:
    RunFile(tmp_path).write("ab", [ENTRY])
    assert json.loads((tmp_path / "run.json").read_text()) == {
        "cluster_id": "ab",
        "nodes": [
            {
                "name": "n1",
                "endpoint": "127.0.0.1:1",
                "officer_endpoint": None,
                "pid": 123,
                "log": "logs/n1.log",
            }
        ],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_failed_write_leaves_the_old_run_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    RunFile(tmp_path).write("old", [])

    def failing(_self: Path, _target: Path) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(LocalError, match="No space left"):
        RunFile(tmp_path).write("new", [])
    assert json.loads((tmp_path / "run.json").read_text())["cluster_id"] == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_run_json_can_be_removed_twice(tmp_path: Path) -> None:
    RunFile(tmp_path).write("ab", [])
    RunFile(tmp_path).remove()
    RunFile(tmp_path).remove()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", "{", '{"nodes": [{}]}', '{"nodes": [{"name": 1}]}'])
def test_a_broken_run_json_means_that_nothing_runs(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    assert RunFile(tmp_path).live() == {}


@pytest.mark.parametrize(
    ("last_line", "reason"),
    [
        ("error: port 1 is taken", "port 1 is taken"),
        ("2025-01-31 20:00:00,123 CRITICAL quorate_replication.ending: wiped", "wiped"),
        ("2025-01-31 20:00:00,123 CRITICAL a.b: this node stops: wiped", "wiped"),
        ("an error: and CRITICAL x: in the middle", "an error: and CRITICAL x: in the middle"),
        ("", "exit status 6"),
    ],
)
def test_the_reason_of_an_end_is_told_without_what_a_log_puts_before_it(
    last_line: str, reason: str
) -> None:
    assert Ending(6, last_line).reason == reason


@pytest.mark.parametrize(
    ("returncode", "words"), [(1, "oh no"), (74, "oh no"), (0, ""), (-9, ""), (-15, "")]
)
def test_the_last_words_of_a_process_that_was_made_to_end_do_not_explain_its_end(
    returncode: int, words: str
) -> None:
    assert Ending(returncode, "oh no").last_words == words


async def test_only_a_process_of_this_folder_counts_as_left_over(tmp_path: Path) -> None:
    process = await stand_in(tmp_path, f"import time; time.sleep(600)  # {tmp_path}/nodes")
    try:
        # The kernel fills it in a moment after the start.
        command = Path(f"/proc/{process.pid}/cmdline")
        await asyncio.to_thread(eventually, lambda: command.read_bytes() or None, "it has one")
        mine = RunEntry("n1", "a:1", None, process.pid, "logs/n1.log")
        reused = RunEntry("n2", "a:2", None, os.getpid(), "logs/n2.log")
        down = RunEntry("n3", "a:3", None, None, "logs/n3.log")
        RunFile(tmp_path).write("ab", [mine, reused, down])
        assert RunFile(tmp_path).live() == {"n1": process.pid}
    finally:
        process.kill()
        await process.wait()
    assert RunFile(tmp_path).live() == {}


async def test_the_ending_has_the_status_and_the_last_words(tmp_path: Path) -> None:
    process = await stand_in(
        tmp_path, "import sys; sys.stderr.write('one\\ntwo \\n\\n'); sys.exit(3)"
    )
    ending = await process.wait()
    assert (ending.how, ending.last_line, process.running) == ("exit status 3", "two", False)


async def test_the_last_words_of_an_earlier_process_are_not_this_ones(tmp_path: Path) -> None:
    await (await stand_in(tmp_path, "print('earlier')")).wait()
    assert (await (await stand_in(tmp_path, "pass")).wait()).last_line == ""
    assert (tmp_path / "logs" / "n1.log").read_text() == "earlier\n"


def test_the_last_line_cannot_move_the_cursor(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"a\n\x1b[2Jb\xff\n")
    assert last_line(tmp_path / "log") == " [2Jb\N{REPLACEMENT CHARACTER}"


def test_a_log_that_is_not_there_has_no_last_line(tmp_path: Path) -> None:
    assert last_line(tmp_path / "log") == ""


async def test_a_killed_process_names_the_signal(tmp_path: Path) -> None:
    process = await stand_in(tmp_path, "import time; time.sleep(600)")
    process.kill()
    assert (await process.wait()).how == "SIGKILL"
    process.kill()  # nothing is left to kill


async def test_a_process_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    process = await stand_in(tmp_path, STUBBORN + "time.sleep(600)")
    await said(tmp_path, "up")
    await process.stop(grace_s=0.05)
    assert (await process.wait()).returncode == -signal.SIGKILL


async def test_a_process_is_out_of_reach_of_the_terminals_ctrl_c(tmp_path: Path) -> None:
    process = await stand_in(tmp_path, "import time; time.sleep(600)")
    assert os.getpgid(process.pid) == process.pid != os.getpgid(0)
    assert os.getsid(process.pid) == process.pid
    await process.stop()
    assert (await process.wait()).how == "SIGTERM"


async def test_a_program_that_is_not_there_is_a_local_error(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="No such file"):
        await start_process([str(tmp_path / "missing")], tmp_path / "logs" / "n1.log")


def test_a_node_is_started_as_a_module_of_this_python(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    command = [sys.executable, "-m", "quorate_node", "--config", str(config)]
    assert node_command(config) == command
