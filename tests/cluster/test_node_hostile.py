"""Garbage, floods of bytes and huge messages against a node's ports do not disturb it."""

import itertools
import os
import random
import socket
import struct
from collections.abc import Iterator

import grpc
import pytest

from conformance.course_client import CourseClient, Student, message
from quorate_proto.v1 import election_pb2, election_pb2_grpc
from support.cluster import LocalCluster, unary

pytestmark = pytest.mark.cluster

LIMIT_BYTES = 256 * 1024
FAR_S = 4e9


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    with LocalCluster(tmp_path_factory.mktemp("hostile") / "cluster", lab=True) as running:
        yield running


@pytest.fixture
def works(cluster: LocalCluster) -> Iterator[CourseClient]:
    """After the test all nodes must be the same processes, serve, and have the same state."""
    pids = {name: process.pid for name, process in cluster.processes.items()}
    with CourseClient(*cluster.endpoints.values()) as client:
        yield client
        student = Student(f"student {random.getrandbits(64)}")
        assert client.register(student) == 0
        assert client.login(student)
    cluster.wait_ready()
    assert all(process.poll() is None for process in cluster.processes.values())
    assert pids == {name: process.pid for name, process in cluster.processes.items()}
    cluster.same_digest()


def payloads() -> list[bytes]:
    """Return what scanners, fuzzers and enemies send."""
    dice = random.Random(0)  # noqa: S311 - the same bytes every time
    lengths = [0, 1, -1, -4, -5, 100, 2**31 - 1, -(2**31)]
    return [
        b"",
        b"\0",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(1000),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + dice.randbytes(500),
        *(struct.pack("i", length) + dice.randbytes(200) for length in lengths),
        *(struct.pack("i", 100) + dice.randbytes(100) for _ in range(5)),
        *(dice.randbytes(dice.randrange(1, 5000)) for _ in range(5)),
        b"gAAAAA" * 5000,
        bytes(3_000_000),
    ]


def throw(address: str, payload: bytes, *, reset: bool) -> None:
    host, port = address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=30) as enemy:
        if reset:  # close with RST
            enemy.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        try:
            enemy.sendall(payload)
        except OSError:
            return  # it has hung up on us: its right


@pytest.mark.parametrize("listener", ["client", "peer"])
def test_garbage_bytes_disturb_nothing(
    cluster: LocalCluster, works: CourseClient, listener: str
) -> None:
    assert works.pre_auth("anyone")
    ports = itertools.cycle([str(getattr(node, listener)) for node in cluster.plan.nodes])
    for payload in payloads():
        for reset in (False, True):
            throw(next(ports), payload, reset=reset)


def test_many_silent_connections_disturb_nothing(
    cluster: LocalCluster, works: CourseClient
) -> None:
    silent: list[socket.socket] = []
    try:
        for node in cluster.plan.nodes:
            # PySyncObj accepts few at a time, so that more would take long to connect.
            for address, count in ((node.client, 100), (node.peer, 5)):
                host, port = address.rsplit(":", 1)
                silent += [socket.create_connection((host, int(port))) for _ in range(count)]
        student = Student("patient")
        assert works.register(student) in (0, 1)
        token = works.login(student)
        assert works.create(token, "silence", ["g"], ["c"], FAR_S) == 0
    finally:
        for each in silent:
            each.close()


def too_big(channel: grpc.Channel, request: bytes) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        unary(channel, "/voting.eVoting/PreAuth")(request, timeout=30)
    code = caught.value.code()
    assert isinstance(code, grpc.StatusCode)
    return code


def test_messages_over_the_limit_are_refused_and_the_largest_election_fits(
    cluster: LocalCluster, works: CourseClient
) -> None:
    for name in cluster.names:
        with cluster.channel(name) as channel:
            for size in (LIMIT_BYTES, 4 << 20, 40 << 20):
                request = message("VoterName", name="x" * size).SerializeToString()
                assert too_big(channel, request) is grpc.StatusCode.RESOURCE_EXHAUSTED
    student = Student("large")
    assert works.register(student) == 0
    token = works.login(student)
    largest = [f"{number:0256}" for number in range(200)]
    assert works.create(token, "x" * 256, largest, largest, 1.0) == 0
    assert works.result("x" * 256) == (0, [(choice, 0) for choice in largest])


def test_a_list_of_the_largest_elections_comes_in_pages_that_fit(
    cluster: LocalCluster, works: CourseClient
) -> None:
    student = Student("many")
    assert works.register(student) == 0
    token = works.login(student)
    largest = [f"{number:0256}" for number in range(200)]
    names = {f"page {number:03}" for number in range(24)}
    assert {works.create(token, name, largest, largest, 1.0) for name in names} == {0}
    seen: set[str] = set()
    with cluster.channel("n2") as channel:
        stub = election_pb2_grpc.ElectionServiceStub(channel)
        after = ""
        while True:
            request = election_pb2.ListElectionsRequest(page_size=1000, page_token=after)
            page = stub.ListElections(request, timeout=30)
            seen |= {election.name for election in page.elections}
            after = page.next_page_token
            if not after:
                break
    assert names <= seen


def test_who_voted_for_what_is_never_logged(cluster: LocalCluster, works: CourseClient) -> None:
    """Nor names, tokens or keys; after everything that can go wrong with a call went wrong."""
    mark = os.urandom(8).hex()
    voter = Student(f"voter-{mark}", f"group-{mark}")
    assert works.register(voter) == 0
    token = works.login(voter)
    election, choices = f"election-{mark}", [f"choice-{mark}-{number}" for number in range(3)]
    assert works.create(token, election, [voter.group], choices, FAR_S) == 0
    assert works.vote(token, election, choices[0]) == 0
    assert works.vote(token, election, choices[1]) == 4
    assert works.vote(token[:-1], election, choices[1]) == 1
    assert works.vote(token, f"other-{mark}", choices[1]) == 2
    assert works.result(election) == (2, [])
    assert works.auth_code(voter.name, b"wrong") is grpc.StatusCode.UNAUTHENTICATED
    assert works.unregister(voter.name) == 0
    vote = message(
        "Vote", election_name=election, choice_name=choices[2], token={"value": token}
    ).SerializeToString()
    with pytest.raises(grpc.RpcError):
        works.raw("CastVote", vote + b"\xff")
    with pytest.raises(grpc.RpcError):
        works.raw("PreAuth", b"\x0a\x12" + f"{mark}\xff\xff".encode("latin-1"))
    for name in cluster.names:
        log = cluster.log(name).read_bytes()
        for private in (mark.encode(), token, voter.public_key, token.hex().encode()):
            assert private not in log
        assert b"ready" in log
