"""Nothing is ever unpickled: not from the wire, not from the disk (hazards 18 and 19)."""

import pickle
import secrets
import signal
import socket
import struct
import subprocess
import sys
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest

from support.ballots import CALLERS, Ballots
from support.cluster import LocalCluster, eventually

pytestmark = pytest.mark.cluster

EXIT_CAUGHT = 99
SNAPSHOT_ENTRIES = 20
TRAP = f"""
import io, os, pickle, sys

def caught(*args, **kwargs):
    os.write(2, b"caught: an attempt to unpickle\\n")
    os._exit({EXIT_CAUGHT})

class Trap(pickle._Unpickler):
    load = caught

pickle.loads = pickle.load = pickle._loads = pickle._load = caught
pickle.Unpickler = pickle._Unpickler = Trap
import _pickle
_pickle.loads = _pickle.load = caught
_pickle.Unpickler = Trap
sys.addaudithook(lambda event, args: event == "pickle.find_class" and caught())
"""


@pytest.fixture(autouse=True)
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every Python process that the test starts ends when it tries to unpickle."""
    folder = tmp_path / "trap"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(TRAP)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("QUORATE_NODE_RAFT__SNAPSHOT_ENTRIES", str(SNAPSHOT_ENTRIES))


def test_the_trap_catches() -> None:
    for program in (
        "import pickle; pickle.loads(pickle.dumps(1))",
        "from pickle import loads, dumps; loads(dumps([]))",
        "import io, pickle; pickle.Unpickler(io.BytesIO(pickle.dumps(1))).load()",
        "import pysyncobj.pickle as p; p.loads(p.dumps((1, 2)))",
    ):
        ended = subprocess.run([sys.executable, "-c", program], check=False)
        assert ended.returncode == EXIT_CAUGHT, program


def test_an_election_with_kills_and_snapshots_and_strangers_unpickles_nothing(
    tmp_path: Path,
) -> None:
    dice = Random(1)  # noqa: S311 - not for secrets
    with (
        LocalCluster(tmp_path / "cluster", lab=True) as cluster,
        ThreadPoolExecutor(CALLERS) as pool,
        Ballots(cluster, dice, voters=60, voting_s=6) as ballots,
    ):
        ballots.prepare()
        ballots.start(pool)
        ballots.wait_for_answers(60)
        for node in cluster.plan.nodes:
            poison(node.peer)
        leader = cluster.leader()
        cluster.signal(leader, signal.SIGKILL)
        cluster.kill(leader)
        ballots.wait_for_answers(100)  # it will need a snapshot
        cluster.start(leader)
        ballots.finish()
        cluster.wait_ready()
        assert eventually(ballots.all_results, "closed") == [ballots.expected()] * 3
        assert all((cluster.data(name) / "snapshot").exists() for name in cluster.names)
        assert {process.poll() for process in cluster.processes.values()} == {None}
        assert not [n for n in cluster.names if b"caught" in cluster.log(n).read_bytes()]


class _Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (eval, ("1/0",))


def poison(address: str) -> None:
    """Send a member what stock PySyncObj unpickles: compressed, framed, with and without TLS."""
    host, _, port = address.rpartition(":")
    bomb = pickle.dumps(_Bomb())
    for content in (bomb, zlib.compress(bomb), secrets.token_bytes(200)):
        for frame in (struct.pack("i", len(content)) + content, content):
            with socket.create_connection((host, int(port)), 5) as connection:
                connection.sendall(frame)
                connection.shutdown(socket.SHUT_WR)
                connection.settimeout(10)
                try:
                    while connection.recv(4096):
                        pass
                except ConnectionError:
                    pass  # hung up
