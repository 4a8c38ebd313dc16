"""The command line of a node: what its flags do, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quorate_client.provision import plan_cluster, provision
from quorate_node import __main__ as command
from quorate_node.config import NodeConfig
from quorate_node.errors import DiskError, SetupError


@pytest.fixture
def config(tmp_path: Path) -> str:
    provision(tmp_path / "c", plan_cluster(nodes=1, client_port=7401, lab=True))
    return str(tmp_path / "c/nodes/n1/node.toml")


@pytest.mark.parametrize("replace", [True, False])
def test_a_node_replaces_its_disk_when_it_is_told_and_only_then(
    config: str, monkeypatch: pytest.MonkeyPatch, replace: bool
) -> None:
    told: list[tuple[str, bool]] = []

    async def serve(settings: NodeConfig, *, replace: bool) -> None:
        told.append((settings.name, replace))

    monkeypatch.setattr(command, "serve", serve)
    assert command.main(["--config", config, *(["--replace"] if replace else [])]) == 0
    assert told == [("n1", replace)]


@pytest.mark.parametrize(
    ("flaw", "status"), [(SetupError("no such port"), 6), (DiskError("no room"), 74)]
)
def test_what_is_wrong_at_the_start_is_one_line_and_an_exit_status(
    config: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flaw: SetupError,
    status: int,
) -> None:
    async def serve(settings: NodeConfig, *, replace: bool) -> None:
        del settings, replace
        raise flaw

    monkeypatch.setattr(command, "serve", serve)
    assert command.main(["--config", config]) == status
    assert capsys.readouterr().err == f"error: {flaw}\n"


def test_the_help_tells_every_exit_status_and_how_to_look_into_a_folder(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    said = capsys.readouterr().out
    for status in (0, 2, 6, 70, 74):
        assert f"\n  {status:<3} " in said
    assert "quorate-node check DIR" in said
    assert "--replace" in said


@pytest.mark.parametrize(("given", "then"), [(None, "NONE"), ("debug", "debug")])
def test_the_log_of_grpcs_core_is_silenced_before_grpc_is_there_unless_it_is_asked_for(
    given: str | None, then: str
) -> None:
    look = """
import os, sys
import quorate_node
assert "grpc" not in sys.modules
print(os.environ["GRPC_VERBOSITY"])
"""
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_VERBOSITY"}
    if given is not None:
        environment["GRPC_VERBOSITY"] = given
    ran = subprocess.run(
        [sys.executable, "-c", look], env=environment, capture_output=True, text=True, check=True
    )
    assert ran.stdout == f"{then}\n"
