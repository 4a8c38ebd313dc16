"""The command line: what it prints, where, and the exit code it ends with."""

import itertools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import typer
from google.protobuf.duration_pb2 import Duration

from quorate_client import Client, aio
from quorate_client.cli import main, output, status
from quorate_client.cli.options import end_time
from quorate_client.cli.outcomes import WORDS, Outcomes, name_of
from quorate_client.failover import Failover
from quorate_client.keys import new_key_files
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome, CastBallotRequest
from quorate_proto.v1.cluster_pb2 import GetClusterStatusResponse, NodeStatus
from quorate_proto.v1.election_pb2 import (
    CreateElectionOutcome,
    CreateElectionRequest,
    ExtendElectionOutcome,
    GetResultsOutcome,
)
from quorate_proto.v1.roll_pb2 import (
    RegisterVoterOutcome,
    RegisterVoterRequest,
    UnregisterVoterOutcome,
)

from .client_fakes import FakeCluster, Fault

NASTY = '[bold]it\'s "é" :smile: 100%[/bold]'


class Terminal:
    """Runs `quorate` against a cluster, in a folder with the key alice.pem."""

    def __init__(self, cluster: FakeCluster, capsys: pytest.CaptureFixture[str]) -> None:
        self.cluster = cluster
        self._capsys = capsys

    def run(self, *arguments: str, exit_code: int = 0) -> tuple[str, str]:
        """Return standard output and error."""
        code = main(arguments)
        captured = self._capsys.readouterr()
        assert code == exit_code, captured
        return captured.out, captured.err

    def ask(self, *arguments: str, exit_code: int = 0) -> tuple[str, str]:
        """Do it with the flags that lead to the cluster."""
        return self.run(*arguments, *self.cluster.flags, exit_code=exit_code)


@pytest.fixture
def terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Terminal]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("QUORATE_CLUSTER", raising=False)
    monkeypatch.delenv("QUORATE_DEBUG", raising=False)
    monkeypatch.setattr(aio, "FIRST_POLL_S", 0.0)
    monkeypatch.setattr(aio, "MAX_POLL_S", 0.0)
    new_key_files(tmp_path / "alice.pem")
    with FakeCluster() as cluster:
        yield Terminal(cluster, capsys)


AS_ALICE = ("--as", "alice", "--key", "alice.pem")
CREATE = ("election", "create", NASTY, "--group", "g", "--choice", NASTY, "--choice", "soup")


def test_a_ballot_that_is_counted_says_so(terminal: Terminal) -> None:
    out, err = terminal.ask("vote", "lunch", NASTY, *AS_ALICE)
    assert out.splitlines()[0] == "counted"
    assert err == ""
    [request] = terminal.cluster.asked(CastBallotRequest)
    assert (request.election_name, request.choice) == ("lunch", NASTY)


def test_a_repeated_ballot_says_that_the_answer_is_the_first_requests(terminal: Terminal) -> None:
    vote = ("vote", "lunch", "soup", *AS_ALICE, "--json")
    first = json.loads(terminal.ask(*vote)[0])
    again = json.loads(terminal.ask(*vote, "--request-id", first["request_id"])[0])
    assert (first["repeated"], again["repeated"]) == (False, True)
    assert again == first | {"repeated": True}


def test_a_rejected_ballot_says_why_and_exits_with_3(terminal: Terminal) -> None:
    terminal.cluster.state.cast_outcome = CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_CLOSED
    out, err = terminal.ask("vote", "lunch", "soup", *AS_ALICE, exit_code=3)
    assert (out, err) == ("", "error: rejected (the election is closed)\n")
    out, err = terminal.ask("vote", "lunch", "soup", *AS_ALICE, "--json", exit_code=3)
    assert json.loads(out)["error"]["outcome"] == "ELECTION_CLOSED"
    assert err == ""


def test_a_ballot_that_was_certainly_not_cast_exits_with_4(terminal: Terminal) -> None:
    terminal.cluster.everywhere(*[Fault.NO_LEADER] * 100)
    out, err = terminal.ask("vote", "lunch", "soup", *AS_ALICE, "--timeout", "0.5", exit_code=4)
    assert out == ""
    assert err.startswith("error: not cast (definite): ")
    assert err.count("\n") == 1


def test_what_a_node_says_is_told_rather_than_that_another_is_down(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = terminal.cluster.nodes[0]
    first.faults.append(Fault.NO_LEADER)
    for node in terminal.cluster.nodes[1:]:
        node.die()
    failed = Failover.failed

    def die_after_the_answer(failover: Failover, endpoint: str, now: float, **told: Any) -> None:
        failed(failover, endpoint, now, **told)
        if endpoint == first.endpoint:
            first.die()  # so the last failure is certainly a refused connection

    monkeypatch.setattr(Failover, "failed", die_after_the_answer)
    _, err = terminal.ask("election", "list", "--timeout", "1", exit_code=4)
    assert err.startswith(f"error: {first.endpoint}: ")
    assert "refused" not in err


def test_a_ballot_of_unknown_outcome_exits_with_5_and_tells_the_command_that_repeats_it(
    terminal: Terminal,
) -> None:
    state = terminal.cluster.state
    for node in terminal.cluster.nodes:  # the challenge and the signature pass, the ballot does not
        node.lose_ballots = True
    vote = ("vote", "lunch", NASTY, *AS_ALICE, "--timeout", "1")
    _, err = terminal.ask(*vote, exit_code=5)
    assert err.startswith("error: unknown (safe to repeat): ")
    assert err.count("\n") == 1
    [ballot_id] = state.ballots
    for node in terminal.cluster.nodes:
        node.lose_ballots = False
    match = re.search(r"quorate (vote .*)", err)
    assert match is not None
    out, _ = terminal.run(*shlex.split(match[1]))
    assert out.startswith("counted (what the first request under this id asked for)\n")
    assert list(state.ballots) == [ballot_id]


def test_errors_are_json_on_standard_output_if_asked_for(terminal: Terminal) -> None:
    for node in terminal.cluster.nodes:
        node.lose_ballots = True
    vote = ("vote", "lunch", "soup", *AS_ALICE, "--timeout", "1", "--json")
    out, err = terminal.ask(*vote, exit_code=5)
    error = json.loads(out)["error"]
    assert error["code"] == "unknown"
    assert error["outcome"] == "indefinite"
    assert [bytes.fromhex(error["request_id"])] == list(terminal.cluster.state.ballots)
    assert err == ""


@pytest.mark.parametrize(
    ("fault", "exit_code"), [(Fault.DENY, 7), (Fault.UNAUTHENTICATED, 7), (Fault.INVALID, 2)]
)
def test_refusals_have_their_exit_codes(terminal: Terminal, fault: Fault, exit_code: int) -> None:
    terminal.cluster.everywhere(fault)
    _, err = terminal.ask("vote", "lunch", "soup", *AS_ALICE, exit_code=exit_code)
    assert err.startswith("error: ")


def test_names_are_shown_exactly(terminal: Terminal) -> None:
    terminal.ask(*CREATE, "--for", "1h", *AS_ALICE)
    out, _ = terminal.ask("election", "list")
    assert NASTY in out
    out, _ = terminal.ask("election", "show", NASTY)
    assert out.count(NASTY) == 2
    assert out.startswith("election")
    out, _ = terminal.ask("election", "list", "--json")
    assert json.loads(out)[0]["name"] == NASTY


def test_a_name_cannot_move_the_cursor_or_fake_a_line() -> None:
    assert output.printable("a\x1b[2Jb\nc\u202ed é") == "a\\x1b[2Jb\\nc\\u202ed é"


def test_creating_with_wait_prints_the_tally_and_that_the_election_is_over(
    terminal: Terminal,
) -> None:
    terminal.cluster.state.looks_until_closed = 2
    terminal.cluster.state.tally = [(NASTY, 12), ("soup", 0)]
    out, _ = terminal.ask(*CREATE, "--for", "1h", *AS_ALICE, "--wait")
    lines = [line.split() for line in out.splitlines()]
    assert ["waiting", "for", "the", "result..."] in lines
    assert [*NASTY.split(), "12"] in lines
    assert ["soup", "0"] in lines
    assert out.endswith("Election is over\n")


def test_creating_with_wait_and_json_prints_one_document(terminal: Terminal) -> None:
    terminal.cluster.state.tally = [("soup", 2)]
    out, err = terminal.ask(*CREATE, "--for", "1h", *AS_ALICE, "--wait", "--json")
    assert json.loads(out)["counts"] == [{"choice": "soup", "count": 2}]
    assert err == "waiting for the result...\n"


def test_an_election_whose_end_has_passed_is_created_closed(terminal: Terminal) -> None:
    out, _ = terminal.ask(*CREATE, "--end", "2020-01-31T20:00:00Z", *AS_ALICE)
    closed = "already closed (its end 2020-01-31T20:00:00Z has passed)"
    assert out == f"created: {NASTY}, {closed}\n"


def test_people_read_times_to_the_second_and_programs_all_of_them(terminal: Terminal) -> None:
    end = "2030-01-31T20:00:00.123456Z"
    created, _ = terminal.ask(*CREATE, "--end", end, *AS_ALICE)
    extended, _ = terminal.ask("election", "extend", NASTY, "--end", end, *AS_ALICE)
    shown, _ = terminal.ask("election", "show", NASTY)
    listed, _ = terminal.ask("election", "list")
    for out in (created, extended, shown, listed):
        assert "2030-01-31T20:00:00Z" in out
    out, _ = terminal.ask("election", "show", NASTY, "--json")
    assert json.loads(out)["end_time"] == end


@pytest.mark.parametrize("name", ["lunch", "-v"])
def test_ctrl_c_while_waiting_tells_how_to_wait_for_the_created_election(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def interrupted(_client: Client, _name: str) -> None:
        raise KeyboardInterrupt

    election = ("--group", "g", "--choice", "soup", "--for", "1h", *AS_ALICE, "--wait")
    with monkeypatch.context() as patch:
        patch.setattr(Client, "wait_results", interrupted)
        create = ("election", "create", *election, *terminal.cluster.flags, "--", name)
        out, err = terminal.run(*create, exit_code=130)
    assert out.startswith(f"created: {name}")
    match = re.search(r"the election stands: quorate (.*)", err)
    assert match is not None
    terminal.cluster.state.tally = [("soup", 2)]
    command = shlex.split(match[1])
    assert {"election", "result", name, "--wait"} <= set(command)
    assert "soup" in terminal.run(*command)[0]


def test_a_result_that_is_not_there_yet_is_a_rejection(terminal: Terminal) -> None:
    terminal.cluster.state.looks_until_closed = 1
    _, err = terminal.ask("election", "result", "lunch", exit_code=3)
    assert "still open" in err
    terminal.cluster.state.tally = [("soup", 2)]
    out, _ = terminal.ask("election", "result", "lunch", "--json")
    assert json.loads(out)["counts"] == [{"choice": "soup", "count": 2}]


def test_an_election_can_be_extended(terminal: Terminal) -> None:
    out, _ = terminal.ask("election", "extend", "lunch", "--end", "2030-01-31T20:00:00Z", *AS_ALICE)
    assert out == "extended: lunch, open until 2030-01-31T20:00:00Z\n"


def test_an_election_that_is_not_there_exits_with_3(terminal: Terminal) -> None:
    _, err = terminal.ask("election", "show", "nothing", exit_code=3)
    assert err == "error: no such election\n"


def test_the_roll_is_kept_with_public_or_private_key_files(terminal: Terminal) -> None:
    register = ("voter", "register", "alice", "--group", "g")
    _, err = terminal.ask(*register, "--key", "alice.pem")
    assert err.startswith("note: alice.pem is a private key")
    _, err = terminal.ask(*register, "--key", "alice.pem.pub")
    assert err == ""
    one, other = terminal.cluster.asked(RegisterVoterRequest)
    assert one.public_key == other.public_key
    out, _ = terminal.ask("voter", "list", "--json")
    assert json.loads(out) == [{"name": "alice", "group": "g", "public_key": one.public_key.hex()}]
    out, _ = terminal.ask("voter", "list")
    assert "alice" in out
    out, _ = terminal.ask("voter", "unregister", "alice")
    assert out == "unregistered: alice\n"
    terminal.ask("voter", "unregister", "alice", exit_code=3)


def test_the_status_exits_with_0_if_a_majority_is_ready_else_with_4(terminal: Terminal) -> None:
    out, _ = terminal.ask("status", "--digest")
    assert "leader: n1" in out
    assert "0102" in out
    terminal.cluster.state.ready = {"n2"}
    out, err = terminal.ask("status", exit_code=4)
    assert "no leader" in out
    assert err.startswith("error: 1 of 3 nodes are ready")
    out, _ = terminal.ask("status", "--json", exit_code=4)
    document = json.loads(out)
    assert document["leader"] is None
    assert [node["reachable"] for node in document["nodes"]] == [False, True, False]


def test_waiting_for_the_status_waits_for_every_node_that_is_reached(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = iter([0, 1, 2, 3])
    looks = look_by_look(monkeypatch, lambda: next(ready))
    terminal.ask("status", "--wait")
    assert len(looks) == 4


def test_waiting_for_the_status_does_not_wait_long_for_a_straggler(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(status, "STRAGGLERS_S", 0.05)
    looks = look_by_look(monkeypatch, lambda: 2)
    terminal.ask("status", "--wait")
    assert 1 < len(looks) < 100


def look_by_look(monkeypatch: pytest.MonkeyPatch, ready: Callable[[], int]) -> list[int]:
    """Let the status tell three reachable nodes of which so many are ready; return the looks."""
    looks: list[int] = []

    def cluster_status(_client: Client, *, include_digest: bool) -> GetClusterStatusResponse:
        looks.append(ready())
        nodes = [NodeStatus(reachable=True, ready=i < looks[-1]) for i in range(3)]
        return GetClusterStatusResponse(nodes=[] if include_digest else nodes)

    monkeypatch.setattr(Client, "cluster_status", cluster_status)
    monkeypatch.setattr(status, "LOOK_AGAIN_S", 0.001)
    return looks


@pytest.mark.parametrize(
    ("nanoseconds", "shown"), [(-400_000, " 0 ms"), (400_000, " 0 ms"), (-2_000_000, "-2 ms")]
)
def test_an_offset_of_nothing_has_no_sign(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, nanoseconds: int, shown: str
) -> None:
    node = NodeStatus(reachable=True, ready=True, clock_offset=Duration(nanos=nanoseconds))

    def cluster_status(_client: Client, *, include_digest: bool) -> GetClusterStatusResponse:
        return GetClusterStatusResponse(nodes=[] if include_digest else [node])

    monkeypatch.setattr(Client, "cluster_status", cluster_status)
    assert shown in terminal.ask("status")[0]


def test_common_options_work_before_and_after_the_command(terminal: Terminal) -> None:
    out, _ = terminal.run(*terminal.cluster.flags, "--json", "election", "list")
    assert json.loads(out) == []


def test_the_cluster_is_found_by_variable_and_in_the_current_folder(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = terminal.cluster.nodes[0]
    (tmp_path / "cluster").mkdir()
    toml = f'lab = true\ncluster_id = "0"\n[[nodes]]\nname = "n1"\nclient = "{node.endpoint}"\n'
    (tmp_path / "cluster" / "cluster.toml").write_text(toml)
    terminal.run("election", "list")
    (tmp_path / "cluster").rename(tmp_path / "other")
    _, err = terminal.run("election", "list", exit_code=6)
    assert "which cluster?" in err
    monkeypatch.setenv("QUORATE_CLUSTER", "other")
    terminal.run("election", "list")
    terminal.run("election", "list", "--cluster", "nowhere", exit_code=6)


def test_a_new_key_is_made_once_and_its_secret_is_not_shown(terminal: Terminal) -> None:
    out, _ = terminal.run("key", "new", "bob.pem")
    assert "PRIVATE" not in out
    shown, _ = terminal.run("key", "show", "bob.pem.pub", "--json")
    assert json.loads(shown)["public_key"] in out
    _, err = terminal.run("key", "new", "bob.pem", exit_code=6)
    assert err == "error: bob.pem: already exists; choose another name\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("vote",),
        ("vote", "lunch", "", *AS_ALICE),
        ("vote", "lunch", "soup", "--as", "", "--key", "alice.pem"),
        ("vote", "lunch", "\udcff", *AS_ALICE),
        ("vote", "lunch", "soup", *AS_ALICE, "--request-id", "00"),
        ("vote", "lunch", "soup", *AS_ALICE, "--request-id", "xyz"),
        ("vote", "lunch", "soup", *AS_ALICE, "--timeout", "0"),
        ("vote", "lunch", "soup", *AS_ALICE, "--timeout", "inf"),
        ("vote", "lunch", "soup", *AS_ALICE, "--timeout", "nan"),
        (*CREATE, *AS_ALICE),
        (*CREATE, *AS_ALICE, "--for", "1h", "--end", "2030-01-31T20:00:00Z"),
        (*CREATE, *AS_ALICE, "--for", "soon"),
        (*CREATE, *AS_ALICE, "--for", "0s"),
        (*CREATE, *AS_ALICE, "--for", "999999999d"),
        (*CREATE, *AS_ALICE, "--end", "tomorrow"),
        (*CREATE, *AS_ALICE, "--end", "2030-01-31T20:00:00"),
        (*CREATE, *AS_ALICE, "--for", "1h", "--choice", ""),
        ("election", "result", "lunch", "--cluster", "here"),
        ("no-such-command",),
        ("election",),
        ("--no-such-option",),
    ],
)
def test_a_mistake_on_the_command_line_is_one_line_and_exits_with_2(
    terminal: Terminal, arguments: tuple[str, ...]
) -> None:
    out, err = terminal.ask(*arguments, exit_code=2)
    assert out == ""
    assert re.fullmatch(r"error: .*; try `quorate.* --help`\n", err)
    assert not terminal.cluster.asked(CreateElectionRequest)


@pytest.mark.parametrize("command", ["init", "up"])
def test_an_empty_folder_name_is_a_mistake_on_the_command_line(
    terminal: Terminal, command: str
) -> None:
    _, err = terminal.run(command, "", exit_code=2)
    assert "must not be empty" in err
    assert not Path("cluster.toml").exists()


@pytest.mark.parametrize("arguments", [("key", "show", "alice.pem"), ("key", "show", "missing")])
@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.usefixtures("terminal")
def test_a_full_disk_under_standard_output_is_one_line_and_exits_with_6(
    arguments: tuple[str, ...], as_json: tuple[str, ...]
) -> None:
    program = "import sys; from quorate_client.cli import main; sys.exit(main())"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-c", program, *arguments, *as_json],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert ended.returncode == 6
    assert re.fullmatch(r"error: .*\n", ended.stderr)


def test_an_unexpected_error_is_one_line_and_exits_with_1(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_path: Path) -> None:
        raise RuntimeError("a bug\nof two lines")

    monkeypatch.setattr("quorate_client.cli.keys.load_public_key", broken)
    _, err = terminal.run("key", "show", "alice.pem", exit_code=1)
    assert err == "error: RuntimeError: a bug of two lines; QUORATE_DEBUG=1 shows where\n"
    monkeypatch.setenv("QUORATE_DEBUG", "1")
    with pytest.raises(RuntimeError):
        main(["key", "show", "alice.pem"])


def test_an_interrupted_command_exits_with_130(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("quorate_client.cli.keys.load_public_key", interrupted)
    _, err = terminal.run("key", "show", "alice.pem", exit_code=130)
    assert err.startswith("error: interrupted")


def test_help_and_version_exit_with_0(terminal: Terminal) -> None:
    for arguments in ((), ("--help",), ("vote", "--help"), ("--version",)):
        out, _ = terminal.run(*arguments)
        assert "quorate" in out


@pytest.mark.parametrize("command", [("vote",), ("election", "create"), ("key", "new"), ("demo",)])
def test_the_helps_paragraphs_fill_the_width(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out, _ = terminal.run(*command, "--help")
    lines = [line.strip() for line in out.partition("╭")[0].splitlines()]
    assert any(lines)
    for line, following in itertools.pairwise(lines):
        if line and following:
            assert len(f"{line} {following.split()[0]}") > 78


def test_the_end_of_an_election_is_told_by_time_or_duration() -> None:
    now = datetime(2029, 1, 1, tzinfo=UTC)
    assert end_time(None, "90s", now) == now + timedelta(seconds=90)
    assert end_time(None, "2h", now) == now + timedelta(hours=2)
    assert end_time(None, "3d", now) == now + timedelta(days=3)
    assert end_time("2029-01-01T02:00:00+02:00", None, now) == now
    with pytest.raises(typer.BadParameter):
        end_time(None, "1.5h", now)


@pytest.mark.parametrize(
    ("outcomes", "successes"),
    [
        (CastBallotOutcome, {"COUNTED"}),
        (CreateElectionOutcome, {"CREATED"}),
        (ExtendElectionOutcome, {"EXTENDED"}),
        (GetResultsOutcome, {"AVAILABLE"}),
        (RegisterVoterOutcome, {"REGISTERED", "REPLACED"}),
        (UnregisterVoterOutcome, {"UNREGISTERED"}),
    ],
)
def test_every_rejection_has_plain_words(outcomes: Outcomes, successes: set[str]) -> None:
    names = {name_of(outcomes, value) for value in outcomes.values()}
    assert names - successes - {"UNSPECIFIED"} <= WORDS.keys()
    assert name_of(outcomes, 99) == "OUTCOME_99"
