"""`quorate-node check`: what it says of a data folder, and the exit status; nothing is changed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from quorate_client.cli import main as quorate
from quorate_node.__main__ import main
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.messages import Entry

CLUSTER = "0" * 32
JOURNAL = "journal-00000000000000000001"
ENTRIES = 50


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The folder of a node that has run, and has been stopped."""
    data = tmp_path / "n1" / "data"
    data.mkdir(parents=True)
    (data.parent / "node.toml").write_text('data_dir = "data"\n')
    (data / "lock").touch()
    disk = OsDisk(data)
    Membership.open(
        disk,
        cluster_id=CLUSTER,
        name="n1",
        others=["n2"],
        fresh_incarnation=bytes(16),
        replace=False,
    )
    journal = Journal.open(disk, key=bytes(16))
    for index in range(journal.last_index + 1, ENTRIES + 1):
        journal.append(Entry(bytes(100), index, 1))
        journal.sync()
    journal.close()
    return data.parent


def check(*arguments: str | Path) -> int:
    return main(["check", *map(str, arguments)])


def contents(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 1
    path.write_bytes(content)


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    """Return the one JSON document that was printed."""
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


@pytest.mark.parametrize("below", ["", "data"])
def test_a_whole_folder_is_described_for_people(
    node: Path, capsys: pytest.CaptureFixture[str], below: str
) -> None:
    assert check(node / below) == 0
    captured = capsys.readouterr()
    assert f"n1 of cluster {CLUSTER}" in captured.out
    assert f"to {ENTRIES}\n" in captured.out
    assert captured.out.endswith("OK\n")
    assert captured.err == ""


def test_a_whole_folder_is_described_for_programs(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("--json", node) == 0
    report = said(capsys)
    assert report["ok"] is True
    assert report["problems"] == []
    assert report["path"] == str(node / "data")
    assert report["member"]["name"] == "n1"
    assert report["journal"]["last_index"] == ENTRIES


def test_damage_is_told_with_its_file_and_offset_and_exit_status_1(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_a_bit(node / "data" / JOURNAL)
    assert check(node) == 1
    assert f"{node / 'data' / JOURNAL} is damaged at offset " in capsys.readouterr().out
    assert check(node, "--json") == 1
    report = said(capsys)
    assert report["ok"] is False
    assert len(report["problems"]) == 1


def settings(node: Path, name: str, cluster_id: str) -> None:
    told = f'data_dir = "data"\nname = "{name}"\ncluster_id = "{cluster_id}"\n'
    (node / "node.toml").write_text(told)


@pytest.mark.parametrize("below", ["", "data"])
@pytest.mark.parametrize(("name", "cluster_id"), [("n2", CLUSTER), ("n1", "1" * 32)])
def test_whole_data_of_another_node_than_the_settings_beside_it_say_is_a_problem(
    node: Path, capsys: pytest.CaptureFixture[str], below: str, name: str, cluster_id: str
) -> None:
    settings(node, name, cluster_id)
    assert check("--json", node / below) == 1
    (problem,) = said(capsys)["problems"]
    assert f"{node / 'data'} belongs to n1 of cluster {CLUSTER}" in problem
    assert f"{node / 'node.toml'} says {name} of cluster {cluster_id}" in problem


def test_the_settings_of_the_very_node_or_of_other_data_are_no_problem(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings(node, "n1", CLUSTER)
    assert check(node) == 0
    settings(node, "n2", CLUSTER)
    (node / "data").rename(node / "copy-of-n1")
    assert check(node / "copy-of-n1") == 0
    capsys.readouterr()


def test_in_a_whole_clusters_folder_the_nodes_are_pointed_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("n1", "n2"):
        (tmp_path / "nodes" / name).mkdir(parents=True)
        (tmp_path / "nodes" / name / "node.toml").touch()
    assert check(tmp_path) == 6
    nodes = tmp_path / "nodes"
    told = f"{tmp_path} is not a data folder; its nodes are in {nodes / 'n1'}, {nodes / 'n2'}"
    assert capsys.readouterr().err == f"error: {told}\n"


def test_nothing_is_changed_whatever_is_found(node: Path) -> None:
    flip_a_bit(node / "data" / JOURNAL)
    with (node / "data" / JOURNAL).open("ab") as journal:
        journal.write(b"\0" * 7)
    before = contents(node)
    check(node)
    assert contents(node) == before


def test_a_folder_that_init_has_just_made_is_whole(tmp_path: Path) -> None:
    (tmp_path / "newborn.json").write_text(json.dumps({"cluster_id": CLUSTER, "name": "n1"}))
    assert check(tmp_path) == 0


def _missing(folder: Path) -> Path:
    return folder / "missing"


def _a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file"


def _empty(folder: Path) -> Path:
    return folder


def _something_else(folder: Path) -> Path:
    (folder / "holiday.jpg").write_bytes(b"\xff\xd8")
    return folder


def _a_node_without_data(folder: Path) -> Path:
    (folder / "node.toml").write_text('data_dir = "elsewhere"\n')
    return folder


@pytest.mark.parametrize("make", [_missing, _a_file, _empty, _something_else, _a_node_without_data])
def test_what_is_no_data_folder_is_told_in_one_line_with_exit_status_6(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Any
) -> None:
    folder: Path = make(tmp_path)
    assert check(folder) == 6
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert str(folder) in captured.err
    assert check(folder, "--json") == 6
    assert str(folder) in said(capsys)["error"]["message"]


def test_the_data_folder_is_found_where_the_settings_say_however_wrong_they_are(
    node: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (node / "data").rename(node / "elsewhere")
    (node / "node.toml").write_text('data_dir = "elsewhere"\ncolour = "red"\n')
    assert check(node) == 0
    (node / "elsewhere").rename(node / "data")
    (node / "node.toml").write_bytes(b"\xff")
    assert check(node) == 0
    capsys.readouterr()


@pytest.mark.parametrize(
    "arguments", [["node", "check"], ["--json", "node", "check"], ["node", "check", "--json"]]
)
def test_quorate_node_check_passes_on_what_is_said_and_the_exit_status(
    node: Path, capfd: pytest.CaptureFixture[str], arguments: Sequence[str]
) -> None:
    assert quorate([*arguments, str(node)]) == 0
    whole = capfd.readouterr().out
    flip_a_bit(node / "data" / JOURNAL)
    assert quorate([*arguments, str(node)]) == 1
    damaged = capfd.readouterr().out
    assert quorate([*arguments, str(node / "missing")]) == 6
    if "--json" in arguments:
        assert (json.loads(whole)["ok"], json.loads(damaged)["ok"]) == (True, False)
        assert "missing" in json.loads(capfd.readouterr().out)["error"]["message"]
    else:
        assert whole.endswith("OK\n")
        assert "is damaged at offset" in damaged
        assert "missing" in capfd.readouterr().err


def test_a_folder_whose_name_looks_like_an_option_is_checked_all_the_same(
    node: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(node)
    (node / "data").rename(node / "--json")
    assert quorate(["node", "check", "--", "--json"]) == 0
    assert capfd.readouterr().out.endswith("OK\n")
