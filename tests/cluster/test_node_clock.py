"""A node whose clock is mad says so, takes no ballots and closes nothing early."""

import os
import shutil
import time
from collections.abc import Iterator
from functools import partial

import grpc
import pytest
from grpc_health.v1 import health_pb2

from conformance.course_client import CourseClient, Student
from quorate_proto.v1 import cluster_pb2
from support.cluster import LocalCluster, eventually, outcome_of

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(shutil.which("faketime") is None, reason="faketime is not installed"),
]

MAD = "n3"
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module", params=["+90s", "-90s"])
def cluster(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalCluster]:
    made = LocalCluster(tmp_path_factory.mktemp("clock") / "cluster", lab=True)
    prefix = (
        "env",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "FAKETIME_FORCE_MONOTONIC_FIX=0",
        "faketime",
        "-f",
        str(request.param),
    )
    try:
        for name in ("n1", "n2"):  # both first: between two clocks nobody can tell
            made.start(name)
        made.wait_ready()
        made.start(MAD, prefix=prefix)
        yield made
    finally:
        for name in list(made.processes):
            made.kill(name)


def mad_status(cluster: LocalCluster) -> cluster_pb2.NodeStatus | None:
    """Return what the mad node says of itself once it has compared clocks."""
    status = cluster.status(MAD)
    known = status is not None and abs(status.clock_offset.ToSeconds()) > 1
    return status if known else None


def says_that_it_is_mad(cluster: LocalCluster) -> cluster_pb2.NodeStatus | None:
    """Return what the mad node says of itself once nothing but its clock is wrong."""
    status = cluster.status(MAD)
    mad = status is not None and "off the members' median" in status.not_ready_reason
    return status if mad else None


def test_it_says_so_and_is_never_ready(cluster: LocalCluster) -> None:
    status = eventually(partial(says_that_it_is_mad, cluster), "it says so")
    assert not status.ready
    assert 80 < abs(status.clock_offset.ToSeconds()) < 100
    assert cluster.health(MAD, "voting.eVoting") == NOT_SERVING
    log = cluster.log(MAD).read_text()
    assert "no ballots are taken here" in log
    assert " ready\n" not in log.replace("not ready", "")


def test_it_takes_no_ballots_and_says_that_nothing_was_done(cluster: LocalCluster) -> None:
    student = Student(f"student {os.urandom(4).hex()}")
    with (
        CourseClient(cluster.endpoints["n1"]) as sane,
        CourseClient(cluster.endpoints[MAD]) as mad,
        CourseClient(cluster.endpoints[MAD], cluster.endpoints["n2"]) as going_on,
    ):
        assert sane.register(student) == 0
        token = sane.login(student)
        election = f"election of {student.name}"
        assert sane.create(token, election, ["students"], ["yes"], time.time() + 60) == 0
        with pytest.raises(grpc.RpcError) as caught:
            mad.vote(token, election, "yes")
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert outcome_of(caught.value) == "definite"
        with pytest.raises(grpc.RpcError):
            mad.create(token, f"another {election}", ["students"], ["yes"], time.time() + 60)
        assert going_on.vote(token, election, "yes") == 0
        # By the mad clock (if fast) it is over; the cluster knows better, and so does it.
        assert mad.result(election) == (2, [])


def test_it_neither_closes_an_election_early_nor_keeps_it_open(cluster: LocalCluster) -> None:
    student = Student(f"student {os.urandom(4).hex()}")
    with (
        CourseClient(cluster.endpoints["n1"]) as sane,
        CourseClient(cluster.endpoints[MAD]) as mad,
    ):
        assert sane.register(student) == 0
        token = sane.login(student)
        end_s = time.time() + 3
        election = f"election of {student.name}"
        assert sane.create(token, election, ["students"], ["yes"], end_s) == 0
        early = [client.result(election)[0] for client in (sane, mad, sane)]
        assert early == [2, 2, 2] or time.time() >= end_s
        eventually(lambda: time.time() > end_s, "the end")
        assert sane.result(election) == (0, [("yes", 0)])
        eventually(lambda: mad.result(election)[0] == 0, "the mad node hears of it")


def test_a_mad_node_is_mad_from_its_first_answer_on(cluster: LocalCluster) -> None:
    """Before it has asked the others for the time it takes no ballots either."""
    student = Student(f"student {os.urandom(4).hex()}")
    with CourseClient(cluster.endpoints["n1"]) as sane:
        assert sane.register(student) == 0
        token = sane.login(student)
    offset = eventually(partial(mad_status, cluster), "it compared").clock_offset.ToSeconds()
    cluster.kill(MAD)
    prefix = (
        "env",
        "FAKETIME_DONT_FAKE_MONOTONIC=1",
        "FAKETIME_FORCE_MONOTONIC_FIX=0",
        "faketime",
        "-f",
        f"{offset:+d}s",
    )
    cluster.start(MAD, prefix=prefix)
    with CourseClient(cluster.endpoints[MAD], timeout_s=2) as mad:
        while mad_status(cluster) is None:
            with pytest.raises(grpc.RpcError):
                mad.create(token, f"e {os.urandom(4).hex()}", ["students"], ["yes"], 4e9)
