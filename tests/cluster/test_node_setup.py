"""A node that can't run says why in one line and exits with 6; settings and who wins."""

import datetime as dt
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomli_w

from quorate_client.provision.certificates import Authority
from support.cluster import LocalCluster, eventually

pytestmark = pytest.mark.cluster

EXIT_SETUP = 6


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> LocalCluster:
    """A cluster's folder; nothing runs."""
    return LocalCluster(tmp_path_factory.mktemp("setup") / "cluster")


@pytest.fixture
def node(made: LocalCluster, tmp_path: Path) -> Path:
    """A copy of n1's folder, to be broken."""
    return Path(shutil.copytree(made.folder / "nodes" / "n1", tmp_path / "n1"))


def run(node: Path, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the node in a folder until it exits."""
    return subprocess.run(
        [sys.executable, "-m", "quorate_node", "--config", str(node / "node.toml"), *flags],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


def complaint(ran: subprocess.CompletedProcess[str], node: Path) -> str:
    """Check how a node that can't run ends; return what it said."""
    said = ran.stderr
    assert ran.returncode == EXIT_SETUP, said
    assert said.startswith("error: "), said
    assert said.endswith("\n"), said
    assert said.count("\n") == 1, said
    assert "Traceback" not in said
    assert ran.stdout == ""
    for secret in (node / "cluster.secret", node / "node.key"):
        if secret.exists():
            content = secret.read_text(errors="replace").strip()
            assert not content or content not in said
    return said


def edit(node: Path, old: str, new: str) -> None:
    config = node / "node.toml"
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new, 1))


# ------------------------------------------------------------------ files that are wrong


def _no_config(node: Path) -> None:
    (node / "node.toml").unlink()


def _config_is_a_folder(node: Path) -> None:
    (node / "node.toml").unlink()
    (node / "node.toml").mkdir()


def _config_is_binary(node: Path) -> None:
    (node / "node.toml").write_bytes(b"\xff\xfe\0")


def _bad_toml(node: Path) -> None:
    (node / "node.toml").write_text("name = [unfinished\n")


def _unknown_key(node: Path) -> None:
    edit(node, "lab = false", 'lab = false\ncolour = "red"')


def _unknown_section_key(node: Path) -> None:
    edit(node, "[listen]", '[listen]\nadmin = "127.0.0.1:1"')


def _wrong_type(node: Path) -> None:
    edit(node, "lab = false", 'lab = "perhaps"')


def _missing_key(node: Path) -> None:
    edit(node, 'data_dir = "data"', "")


def _bad_address(node: Path) -> None:
    edit(node, "[listen]", "[raft]\nheartbeat_s = 9\n[listen]")


def _name_not_a_member(node: Path) -> None:
    edit(node, 'name = "n1"', 'name = "n7"')


def _no_tls(node: Path) -> None:
    edit(node, "[tls]", "[raft]\n[tls]")
    edit(node, 'ca = "ca.pem"', "")


def _lab_with_officers(node: Path) -> None:
    edit(node, "lab = false", "lab = true")


def _no_secret(node: Path) -> None:
    (node / "cluster.secret").unlink()


def _bad_secret(node: Path) -> None:
    (node / "cluster.secret").write_text("correct horse battery staple")


def _short_secret(node: Path) -> None:
    (node / "cluster.secret").write_text("ab" * 31)


def _binary_secret(node: Path) -> None:
    (node / "cluster.secret").write_bytes(b"\xff" * 64)


def _loose_secret(node: Path) -> None:
    (node / "cluster.secret").chmod(0o644)


def _no_certificate(node: Path) -> None:
    (node / "node.pem").unlink()


def _not_a_certificate(node: Path) -> None:
    (node / "node.pem").write_text("hello")


def _not_a_key(node: Path) -> None:
    (node / "node.key").write_text("hello")


def _key_of_another(node: Path) -> None:
    other = Authority("0" * 32, dt.datetime.now(dt.UTC)).node("n1", "127.0.0.1")
    (node / "node.key").write_bytes(other.key)


def _install(node: Path, authority: Authority, name: str) -> None:
    own = authority.node(name, "127.0.0.1")
    (node / "ca.pem").write_bytes(authority.identity.certificate)
    (node / "node.pem").write_bytes(own.certificate)
    (node / "node.key").write_bytes(own.key)


def _expired(node: Path) -> None:
    _install(node, Authority("0" * 32, dt.datetime.now(dt.UTC) - dt.timedelta(days=1000)), "n1")


def _not_yet_valid(node: Path) -> None:
    _install(node, Authority("0" * 32, dt.datetime.now(dt.UTC) + dt.timedelta(days=10)), "n1")


def _certificate_of_another_node(node: Path) -> None:
    _install(node, Authority("0" * 32, dt.datetime.now(dt.UTC)), "n2")


def _certificate_of_another_authority(node: Path) -> None:
    authority = Authority("0" * 32, dt.datetime.now(dt.UTC))
    (node / "ca.pem").write_bytes(authority.identity.certificate)


def _data_of_another_node(node: Path) -> None:
    (node / "data" / "newborn.json").write_text('{"cluster_id": "0", "name": "n2"}')


def _data_of_an_older_version(node: Path) -> None:
    (node / "data" / "member.json").write_text('{"cluster_id": "0", "name": "n1"}')
    (node / "data" / "raft.journal").touch()


def _damaged_member_file(node: Path) -> None:
    (node / "data" / "member.json").write_text("{")


def _data_is_a_file(node: Path) -> None:
    shutil.rmtree(node / "data")
    (node / "data").write_text("")


@pytest.mark.parametrize(
    ("break_it", "mentions"),
    [
        (_no_config, "node.toml"),
        (_config_is_a_folder, "node.toml"),
        (_config_is_binary, "UTF-8"),
        (_bad_toml, "TOML"),
        (_unknown_key, "colour"),
        (_unknown_section_key, "listen.admin"),
        (_wrong_type, "lab"),
        (_missing_key, "data_dir"),
        (_bad_address, "heartbeat_s"),
        (_name_not_a_member, "n7"),
        (_no_tls, "tls"),
        (_lab_with_officers, "take out listen.officer"),
        (_no_secret, "cluster.secret"),
        (_bad_secret, "64 hexadecimal"),
        (_short_secret, "64 hexadecimal"),
        (_binary_secret, "64 hexadecimal"),
        (_loose_secret, "chmod 600"),
        (_no_certificate, "node.pem"),
        (_not_a_certificate, "not a certificate"),
        (_not_a_key, "not a private key"),
        (_key_of_another, "not the key of"),
        (_expired, "renew it"),
        (_not_yet_valid, "not now"),
        (_certificate_of_another_node, "not the certificate of node n1"),
        (_certificate_of_another_authority, "not issued by"),
        (_data_of_another_node, "belongs to another node"),
        (_data_of_an_older_version, "older version"),
        (_damaged_member_file, "damaged"),
        (_data_is_a_file, "data folder"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_with_exit_6(
    node: Path, break_it: Callable[[Path], None], mentions: str
) -> None:
    break_it(node)
    assert mentions in complaint(run(node), node)


# ------------------------------------------------------------------ ports and data folders


@contextmanager
def taken(address: str) -> Generator[None]:
    host, port = address.rsplit(":", 1)
    with socket.create_server((host, int(port))):
        yield


@pytest.mark.parametrize("listener", ["client", "officer", "peer"])
def test_a_port_in_use_is_said_in_one_line_with_exit_6(
    made: LocalCluster, node: Path, listener: str
) -> None:
    address = str(getattr(made.plan.nodes[0], listener))
    with taken(address):
        assert address in complaint(run(node), node)


def test_a_data_folder_that_a_running_node_uses_is_not_shared(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path / "cluster", nodes=1)
    with cluster:
        node = cluster.folder / "nodes" / "n1"
        assert "another process" in complaint(run(node), node)
        assert cluster.is_ready("n1")


def test_a_data_folder_of_another_cluster_is_left_alone(tmp_path: Path) -> None:
    one = LocalCluster(tmp_path / "one", nodes=1)
    with one:
        assert one.stop("n1") == 0
    two = LocalCluster(tmp_path / "two", nodes=1)
    data = one.folder / "nodes" / "n1" / "data"
    before = {path.name: path.read_bytes() for path in data.iterdir()}
    node = two.folder / "nodes" / "n1"
    assert "another node or cluster" in complaint(run(node, "--data-dir", str(data)), node)
    assert {path.name: path.read_bytes() for path in data.iterdir()} == before


# ------------------------------------------------------------------ who wins


def test_flags_win_over_the_environment_which_wins_over_the_file(
    node: Path, made: LocalCluster
) -> None:
    file, variable, flag = made.plan.nodes[0].client, "127.0.0.1:1111", "nonsense"
    assert file in (node / "node.toml").read_text()
    assert "colour" not in run(node, "--check").stderr
    bad = run(node, "--check", QUORATE_NODE_LISTEN__CLIENT="nonsense")
    assert "listen.client" in complaint(bad, node)
    good = run(node, "--check", "--listen-client", variable, QUORATE_NODE_LISTEN__CLIENT="nonsense")
    assert (good.returncode, good.stderr) == (0, "")
    bad = run(node, "--check", "--listen-client", flag, QUORATE_NODE_LISTEN__CLIENT=variable)
    assert "listen.client" in complaint(bad, node)
    assert "environment" in complaint(run(node, "--check", QUORATE_NODE_MEMBERS="{"), node)


def test_a_node_listens_where_the_flag_says(tmp_path: Path) -> None:
    cluster = LocalCluster(tmp_path / "cluster", nodes=1, lab=True)
    spare = LocalCluster(tmp_path / "spare", nodes=1, lab=True)
    elsewhere = spare.endpoints["n1"]
    cluster.start("n1", "--listen-client", elsewhere, "--data-dir", str(tmp_path / "data"))
    cluster.endpoints["n1"] = elsewhere
    try:
        eventually(lambda: cluster.is_ready("n1"), "it is ready at the other address")
        assert (tmp_path / "data" / "member.json").exists()
        assert [path.name for path in cluster.data("n1").iterdir()] == ["newborn.json"]
    finally:
        cluster.kill("n1")


def test_check_says_ok_and_starts_nothing(node: Path) -> None:
    ran = run(node, "--check")
    assert (ran.returncode, ran.stdout) == (0, f"{node / 'node.toml'}: ok\n")
    assert [path.name for path in (node / "data").iterdir()] == ["newborn.json"]


def test_the_written_configuration_is_what_the_tests_break(made: LocalCluster) -> None:
    """So that an edit above that does nothing is noticed: `edit` asserts, and TOML is TOML."""
    assert tomli_w.dumps({"lab": False}).strip() == "lab = false"
    assert made.folder.exists()
