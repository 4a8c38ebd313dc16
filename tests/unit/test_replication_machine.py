"""Entries that go wrong: they change nothing, or they end the process; never in between."""

import subprocess
import sys

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.machine import EXIT_FAIL_STOP, Machine
from quorate_replication.state import snapshot
from quorate_replication.state.elections import BATCH_VERSION
from quorate_replication.state.outcome import Outcome

REGISTER = pb.Command(
    register_voter=pb.RegisterVoter(
        request_id=b"1", name="Ada", group="staff", public_key=bytes(32)
    )
)


def run(program: str) -> subprocess.CompletedProcess[str]:
    """Run Python statements in a process of their own, after imports that they may use."""
    imports = (
        "import logging; logging.basicConfig()\n"
        "from quorate_proto.internal import command_pb2 as pb\n"
        "from quorate_replication.machine import Machine\n"
    )
    return subprocess.run(
        [sys.executable, "-c", imports + program], capture_output=True, text=True, check=False
    )


def test_a_batch_returns_an_outcome_for_each_command() -> None:
    batch = pb.Batch(version=BATCH_VERSION, commands=[REGISTER, pb.Command()])
    outcomes = Machine().apply(batch.SerializeToString())
    assert outcomes == [Outcome.ACCEPTED, Outcome.MALFORMED]


def test_bytes_that_are_no_batch_change_nothing() -> None:
    machine = Machine()
    before = snapshot.digest(machine.state)
    for garbage in (b"\xff", b"\x0a\xff", b"not a batch", bytes(100)):
        assert machine.apply(garbage) == []
    assert snapshot.digest(machine.state) == before


def test_a_loaded_dump_is_the_same_state() -> None:
    machine, other = Machine(), Machine()
    machine.apply(pb.Batch(version=BATCH_VERSION, commands=[REGISTER]).SerializeToString())
    other.load(machine.dump())
    assert snapshot.digest(other.state) == snapshot.digest(machine.state)


def test_a_batch_of_a_newer_version_ends_the_process_and_says_what_to_do() -> None:
    ended = run(
        f"Machine().apply(pb.Batch(version={BATCH_VERSION + 1}).SerializeToString())\n"
        "print('went on')"
    )
    assert ended.returncode == EXIT_FAIL_STOP == 70
    assert "update it" in ended.stderr
    assert ended.stdout == ""


def test_a_state_machine_that_raises_ends_the_process() -> None:
    ended = run(
        "machine = Machine()\n"
        "machine.state = None\n"
        f"machine.apply(pb.Batch(version={BATCH_VERSION}).SerializeToString())\n"
        "print('went on')"
    )
    assert ended.returncode == EXIT_FAIL_STOP
    assert "the state machine raised" in ended.stderr
    assert ended.stdout == ""
