"""What the containers are allowed, what each volume holds, and what the image is made of."""

from collections.abc import Mapping

import pytest

from compose.engine import ROOT, needs_engine, run
from compose.image import IMAGE
from compose.project import PATIENCE_S, Project
from support.cluster import eventually

pytestmark = needs_engine

OWN = {"ca.pem", "cluster.secret", "data", "node.key", "node.pem", "node.toml"}
USER = "10001:10001"


def test_up_returns_when_the_cluster_has_a_leader(running: Project) -> None:
    views = [view for view in running.seen_when_up if view is not None and view.ready]
    assert len(views) == len(running.names)
    assert len({view.leader_name for view in views} - {""}) == 1


def test_a_node_may_do_little_and_takes_a_limited_part_of_its_machine(project: Project) -> None:
    for name in project.names:
        known = project.inspect(name)
        host = known["HostConfig"]
        assert known["Config"]["User"] == USER
        assert host["ReadonlyRootfs"] is True
        assert (host["CapDrop"], host["CapAdd"]) == (["ALL"], None)
        assert "no-new-privileges:true" in host["SecurityOpt"]
        assert host["RestartPolicy"]["Name"] == "unless-stopped"
        assert min(host["Memory"], host["NanoCpus"], host["PidsLimit"]) > 0
        assert {"max-size", "max-file"} <= set(host["LogConfig"]["Config"])
        assert known["Config"]["Healthcheck"]["Test"][0] == "CMD"


def test_only_the_voters_port_is_published_and_only_on_loopback(project: Project) -> None:
    said = project.compose("-f", str(ROOT / "docker-compose.yml"), "config").stdout
    assert "7500" not in said
    assert "7600" not in said
    for name in project.names:
        ports = project.inspect(name)["NetworkSettings"]["Ports"]
        published = {port: at for port, at in ports.items() if at}
        # This project's override publishes the officers' port, too, which it was asked to do.
        assert set(published) == {"7400/tcp", "7500/tcp"}
        assert {each["HostIp"] for at in published.values() for each in at} == {"127.0.0.1"}


def test_each_volume_holds_its_own(project: Project) -> None:
    for name in project.names:
        assert set(listed(project, name)) == OWN
    assert set(listed(project, "officers", "cluster")) == {"ca.pem", "cluster.toml", "officers"}
    assert "ca.key" in listed(project, "vault", "cluster")


def listed(project: Project, volume: str, folder: str = "node") -> list[str]:
    mounted = f"{project.name}_{volume}:/volume:ro"
    command = ("docker", "run", "--rm", "--volume", mounted, "--entrypoint", "ls")
    return run(*command, IMAGE, f"/volume/{folder}").stdout.split()


def test_filling_the_volumes_again_changes_nothing(project: Project) -> None:
    said = project.compose("run", "--rm", "-T", "init").stdout
    assert said == "everything is in its place: nothing was changed\n"


def test_a_node_that_is_told_to_stop_does_so_in_order_and_its_disk_is_not_replaced(
    project: Project,
) -> None:
    project.compose("stop", "--timeout", "20", "n3")
    assert project.inspect("n3")["State"]["ExitCode"] == 0
    assert "stopping: no new calls" in project.log("n3")
    assert project.log("n3").rstrip().endswith("stopped")
    replace = project.compose("run", "--rm", "-T", "init", "--replace", "n3", check=False)
    assert replace.returncode == 6
    assert "holds what n3 votes with; nothing was changed" in replace.stderr


def test_a_node_that_crashes_is_started_again(project: Project) -> None:
    state = project.inspect("n3")
    kill = f"import os; os.kill({state['State']['Pid']}, 9)"  # `docker kill` would be meant to last
    flags = ("--rm", "--pid", "host", "--user", USER, "--entrypoint", "python3")
    run("docker", "run", *flags, IMAGE, "-c", kill)
    eventually(
        lambda: project.inspect("n3")["RestartCount"] > state["RestartCount"],
        "n3 is started again",
        PATIENCE_S,
    )
    project.wait_ready("n3")


def test_the_image_has_no_root_no_secrets_and_nothing_that_builds(
    variables: Mapping[str, str],
) -> None:
    scan = run(ROOT / "scripts/scan-image", variables["QUORATE_IMAGE"], check=False)
    assert scan.returncode == 0, scan.stdout


def test_the_scan_finds_what_is_wrong_with_a_base_image(variables: Mapping[str, str]) -> None:
    base = variables.get("BASE_IMAGE")
    if base is None:
        pytest.skip("BASE_IMAGE is the caller's: nobody knows what is in it")
    scan = run(ROOT / "scripts/scan-image", base, check=False)
    assert scan.returncode == 1
    assert "its user is root" in scan.stdout
    assert "/su: runs as another user than its caller" in scan.stdout
