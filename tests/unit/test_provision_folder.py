"""The folder that `quorate init` makes: all of it, or nothing."""

import json
import os
import stat
import tomllib
from pathlib import Path

import pytest

from quorate_client.cli import main
from quorate_client.errors import LocalError
from quorate_client.profile import Profile
from quorate_client.provision import Plan, plan_cluster, provision
from quorate_node.config import load_config
from quorate_node.credentials import load_credentials

PLAN = plan_cluster(nodes=3, client_port=7401)
LAB = plan_cluster(nodes=3, client_port=7401, lab=True)
AUTHORITY_FILES = {"ca.pem", "ca.key"}
OFFICER_FILES = {
    f"officers/{role}{end}" for role in ("registrar", "operator") for end in (".pem", ".key")
}
PER_NODE = ("node.toml", "cluster.secret", "ca.pem", "node.pem", "node.key", "data/newborn.json")
NODE_FILES = {f"nodes/{name}/{file}" for name in ("n1", "n2", "n3") for file in PER_NODE}


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_everything_is_there(tmp_path: Path) -> None:
    provision(tmp_path / "c", PLAN)
    assert files(tmp_path / "c") == AUTHORITY_FILES | OFFICER_FILES | NODE_FILES | {"cluster.toml"}


def test_a_lab_has_certificates_for_its_nodes_only(tmp_path: Path) -> None:
    provision(tmp_path / "c", LAB)
    assert files(tmp_path / "c") == AUTHORITY_FILES | NODE_FILES | {"cluster.toml"}
    settings = tomllib.loads((tmp_path / "c/nodes/n1/node.toml").read_text())
    assert settings["lab"] is True
    assert settings["tls"] == {"ca": "ca.pem", "certificate": "node.pem", "key": "node.key"}
    assert "officer" not in settings["listen"]


@pytest.mark.parametrize("plan", [PLAN, LAB], ids=["tls", "lab"])
def test_a_node_takes_its_settings_and_its_certificate(tmp_path: Path, plan: Plan) -> None:
    provision(tmp_path / "c", plan)
    for name in ("n1", "n2", "n3"):
        config = load_config(tmp_path / "c/nodes" / name / "node.toml", {})
        assert config.lab == plan.lab
        assert load_credentials(config.tls, name)


def test_a_new_data_folder_says_whose_it_is_and_that_it_is_new(tmp_path: Path) -> None:
    cluster = provision(tmp_path / "c", PLAN)
    data = tmp_path / "c/nodes/n2/data"
    assert [path.name for path in data.iterdir()] == ["newborn.json"]
    newborn = json.loads((data / "newborn.json").read_text())
    assert newborn == {"cluster_id": cluster.cluster_id, "name": "n2"}


@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_keys_and_the_secret_are_their_owners_only(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        provision(tmp_path / "c", PLAN)
    finally:
        os.umask(before)
    for path in (tmp_path / "c").rglob("*"):
        if path.is_dir():
            assert mode(path) == 0o700, path
        elif path.suffix in {".key", ".secret"}:
            assert mode(path) == 0o600, path
        else:
            assert mode(path) == 0o644, path
    assert mode(tmp_path / "c") == 0o700


def test_the_nodes_share_one_secret_of_64_hex_digits(tmp_path: Path) -> None:
    provision(tmp_path / "c", PLAN)
    secrets = {path.read_text() for path in (tmp_path / "c").rglob("cluster.secret")}
    assert len(secrets) == 1
    assert len(bytes.fromhex(secrets.pop())) == 32


def test_two_clusters_share_nothing(tmp_path: Path) -> None:
    first, second = provision(tmp_path / "a", PLAN), provision(tmp_path / "b", PLAN)
    assert first.cluster_id != second.cluster_id
    for path in (tmp_path / "a").rglob("*"):
        if path.suffix in {".key", ".secret"}:
            assert (
                path.read_bytes()
                != (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()
            )


@pytest.mark.parametrize("plan", [PLAN, LAB], ids=["tls", "lab"])
def test_the_client_reads_the_profile(tmp_path: Path, plan: Plan) -> None:
    cluster = provision(tmp_path / "c", plan)
    profile = Profile.load(tmp_path / "c")
    assert profile.cluster_id == cluster.cluster_id
    assert profile.lab == plan.lab
    assert [(n.name, n.client, n.officer) for n in profile.nodes] == [
        (n.name, n.client, n.officer) for n in plan.nodes
    ]
    assert all(officer.key.is_file() for officer in profile.officers.values())
    assert sorted(profile.officers) == ([] if plan.lab else ["operator", "registrar"])


def test_a_node_knows_itself_and_every_member(tmp_path: Path) -> None:
    cluster = provision(tmp_path / "c", PLAN)
    settings = tomllib.loads((tmp_path / "c/nodes/n2/node.toml").read_text())
    assert settings == {
        "cluster_id": cluster.cluster_id,
        "name": "n2",
        "lab": False,
        "data_dir": "data",
        "secret_file": "cluster.secret",
        "listen": {
            "client": "127.0.0.1:7402",
            "officer": "127.0.0.1:7502",
            "peer": "127.0.1.2:7602",
        },
        "tls": {"ca": "ca.pem", "certificate": "node.pem", "key": "node.key"},
        "members": [
            {"name": f"n{i}", "client": f"127.0.0.1:740{i}", "peer": f"127.0.1.{i}:760{i}"}
            for i in (1, 2, 3)
        ],
    }


def test_an_empty_folder_is_filled_in_place(tmp_path: Path) -> None:
    (tmp_path / "c").mkdir()
    inode = (tmp_path / "c").stat().st_ino
    provision(tmp_path / "c", PLAN)
    assert (tmp_path / "c").stat().st_ino == inode  # a mount point could not be replaced
    assert sorted(p.name for p in (tmp_path / "c").iterdir()) == [
        "ca.key",
        "ca.pem",
        "cluster.toml",
        "nodes",
        "officers",
    ]


def test_refuses_what_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine").write_text("keep")
    (tmp_path / "file").write_text("keep")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name, words in {
        "full": "is not empty",
        "file": "is not a folder",
        "link": "link to nowhere",
        "missing/c": "make it first",
    }.items():
        with pytest.raises(LocalError, match=words) as refused:
            provision(tmp_path / name, PLAN)
        assert "\n" not in str(refused.value)
    assert (tmp_path / "full/mine").read_text() == "keep"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "full", "link"]


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("trouble", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("file", ["cluster.toml", "nodes/n2/node.key"])
def test_nothing_half_done_is_left(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    exists: bool,
    trouble: BaseException,
    file: str,
) -> None:
    if exists:
        (tmp_path / "c").mkdir()
    real = os.open

    def failing(
        path: str | Path, flags: int, mode: int = 0o777, *, dir_fd: int | None = None
    ) -> int:
        if str(path).endswith(file):
            raise trouble
        return real(path, flags, mode, dir_fd=dir_fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        with pytest.raises((KeyboardInterrupt, LocalError)):
            provision(tmp_path / "c", PLAN)
    assert list(tmp_path.iterdir()) == ([tmp_path / "c"] if exists else [])
    assert not exists or not list((tmp_path / "c").iterdir())


def test_a_failure_while_moving_into_place_is_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.rename

    def failing(self: Path, target: Path) -> Path:
        if self.name == "cluster.toml":
            raise OSError(5, "Input/output error")
        return real(self, target)

    (tmp_path / "c").mkdir()
    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(LocalError, match="Input/output error"):
        provision(tmp_path / "c", PLAN)
    assert not list((tmp_path / "c").iterdir())


def test_the_command_prints_what_it_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "my [red]cluster"
    assert main(["init", str(target), "--nodes", "2"]) == 0
    said = capsys.readouterr()
    assert "my [red]cluster" in said.out
    assert "quorate up " in said.out
    assert "an odd number is better" in said.err


def test_the_command_prints_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "c"), "--nodes", "4", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["cluster_id"] == Profile.load(tmp_path / "c").cluster_id
    assert [node["client"] for node in document["nodes"]][3] == "127.0.0.1:7404"
    assert len(document["warnings"]) == 1


def test_the_command_refuses_with_one_line_and_status_6(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "c"), "--client-port", "70000"]) == 6
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    assert not (tmp_path / "c").exists()
