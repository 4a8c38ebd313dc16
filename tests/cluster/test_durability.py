"""What is acknowledged stays: kills of all, power cuts, full and lost disks, flipped bits."""

import os
import random
import re
import shutil
import signal
import socket
import ssl
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from quorate_client.cli import main
from support.ballots import CALLERS, Ballots
from support.cluster import LocalCluster, eventually
from support.power import PoweredDisk, needs_mount, small_disk

pytestmark = pytest.mark.cluster

EXIT_UNFIT, EXIT_DISK = 6, 74
VOTING_S = 8
OFTEN = 20  # log entries between snapshots: so few that every fault hits snapshots and cut logs


@contextmanager
def voting(cluster: LocalCluster) -> Generator[Ballots]:
    """Voters cast all the time within the block; then every node counts each ballot once.

    All nodes must run at the end of the block.
    """
    dice = random.Random(1)  # noqa: S311 - not for secrets
    with (
        ThreadPoolExecutor(CALLERS) as pool,
        Ballots(cluster, dice, voters=120, voting_s=VOTING_S) as ballots,
    ):
        ballots.prepare()
        ballots.start(pool)
        yield ballots
        ballots.finish()
        cluster.wait_ready()
        ballots.cast_again()
        assert ballots.wrong == []
        results = eventually(ballots.all_results, "all elections are closed")
        assert results == [ballots.expected()] * len(cluster.names)
        assert cluster.same_digest()


def kill_all_at_once(cluster: LocalCluster) -> None:
    for name in cluster.names:
        cluster.signal(name, signal.SIGKILL)
    for name in cluster.names:
        cluster.kill(name)  # waits for its end


def said(cluster: LocalCluster, name: str) -> str:
    """Return the last line that a node wrote."""
    return cluster.log(name).read_text().rstrip().rsplit("\n", 1)[-1]


@pytest.fixture
def cluster(tmp_path: Path) -> Generator[LocalCluster]:
    with LocalCluster(tmp_path / "cluster", lab=True) as running:
        yield running


@pytest.fixture(params=[OFTEN, 20_000], ids=["snapshots all the time", "no snapshots"])
def snapshot_entries(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    entries: int = request.param
    monkeypatch.setenv("QUORATE_NODE_RAFT__SNAPSHOT_ENTRIES", str(entries))
    return entries


# ------------------------------------------------------------------ all at once


@pytest.mark.usefixtures("snapshot_entries")
def test_nothing_acknowledged_is_lost_when_all_nodes_are_killed_at_once(
    cluster: LocalCluster,
) -> None:
    with voting(cluster) as ballots:
        for _ in range(4):
            ballots.wait_for_answers(100)
            kill_all_at_once(cluster)
            for name in cluster.names:
                cluster.start(name)


@pytest.fixture
def powered(tmp_path: Path) -> Generator[tuple[LocalCluster, PoweredDisk]]:
    """A cluster, not started yet, whose nodes have their data on one disk."""
    disk = PoweredDisk(tmp_path, tmp_path / "disk")
    try:
        cluster = LocalCluster(tmp_path / "cluster", lab=True)
        for name in cluster.names:
            shutil.move(cluster.data(name), disk.path / name)
            cluster.data(name).symlink_to(disk.path / name)
        with cluster:
            yield cluster, disk
    finally:
        disk.close()


@pytest.mark.usefixtures("snapshot_entries")
def test_nothing_acknowledged_is_lost_in_power_cuts_of_all_nodes(
    powered: tuple[LocalCluster, PoweredDisk],
) -> None:
    cluster, disk = powered
    dice = random.Random(2)  # noqa: S311 - not for secrets
    with voting(cluster) as ballots:
        for _ in range(4):
            ballots.wait_for_answers(dice.randint(20, 150))
            for name in cluster.names:
                cluster.signal(name, signal.SIGSTOP)
            disk.cut()
            kill_all_at_once(cluster)
            disk.restore()
            for name in cluster.names:
                cluster.start(name)


# ------------------------------------------------------------------ a full disk


def test_a_node_whose_disk_is_full_says_so_and_ends_and_is_unharmed_once_there_is_room(
    tmp_path: Path,
) -> None:
    needs_mount()
    made = LocalCluster(tmp_path / "cluster", lab=True)
    newborn = {path.name: path.read_bytes() for path in made.data("n1").iterdir()}
    with ExitStack() as stack:
        disk = stack.enter_context(small_disk(made.data("n1"), "32m"))
        for name, content in newborn.items():
            (disk / name).write_bytes(content)
        cluster = stack.enter_context(made)
        filler = disk / "filler"
        with voting(cluster) as ballots:
            ballots.wait_for_answers(20)
            fill(filler)
            assert cluster.wait_exit("n1") == EXIT_DISK
            assert "CRITICAL" in said(cluster, "n1")
            assert "No space left on device" in said(cluster, "n1")
            ballots.wait_for_answers(100)  # the others go on
            cluster.start("n1")  # still no room: it says so again, and harms nothing
            assert cluster.wait_exit("n1") == EXIT_DISK
            assert "No space left on device" in said(cluster, "n1")
            filler.unlink()
            cluster.start("n1")


def fill(path: Path) -> None:
    """Leave no room on the disk of `path`."""
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


# ------------------------------------------------------------------ a lost disk


@pytest.mark.parametrize("role", ["leader", "follower"])
def test_a_wiped_node_is_refused_until_told_to_replace_and_then_votes_again(
    cluster: LocalCluster, role: str
) -> None:
    leader = cluster.leader()
    follower = next(name for name in cluster.names if name != leader)
    wiped = leader if role == "leader" else follower
    with voting(cluster) as ballots:
        ballots.wait_for_answers(50)
        cluster.kill(wiped)
        cluster.wipe(wiped)
        cluster.start(wiped)
        assert cluster.wait_exit(wiped) == EXIT_UNFIT
        assert "--replace" in said(cluster, wiped)
        ballots.wait_for_answers(50)
        cluster.start(wiped, "--replace")
        cluster.wait_ready(wiped)
        status = cluster.status(wiped)
        assert status is not None
        assert status.ready
        other = next(name for name in cluster.names if name != wiped)
        cluster.kill(other)
        ballots.wait_for_answers(50)  # a quorum of the third and the one that was replaced
        cluster.start(other)
        cluster.kill(wiped)
        cluster.start(wiped)  # from here on it is a node like any other


def test_a_new_cluster_asks_nobody_and_a_data_folder_made_by_hand_starts_too(
    tmp_path: Path,
) -> None:
    cluster = LocalCluster(tmp_path / "cluster", lab=True)
    for name in cluster.names:
        cluster.wipe(name)
    with cluster:  # each asks the others, and none knows the other
        assert cluster.same_digest()


def test_an_old_copy_of_a_nodes_own_disk_is_refused_where_it_is_known_with_another(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    cluster.stop("n2")
    shutil.copytree(cluster.data("n2"), tmp_path / "old")
    cluster.wipe("n2")
    cluster.start("n2", "--replace")
    cluster.wait_ready("n2")
    cluster.stop("n2")
    cluster.wipe("n2")
    shutil.copytree(tmp_path / "old", cluster.data("n2"), dirs_exist_ok=True)
    cluster.start("n2")
    assert cluster.wait_exit("n2") == EXIT_UNFIT
    assert "--replace" in said(cluster, "n2")


# ------------------------------------------------------------------ flipped bits


def journal_files(data: Path) -> list[Path]:
    return sorted(data.glob("journal-*"))


def snapshot_files(data: Path) -> list[Path]:
    return sorted(data.glob("snapshot*"))


@pytest.mark.parametrize("files", [journal_files, snapshot_files])
def test_a_flipped_bit_is_refused_with_the_file_and_the_offset(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    files: Callable[[Path], list[Path]],
) -> None:
    monkeypatch.setenv("QUORATE_NODE_RAFT__SNAPSHOT_ENTRIES", str(OFTEN))
    with LocalCluster(tmp_path / "cluster", lab=True) as cluster, voting(cluster) as ballots:
        ballots.wait_for_answers(200)
        cluster.kill("n2")
        damaged = files(cluster.data("n2"))[0]
        flip_a_bit(damaged)
        assert main(["node", "check", str(cluster.folder / "nodes" / "n2")]) == 1
        assert damaged.name in capfd.readouterr().out
        cluster.start("n2")
        assert cluster.wait_exit("n2") == EXIT_UNFIT
        complaint = said(cluster, "n2")
        assert str(damaged) in complaint
        assert re.search(r"(offset|byte) \d+", complaint)
        cluster.wipe("n2")
        cluster.start("n2", "--replace")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)


# ------------------------------------------------------------------ strangers


def test_strangers_at_the_peer_ports_of_a_lab_cost_nothing(
    cluster: LocalCluster, tmp_path: Path
) -> None:
    leader = cluster.leader()
    before = cluster.status(leader)
    stranger = LocalCluster(tmp_path / "stranger", lab=True)  # another CA, the same names
    with ExitStack() as stack, voting(cluster) as ballots:
        for node in cluster.plan.nodes:
            host, _, port = node.peer.rpartition(":")
            address = (host, int(port))
            for _ in range(20):
                idle = stack.enter_context(socket.create_connection(address))
                del idle  # says nothing, and stays
                shouting = stack.enter_context(socket.create_connection(address))
                shouting.sendall(os.urandom(1 << 14))
            for identity in (None, stranger.data("n2").parent):
                assert not is_let_in(address, cluster.folder / "ca.pem", identity)
        ballots.wait_for_answers(100)
    after = cluster.status(leader)
    assert before is not None
    assert after is not None
    assert (after.term, after.leader_name) == (before.term, leader)


def is_let_in(address: tuple[str, int], ca: Path, identity: Path | None) -> bool:
    """Tell whether a node talks to a caller with this certificate, or none."""
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    if identity is not None:
        context.load_cert_chain(identity / "node.pem", identity / "node.key")
    with socket.create_connection(address, timeout=30) as plain:
        try:
            with context.wrap_socket(plain) as secure:
                secure.sendall(b"\0" * 64)
                return bool(secure.recv(1))
        except OSError:  # ssl's own errors are such
            return False
