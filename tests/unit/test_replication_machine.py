"""Entries that go wrong: they change nothing, or they end the node; never in between."""

import subprocess
import sys

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.errors import DiskFailure, FailStop, NotWelcome
from quorate_replication.machine import Machine
from quorate_replication.state import snapshot
from quorate_replication.state.elections import BATCH_VERSION, Elections
from quorate_replication.state.outcome import Outcome

REGISTER = pb.Command(
    register_voter=pb.RegisterVoter(
        request_id=b"1", name="Ada", group="staff", public_key=bytes(32)
    )
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
    machine = Machine()
    machine.apply(pb.Batch(version=BATCH_VERSION, commands=[REGISTER]).SerializeToString())
    other = Machine(snapshot.load(machine.dump()))
    assert snapshot.digest(other.state) == snapshot.digest(machine.state)


def test_a_dump_is_of_the_moment_when_it_was_asked_for() -> None:
    machine = Machine()
    empty, dump = snapshot.digest(machine.state), machine.dump()
    machine.apply(pb.Batch(version=BATCH_VERSION, commands=[REGISTER]).SerializeToString())
    assert snapshot.digest(snapshot.load(dump)) == empty


def test_a_batch_of_a_newer_version_ends_the_node_and_says_what_to_do() -> None:
    with pytest.raises(FailStop, match="update it"):
        Machine().apply(pb.Batch(version=BATCH_VERSION + 1).SerializeToString())


def test_a_state_machine_that_raises_ends_the_node(monkeypatch: pytest.MonkeyPatch) -> None:
    def defect(_state: Elections, _batch: pb.Batch) -> list[Outcome]:
        raise KeyError("a defect")

    monkeypatch.setattr(Elections, "apply", defect)
    with pytest.raises(FailStop, match="the state machine raised"):
        Machine().apply(pb.Batch(version=BATCH_VERSION).SerializeToString())


@pytest.mark.parametrize("kind", [FailStop, DiskFailure, NotWelcome])
def test_a_node_that_must_end_does_so_with_its_status_and_says_why(kind: type[FailStop]) -> None:
    program = (
        "import logging; logging.basicConfig()\n"
        "from quorate_replication.ending import end_process\n"
        f"from quorate_replication.errors import {kind.__name__}\n"
        f"end_process({kind.__name__}('the reason'))\n"
        "print('went on')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == kind.exit_status
    assert "the reason" in ended.stderr
    assert ended.stdout == ""
