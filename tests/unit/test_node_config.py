"""Settings: what is taken, what is refused, and which source wins."""

from pathlib import Path
from typing import Any

import pytest
import tomli_w

from quorate_node.config import load_config
from quorate_node.errors import SetupError

TLS = {"ca": "ca.pem", "certificate": "node.pem", "key": "node.key"}
LAB: dict[str, Any] = {
    "cluster_id": "0" * 32,
    "name": "n1",
    "lab": True,
    "data_dir": "data",
    "secret_file": "cluster.secret",
    "listen": {"client": "127.0.0.1:7401", "peer": "127.0.0.1:7601"},
    "tls": TLS,
    "members": [{"name": "n1", "client": "127.0.0.1:7401", "peer": "127.0.0.1:7601"}],
}
MEMBER = {"name": "n1", "client": "h:1", "peer": "h:2"}


def written(folder: Path, **changes: Any) -> Path:
    """Write the lab settings with changes; None takes a setting out."""
    settings = {key: value for key, value in {**LAB, **changes}.items() if value is not None}
    path = folder / "node.toml"
    path.write_text(tomli_w.dumps(settings))
    return path


def flaw(path: Path, **flags: Any) -> str:
    with pytest.raises(SetupError) as caught:
        load_config(path, flags)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_paths_are_relative_to_the_file_and_absolute_ones_stay(tmp_path: Path) -> None:
    config = load_config(written(tmp_path), {})
    assert config.data_dir == tmp_path / "data"
    assert config.secret_file == tmp_path / "cluster.secret"
    assert load_config(written(tmp_path, data_dir="/elsewhere"), {}).data_dir == Path("/elsewhere")


@pytest.mark.parametrize("lab", [True, False])
def test_a_node_has_its_certificate_beside_its_settings_in_lab_mode_too(
    tmp_path: Path, lab: bool
) -> None:
    listen = LAB["listen"] if lab else {**LAB["listen"], "officer": "127.0.0.1:7501"}
    config = load_config(written(tmp_path, lab=lab, listen=listen), {})
    assert config.tls.ca == tmp_path / "ca.pem"
    assert config.tls.certificate == tmp_path / "node.pem"
    assert config.tls.key == tmp_path / "node.key"


def test_the_settings_of_an_older_lab_are_told_what_is_missing_and_who_makes_it(
    tmp_path: Path,
) -> None:
    said = flaw(written(tmp_path, tls=None))
    assert "[tls] is needed, in lab mode too" in said
    assert "quorate init" in said


def test_flags_win_over_the_environment_which_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path, log_level="error")
    assert load_config(path, {}).log_level == "error"
    monkeypatch.setenv("QUORATE_NODE_LOG_LEVEL", "debug")
    monkeypatch.setenv("QUORATE_NODE_LISTEN__CLIENT", "127.0.0.1:2")
    config = load_config(path, {})
    assert config.log_level == "debug"
    assert (config.listen.client, config.listen.peer) == ("127.0.0.1:2", "127.0.0.1:7601")
    config = load_config(path, {"log_level": "info", "listen": {"client": "127.0.0.1:3"}})
    assert config.log_level == "info"
    assert (config.listen.client, config.listen.peer) == ("127.0.0.1:3", "127.0.0.1:7601")


@pytest.mark.parametrize(
    ("changes", "mentions"),
    [
        ({"cluster_id": "0" * 31}, "cluster_id"),
        ({"cluster_id": "G" * 32}, "cluster_id"),
        ({"name": "n2"}, "n2"),
        ({"name": "no such name!"}, "name"),
        ({"members": []}, "members"),
        ({"members": [MEMBER] * 2}, "two have the same name"),
        ({"members": [{**MEMBER, "colour": "red"}]}, "members.0.colour"),
        ({"members": [{**MEMBER, "name": f"n{n}"} for n in range(1, 17)]}, "members"),
        ({"listen": {"client": "nowhere", "peer": "h:1"}}, "listen.client"),
        ({"listen": {"client": "h:0", "peer": "h:1"}}, "listen.client"),
        ({"listen": {"client": "h:65536", "peer": "h:1"}}, "listen.client"),
        ({"listen": {"client": ":1", "peer": "h:1"}}, "listen.client"),
        ({"listen": {"client": "h:1"}}, "listen.peer"),
        ({"listen": {"client": "h:1", "peer": "h:1", "officer": "h:3"}}, "take out listen.officer"),
        ({"tls": {"ca": "ca.pem", "certificate": "node.pem"}}, "tls.key"),
        ({"tls": {**TLS, "password": "hunter2"}}, "tls.password"),
        ({"lab": False}, "listen.officer is needed"),
        ({"lab": "perhaps"}, "lab"),
        ({"data_dir": None}, "data_dir"),
        ({"data_dir": 7}, "data_dir"),
        ({"colour": "red"}, "colour"),
        ({"log_level": "loud"}, "log_level"),
        ({"max_clock_offset_s": 0}, "max_clock_offset_s"),
        ({"raft": {"heartbeat_s": 0.4}}, "heartbeat_s"),
        ({"raft": {"election_timeout_min_s": 2.0}}, "election_timeout"),
        ({"raft": {"snapshot_entries": 1}}, "snapshot_entries"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    tmp_path: Path, changes: dict[str, Any], mentions: str
) -> None:
    assert mentions in flaw(written(tmp_path, **changes))


def test_several_flaws_are_counted_and_values_are_not_repeated(tmp_path: Path) -> None:
    said = flaw(written(tmp_path, cluster_id="hunter2", log_level="hunter2"))
    assert "and 1 more" in said
    assert "hunter2" not in said


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.toml"
    assert str(missing) in flaw(missing)
    assert str(tmp_path) in flaw(tmp_path)
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff")
    assert "UTF-8" in flaw(binary)
    binary.write_text("a = \n")
    assert "not valid TOML" in flaw(binary)


def test_an_environment_variable_that_is_no_json_is_blamed_on_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_NODE_MEMBERS", "{")
    assert "environment QUORATE_NODE_" in flaw(written(tmp_path))


@pytest.mark.parametrize(
    ("variable", "value", "mentions"),
    [
        ("RAFT__SNAPSHOT_ENTRYS", "20", "raft.snapshot_entrys: Extra inputs are not permitted"),
        ("LISTEN__PEER", "nowhere", "listen.peer: must be host:port"),
        ("LISTEN", '{"peer": "nowhere"}', "listen.peer: must be host:port"),
        ("MEMBERS", '[{"name": "n1", "client": "h:1", "peer": "h"}]', "members.0.peer: must be"),
    ],
)
def test_a_wrong_setting_in_the_environment_is_blamed_on_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, mentions: str
) -> None:
    monkeypatch.setenv(f"QUORATE_NODE_{variable}", value)
    said = flaw(written(tmp_path))
    assert said.startswith(f"environment QUORATE_NODE_{variable}: {mentions}")


@pytest.mark.parametrize(
    ("variable", "flags", "flag"),
    [
        ("LISTEN__PEER", {"listen": {"peer": "nowhere"}}, "--listen-peer"),
        ("LOG_LEVEL", {"log_level": "loud"}, "--log-level"),
    ],
)
def test_a_wrong_flag_is_blamed_even_where_the_environment_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, flags: dict[str, Any], flag: str
) -> None:
    monkeypatch.setenv(f"QUORATE_NODE_{variable}", "nowhere")
    first, *_ = flaw(written(tmp_path), **flags).split(": ")
    assert first == flag


def test_the_file_is_blamed_for_what_the_environment_says_nothing_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_NODE_LISTEN", '{"client": "h:1"}')
    path = written(tmp_path, listen={"client": "h:1", "peer": "nowhere"})
    assert flaw(path).startswith(f"{path}: listen.peer: ")
    path = written(tmp_path, listen={"client": "h:1"})
    assert flaw(path).startswith(f"{path}: listen.peer: ")


def test_settings_that_do_not_go_together_are_blamed_on_the_file_and_what_overrides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_NODE_RAFT__HEARTBEAT_S", "0.4")
    path = written(tmp_path, raft={"snapshot_entries": 100})
    blamed = f"{path} with environment QUORATE_NODE_RAFT__HEARTBEAT_S: raft: needs"
    assert flaw(path, log_level="info").startswith(blamed)
    monkeypatch.delenv("QUORATE_NODE_RAFT__HEARTBEAT_S")
    said = flaw(path, listen={"officer": "h:3"})
    assert said.startswith(f"{path} with --listen-officer: lab = true")
