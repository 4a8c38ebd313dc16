"""One lab cluster per module, and a student's client for each of its nodes."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.cluster import LocalCluster

from .course import Course
from .course_client import CourseClient


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("course") / "cluster", lab=True) as running:
        yield running


@pytest.fixture
def course(cluster: LocalCluster) -> Iterator[Course]:
    """A whole cluster: what an earlier test killed is started again."""
    for name in cluster.names:
        if name not in cluster.processes:
            cluster.start(name)
    cluster.wait_ready()
    with ExitStack() as stack:
        endpoints = [cluster.endpoints[name] for name in cluster.names]
        yield Course(cluster, [stack.enter_context(CourseClient(each)) for each in endpoints])
