"""A node whose volume is gone, and one that has another address than before."""

from collections.abc import Generator
from contextlib import contextmanager
from functools import partial

from compose.engine import docker, needs_engine
from compose.image import IMAGE
from compose.project import LABEL, Project
from support.cluster import eventually

pytestmark = needs_engine


def test_a_node_whose_volume_was_deleted_does_not_vote_until_it_is_told_and_has_caught_up(
    project: Project,
) -> None:
    project.compose("rm", "--stop", "--force", "n2", "init")
    docker("volume", "rm", f"{project.name}_n2")
    project.compose("up", "--detach", "n2")
    eventually(lambda: "n2 with another disk" in project.log("n2"), "n2 is turned away", 60.0)
    assert not project.is_ready("n2")
    assert "--replace n2" in project.compose("logs", "--no-color", "init").stdout
    project.wait_ready("n1", "n3")  # the others go on
    project.compose("stop", "n2")
    said = project.compose("run", "--rm", "-T", "init", "--replace", "n2").stdout
    assert said == "n2 has a new disk: it will catch up before it votes\n"
    project.up("n2")
    assert "this member's new disk has caught up: it votes again" in project.log("n2")
    project.wait_ready()
    project.wait_same()


def test_a_node_that_comes_back_with_another_address_is_found_again(project: Project) -> None:
    before = project.address("n1")
    project.compose("stop", "--timeout", "20", "n1")
    with somebody_else(project):
        project.compose("start", "n1")
        assert project.address("n1") not in {"", before}
        project.wait_ready()
        for name in project.names:
            eventually(partial(sees_all, project, name), f"{name} sees all others")
        project.wait_same()


def sees_all(project: Project, name: str) -> bool:
    """Ask one node for the others as it sees them."""
    told = project.cluster_status(name)
    return told is not None and all(node.reachable for node in told.nodes)


@contextmanager
def somebody_else(project: Project) -> Generator[None]:
    """A container on the same network, which takes an address that is free."""
    label = f"{LABEL}.project={project.name}"
    flags = ("--detach", "--rm", "--label", label, "--network", project.network)
    container = docker("run", *flags, "--entrypoint", "sleep", IMAGE, "600")
    try:
        yield
    finally:
        docker("rm", "--force", container)
