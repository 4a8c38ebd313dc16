"""Clusters of containers: what is asked of the `docker` command, of which there is a stand-in here.

The real thing is in tests/compose.
"""

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from quorate_client.chaos import Compose, Mended, Project
from quorate_client.errors import LocalError, NotDone

DOCKER = """\
import json, pathlib, sys
words = sys.argv[1:]
answers = json.loads((pathlib.Path(__file__).parent / "answers.json").read_text())
with (pathlib.Path(__file__).parent / "asked").open("a") as asked:
    asked.write(json.dumps(words) + "\\n")
key = next((key for key in answers if " ".join(words).startswith(key)), None)
if key is None:
    sys.exit("Error: no such thing")
sys.stdout.write(answers[key])
"""
NETWORK = "p_cluster"


@dataclass
class Engine:
    """A `docker` command that knows the containers of a project."""

    folder: Path
    lines: dict[str, str] = field(default_factory=dict[str, str])

    def container(  # noqa: PLR0913  one argument per thing that is told of it
        self,
        service: str,
        status: str = "running",
        exit_code: int = 0,
        *,
        networks: tuple[str, ...] = (NETWORK,),
        project: str = "p",
        address: str = "172.30.0.2",
    ) -> None:
        inside = "".join(f"{network}={address} " for network in networks)
        fields = (f"id-{service}", project, service, status, str(exit_code), inside, "")
        self.lines[service + project] = "\t".join(fields)
        self._tell()

    def asked(self, *verbs: str) -> list[list[str]]:
        """Return the commands with these first words."""
        lines = (self.folder / "asked").read_text().splitlines()
        commands = [[str(word) for word in json.loads(line)] for line in lines]
        return [command for command in commands if command[0] in verbs]

    def _tell(self) -> None:
        answers = {
            "ps": " ".join(f"id-{line}" for line in self.lines),
            "inspect": "\n".join(self.lines.values()) + "\n",
            "network ls": f"0123456789abcdef\t{NETWORK}\tcluster\n8888\tp_more\tmore\n",
            "network inspect": "\n",
        }
        answers |= dict.fromkeys(
            ("kill", "pause", "unpause", "start", "network connect", "network disconnect"), ""
        )
        (self.folder / "answers.json").write_text(json.dumps(answers))


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    (tmp_path / "stand_in.py").write_text(DOCKER)
    command = tmp_path / "docker"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path}/stand_in.py "$@"\n')
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for variable in ("COMPOSE_PROJECT_NAME", "COMPOSE_FILE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr("quorate_client.chaos.firewall.is_there", lambda: False)
    return Engine(tmp_path)


def compose(project: Project | None = None) -> Compose:
    return Compose(project or Project("p"), "mend it")


def test_only_services_that_are_nodes_are_nodes(engine: Engine) -> None:
    for service in ("n2", "init", "n1", "cli", "n10", "nginx"):
        engine.container(service)
    assert compose().names == ["n1", "n2"]


@pytest.mark.parametrize(
    ("project", "variable", "label"),
    [
        (Project(), None, "project.working_dir={here}"),
        (Project(file=Path("elsewhere/my.yml")), None, "project.working_dir={here}/elsewhere"),
        (Project("mine"), None, "project=mine"),
        (Project("mine", Path("elsewhere/my.yml")), "other", "project=mine"),
        (Project(), "other", "project=other"),
        (Project(file=Path("my.yml")), "other", "project.working_dir={here}"),
    ],
)
def test_a_project_is_told_by_its_name_or_else_its_file(
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
    project: Project,
    variable: str | None,
    label: str,
) -> None:
    monkeypatch.chdir(engine.folder)
    if variable is not None:
        monkeypatch.setenv("COMPOSE_PROJECT_NAME", variable)
    engine.container("n1")
    assert compose(project).names == ["n1"]
    wanted = f"label=com.docker.compose.{label.format(here=engine.folder)}"
    assert wanted in engine.asked("ps")[0]
    assert "label=com.docker.compose.oneoff=False" in engine.asked("ps")[0]


def test_the_environment_may_name_the_files(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_FILE", os.pathsep.join(("/here/one.yml", "/there/two.yml")))
    engine.container("n1")
    compose(Project())
    assert "label=com.docker.compose.project.working_dir=/here" in engine.asked("ps")[0]


def test_of_two_projects_one_must_be_named(engine: Engine) -> None:
    engine.container("n1", project="p")
    engine.container("n1", project="q")
    with pytest.raises(LocalError, match=r"which project\? name one of p, q"):
        compose(Project())


def test_where_there_is_no_node_it_is_said_where_was_looked(engine: Engine) -> None:
    engine.container("init")
    with pytest.raises(LocalError, match=r"no nodes .*project=p"):
        compose()


def test_what_docker_refuses_is_told_in_its_words(engine: Engine) -> None:
    (engine.folder / "answers.json").write_text("{}")
    with pytest.raises(LocalError, match=r"`docker ps --all` failed: Error: no such thing"):
        compose()


def test_without_docker_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(LocalError, match="the `docker` command, which is not found"):
        compose()


def test_a_killed_node_comes_back_by_a_command_that_is_told(engine: Engine) -> None:
    engine.container("n1")
    broken = compose(Project("p", Path("a b.yml"))).kill("n1")
    assert "docker compose --file 'a b.yml' --project-name p start n1" in broken.follows
    assert engine.asked("kill") == [["kill", "id-n1"]]


@pytest.mark.parametrize("status", ["exited", "created", "restarting", "dead"])
def test_what_is_down_is_not_killed_paused_or_cut(engine: Engine, status: str) -> None:
    engine.container("n1", status)
    engine.container("n2")
    cluster = compose()
    kinds: list[Callable[[], object]] = [
        lambda: cluster.kill("n1"),
        lambda: cluster.pause("n1"),
        lambda: cluster.cut("n2", "n1"),
    ]
    for do in kinds:
        with pytest.raises(NotDone, match="n1 is down already"):
            do()
    assert engine.asked("kill", "pause") == []


def test_a_node_is_cut_off_by_taking_it_out_of_the_nodes_network(engine: Engine) -> None:
    engine.container("n1", networks=(NETWORK, "p_more"))
    compose().cut_off("n1")
    assert ["network", "disconnect", NETWORK, "id-n1"] in engine.asked("network")


def test_healing_undoes_all_that_was_done_and_nothing_else(engine: Engine) -> None:
    engine.container("n1", "paused")
    engine.container("n2", "exited", 137, networks=())
    engine.container("n3", "exited", 0)
    engine.container("n4")
    mended = compose().heal()
    assert mended == Mended(
        resumed=("n1",), started=("n2",), joined=(("n2", "all the others"),), unknown=None
    )
    changes = [each for each in engine.asked("unpause", "start", "network") if "id-n" in each[-1]]
    assert changes == [
        ["unpause", "id-n1"],
        ["network", "connect", "--alias", "n2", NETWORK, "id-n2"],
        ["start", "id-n2"],
    ]


def test_what_is_broken_is_shown(engine: Engine) -> None:
    engine.container("n1", "paused")
    engine.container("n2", networks=("p_more",))
    engine.container("n3", "exited", 137)
    shown = [(state.name, state.state, state.cut_off_from) for state in compose().states()]
    assert shown == [
        ("n1", "paused", ("n2",)),
        ("n2", "running", ("n1", "n3")),
        ("n3", "down", ("n2",)),
    ]


def test_two_containers_on_a_bridge_out_of_sight_are_not_cut_apart(engine: Engine) -> None:
    engine.container("n1")
    engine.container("n2", address="172.30.0.3")
    with pytest.raises(LocalError, match=r"not on this machine.*`partition NODE`"):
        compose().cut("n1", "n2")
