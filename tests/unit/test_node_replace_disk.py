"""`quorate-node replace`: a data folder is marked as a replacement if there is nothing to lose."""

import json
from pathlib import Path

import pytest

from quorate_client.provision import plan_cluster, provision
from quorate_node.__main__ import main
from quorate_node.data_folder import open_data_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A node's folder whose data was lost."""
    provision(tmp_path / "c", plan_cluster(nodes=3, client_port=7401))
    (tmp_path / "c/nodes/n2/data/newborn.json").unlink()
    return tmp_path / "c/nodes/n2"


def replace(folder: Path) -> int:
    return main(["replace", "--config", str(folder / "node.toml")])


def test_an_empty_folder_is_marked_and_stays_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert replace(folder) == 0
    assert capsys.readouterr().out == "n2 has a new disk: it will catch up before it votes\n"
    marked = (folder / "data/member.json").read_bytes()
    assert json.loads(marked)["standing"] == "replacing"
    assert replace(folder) == 0
    assert (folder / "data/member.json").read_bytes() == marked


def test_a_folder_that_is_new_stays_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data/newborn.json").write_text("{}")
    assert replace(folder) == 6
    assert "is new, no replacement: start n2 as it is" in capsys.readouterr().err
    assert not (folder / "data/member.json").exists()


def test_a_log_is_not_replaced(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data/journal.00000001").write_bytes(b"entries")
    assert replace(folder) == 6
    assert capsys.readouterr().err.startswith("error: ")
    assert not (folder / "data/member.json").exists()


def test_the_disk_of_a_node_that_runs_is_not_replaced(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_data_folder(folder / "data"):
        assert replace(folder) == 6
    assert "is its node running?" in capsys.readouterr().err
    assert not (folder / "data/member.json").exists()
