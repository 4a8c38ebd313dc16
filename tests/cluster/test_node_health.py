"""What monitors ask: liveness, readiness, reflection."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from conformance.course_client import CourseClient, Student
from support.cluster import LocalCluster, eventually

pytestmark = pytest.mark.cluster

LIVENESS, READINESS = "", "quorate.v1.BallotService"
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("health") / "cluster", lab=True) as running:
        yield running


@pytest.fixture
def cluster(running: LocalCluster) -> LocalCluster:
    """All nodes run, whatever the test before has killed."""
    for name in running.names:
        if name not in running.processes:
            running.start(name)
    running.wait_ready()
    return running


def is_serving(cluster: LocalCluster, name: str) -> bool:
    return cluster.health(name, READINESS) == SERVING


def is_not_serving(cluster: LocalCluster, name: str) -> bool:
    return cluster.health(name, READINESS) == NOT_SERVING


def test_a_node_is_alive_and_ready_under_both_names_of_the_service(cluster: LocalCluster) -> None:
    for name in cluster.names:
        eventually(partial(is_serving, cluster, name), f"{name} is serving")
        assert cluster.health(name, LIVENESS) == SERVING
        assert cluster.health(name, "voting.eVoting") == SERVING


def test_an_unknown_service_has_no_health(cluster: LocalCluster) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        cluster.health("n1", "no.such.Service")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_reflection_lists_the_services_and_describes_the_contract(cluster: LocalCluster) -> None:
    with cluster.channel("n1") as channel:
        stub: Any = reflection_pb2_grpc.ServerReflectionStub(channel)
        asked = [
            reflection_pb2.ServerReflectionRequest(list_services=""),
            reflection_pb2.ServerReflectionRequest(file_containing_symbol="voting.eVoting"),
        ]
        listed, described = stub.ServerReflectionInfo(iter(asked), timeout=10)
    assert {service.name for service in listed.list_services_response.service} == {
        "voting.eVoting",
        "quorate.v1.AuthService",
        "quorate.v1.BallotService",
        "quorate.v1.ElectionService",
        "quorate.v1.RollService",
        "quorate.v1.ClusterService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
    files = described.file_descriptor_response.file_descriptor_proto
    contract = descriptor_pb2.FileDescriptorProto.FromString(files[0])
    assert contract.package == "voting"
    assert [method.name for method in contract.service[0].method] == [
        "PreAuth",
        "Auth",
        "CreateElection",
        "CastVote",
        "GetResult",
        "RegisterVoter",
        "UnregisterVoter",
    ]


@pytest.mark.parametrize("survivor", ["leader", "follower"])
def test_without_a_majority_a_node_is_alive_but_not_serving_until_it_returns(
    cluster: LocalCluster, survivor: str
) -> None:
    """A follower whose leader died must not go on believing in it."""
    leader = cluster.leader()
    follower = next(name for name in cluster.names if name != leader)
    last = leader if survivor == "leader" else follower
    dead = [name for name in cluster.names if name != last]
    eventually(partial(is_serving, cluster, last), f"{last} is serving")
    for name in dead:
        cluster.kill(name)
    eventually(partial(is_not_serving, cluster, last), f"{last} is not serving")
    assert cluster.health(last, LIVENESS) == SERVING
    status = cluster.status(last)
    assert status is not None
    assert (status.ready, status.leader_name) == (False, "")
    assert status.not_ready_reason == "it knows no leader"
    for name in dead:
        cluster.start(name)
    eventually(partial(is_serving, cluster, last), f"{last} is serving")


def test_a_node_that_starts_alone_is_alive_but_not_serving(cluster: LocalCluster) -> None:
    for name in cluster.names:
        cluster.kill(name)
    cluster.start("n1")
    eventually(lambda: cluster.status("n1"), "n1 answers")
    assert cluster.health("n1", LIVENESS) == SERVING
    assert cluster.health("n1", READINESS) == NOT_SERVING
    for name in ("n2", "n3"):
        cluster.start(name)
    eventually(partial(is_serving, cluster, "n1"), "n1 is serving")


def test_a_node_that_keeps_up_does_not_say_under_load_that_it_is_catching_up(
    cluster: LocalCluster,
) -> None:
    said = {name: cluster.log(name).read_text().count("not ready") for name in cluster.names}
    with ThreadPoolExecutor(8) as pool:
        students = [Student(f"student {number}") for number in range(1000)]
        with CourseClient(*cluster.endpoints.values()) as client:
            assert set(pool.map(client.register, students)) <= {0, 1}
    for name in cluster.names:
        assert cluster.log(name).read_text().count("not ready") == said[name]
