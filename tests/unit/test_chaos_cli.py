"""`quorate chaos`: which cluster is meant, and what is refused before anything is broken."""

import json
from pathlib import Path

import pytest

from quorate_client.cli import main
from quorate_client.provision import plan_cluster, provision


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cluster of which nothing runs; the current folder is beside it."""
    provision(tmp_path / "mine", plan_cluster(nodes=3, client_port=7401))
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUORATE_CLUSTER", raising=False)
    return tmp_path / "mine"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["kill", "n9"], "there is no node 'n9'; there are n1, n2, n3"),
        (["pause", "N1"], "there is no node 'N1'"),
        (["partition", "n1", "n4"], "there is no node 'n4'"),
        (["partition", "n2", "n2"], "a node cannot be cut off from itself"),
        (["kill-leader", "--timeout", "inf"], "must be finite"),
        (["--compose", "show"], "give --cluster or --compose, not both"),
        (["show", "--compose"], "give --cluster or --compose, not both"),
        (["--project", "p", "show"], "--project and --file belong to --compose"),
        (["heal", "--file", "f"], "--project and --file belong to --compose"),
    ],
)
def test_what_makes_no_sense_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], complaint: str
) -> None:
    assert main(["--cluster", str(folder), "chaos", *words]) == 2
    assert complaint in capsys.readouterr().err


def test_endpoints_are_no_processes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--endpoints", "a:1", "--plaintext", "chaos", "show"]) == 2
    assert "chaos takes --cluster or --compose" in capsys.readouterr().err
    assert folder.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--cluster", "mine", "--json", "chaos", "show"],
        ["chaos", "--cluster", "mine", "--json", "show"],
        ["chaos", "show", "--cluster", "mine", "--json"],
        ["chaos", "--cluster", "none", "show", "--cluster", "mine", "--json"],
        ["chaos", "show", "--cluster", "mine/cluster.toml", "--json"],
    ],
)
def test_options_may_stand_anywhere_and_the_last_counts(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(arguments) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert [(node["name"], node["state"]) for node in nodes] == [
        (f"n{i}", "down") for i in (1, 2, 3)
    ]
    assert folder.exists()


def test_the_cluster_is_the_environments_or_else_the_one_here(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["chaos", "show"]) == 6
    assert "which cluster? give --cluster DIR or --compose" in capsys.readouterr().err
    monkeypatch.setenv("QUORATE_CLUSTER", str(folder))
    assert main(["chaos", "show"]) == 0
    monkeypatch.delenv("QUORATE_CLUSTER")
    folder.rename("cluster")
    assert main(["chaos", "show"]) == 0


@pytest.mark.parametrize("words", [["kill-leader"], ["kill", "n1"], ["pause", "n1"]])
def test_nothing_is_done_to_a_cluster_that_does_not_run(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main(["chaos", "--cluster", str(folder), *words, "--json"]) == 6
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "local"
    assert f"`quorate up {folder}`" in error["message"]


def test_healing_says_that_nothing_was_broken(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["chaos", "--cluster", str(folder), "heal"]) == 0
    assert capsys.readouterr().out == "nothing was broken\n"


def test_every_command_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("kill-leader", "kill", "pause", "partition", "heal", "show"):
        assert main(["chaos", name, "--help"]) == 0
        assert f"Example: quorate chaos {name}" in capsys.readouterr().out
