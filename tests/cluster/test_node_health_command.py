"""`quorate-node health`: what a container's health check is told."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from quorate_client.provision import plan_cluster, plan_hosts, provision
from support.cluster import LocalCluster, eventually, free_ports

pytestmark = pytest.mark.cluster


def health(config: Path, **environment: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "quorate_node.health", "--config", str(config)]
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, env=os.environ | environment
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.mark.parametrize("lab", [False, True], ids=["tls", "lab"])
def test_a_node_is_healthy_when_it_is_ready_and_only_then(tmp_path: Path, lab: bool) -> None:
    cluster = LocalCluster(tmp_path / "c", lab=lab)
    config = cluster.folder / "nodes/n1/node.toml"
    status, said = health(config)
    assert status == 1
    assert "n1 does not answer at 127.0.0.1:" in said
    try:
        cluster.start("n1")
        eventually(lambda: cluster.status("n1"), "n1 answers")
        assert health(config) == (1, "n1 is not ready; its log says why\n")
        cluster.start("n2")
        cluster.wait_ready()
        assert health(config) == (0, "n1 is ready\n")
    finally:
        cluster.__exit__(None, None, None)


def test_a_node_that_listens_on_every_address_is_found_and_no_other_is_taken_for_it(
    tmp_path: Path,
) -> None:
    first = free_ports(3)
    provision(tmp_path / "c", plan_hosts(1))
    config = tmp_path / "c/nodes/n1/node.toml"
    settings = config.read_text()
    for number, port in enumerate((7400, 7500, 7600)):
        settings = settings.replace(f"0.0.0.0:{port}", f"0.0.0.0:{first + number}")
    config.write_text(settings)
    provision(tmp_path / "other", plan_cluster(nodes=1, client_port=first))
    command = [sys.executable, "-m", "quorate_node", "--config", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as node:
        try:
            eventually(lambda: health(config)[0] == 0, "n1 is ready")
            assert health(tmp_path / "other/nodes/n1/node.toml")[0] == 1
        finally:
            node.terminate()


def test_settings_that_cannot_be_read_are_one_line(tmp_path: Path) -> None:
    missing = tmp_path / "node.toml"
    assert health(missing) == (6, f"error: cannot read {missing}: No such file or directory\n")
    missing.write_text("name = 1")
    assert health(missing) == (6, f"error: {missing} is not a node's configuration\n")
