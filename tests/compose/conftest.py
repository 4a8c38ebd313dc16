"""One image for all, and a cluster that most tests share: each finds it well, and leaves it so."""

from collections.abc import Generator, Iterator, Mapping

import pytest

from compose import image
from compose.project import Project


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the containers have to say of it."""
    report = yield
    arguments: dict[str, object] = getattr(item, "funcargs", {})
    project = arguments.get("project")
    if report.failed and isinstance(project, Project):
        report.sections.append(("containers", project.logs()))
    return report


@pytest.fixture(scope="session")
def variables() -> Mapping[str, str]:
    """What Compose is told: the image is there."""
    return image.build()


@pytest.fixture(scope="session")
def running(
    variables: Mapping[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Project]:
    with Project(tmp_path_factory.mktemp("compose"), variables) as project:
        project.up()
        project.seen_when_up = [project.status(name) for name in project.names]
        yield project


@pytest.fixture
def project(running: Project) -> Project:
    """All nodes run and are ready, whatever the test before has done."""
    if not all(running.is_ready(name) for name in running.names):
        running.up()
        running.wait_ready()
    return running
