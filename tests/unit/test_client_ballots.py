"""A ballot's file, its receipt, and `quorate vote --check`."""

import errno
import json
import os
import re
import shlex
import stat
import sys
import tempfile
from pathlib import Path

import pytest

from quorate_client.ballot_file import hold_ballot, read_ballot
from quorate_client.cli import main
from quorate_proto.v1.ballot_pb2 import (
    CastBallotOutcome,
    CastBallotRequest,
    CheckBallotOutcome,
)

from .client_fakes import Fault
from .test_client_cli import AS_ALICE, Terminal, terminal

__all__ = ["terminal"]  # a fixture

VOTE = ("vote", "lunch", "soup", *AS_ALICE, "--timeout", "1", "--ballot", "b.json")
NO_LEADER = [Fault.NO_LEADER] * 100
CLOSED = CastBallotOutcome.CAST_BALLOT_OUTCOME_ELECTION_CLOSED


def ids(terminal: Terminal) -> set[bytes]:
    return {request.request_id for request in terminal.cluster.asked(CastBallotRequest)}


def lose_replies(terminal: Terminal, *, lost: bool) -> None:
    for node in terminal.cluster.nodes:
        node.lose_ballots = lost


def test_a_counted_ballot_gives_a_receipt_and_the_command_that_checks_it(
    terminal: Terminal,
) -> None:
    out, _ = terminal.ask("vote", "lunch", "soup", *AS_ALICE)
    [ballot_id] = ids(terminal)
    assert out.splitlines()[1] == (
        f"receipt: ballot {ballot_id.hex()}, cluster time 2038-01-19T03:14:08Z"
    )
    command = re.search(r"quorate (vote .*)", out)
    assert command is not None
    out, _ = terminal.ask(*shlex.split(command[1]))
    assert out.startswith("counted (what the first request")


def test_a_receipt_in_json_tells_election_ballot_and_time_and_no_choice(
    terminal: Terminal,
) -> None:
    out, _ = terminal.ask("vote", "lunch", "soup", *AS_ALICE, "--json")
    [ballot_id] = ids(terminal)
    assert "soup" not in out
    assert json.loads(out)["receipt"] == {
        "election": "lunch",
        "voter": "alice",
        "ballot_id": ballot_id.hex(),
        "cluster_time": "2038-01-19T03:14:08Z",
    }


def test_the_file_of_a_counted_ballot_is_a_receipt_without_the_choice(terminal: Terminal) -> None:
    terminal.ask(*VOTE)
    [ballot_id] = ids(terminal)
    kept = Path("b.json")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {
        "election": "lunch",
        "voter": "alice",
        "ballot_id": ballot_id.hex(),
        "cluster_time": "2038-01-19T03:14:08Z",
    }


def test_a_ballot_without_an_answer_is_cast_again_under_the_id_in_its_file(
    terminal: Terminal,
) -> None:
    lose_replies(terminal, lost=True)
    _, err = terminal.ask(*VOTE, exit_code=5)
    assert "--request-id" not in err  # the file has it
    assert json.loads(Path("b.json").read_text())["choice"] == "soup"
    lose_replies(terminal, lost=False)
    out, _ = terminal.ask(*VOTE)
    assert out.startswith("counted (what the first request")
    assert len(ids(terminal)) == 1


def test_a_ballot_is_taken_up_from_its_file_alone(terminal: Terminal) -> None:
    lose_replies(terminal, lost=True)
    terminal.ask(*VOTE, exit_code=5)
    lose_replies(terminal, lost=False)
    terminal.ask("vote", "--ballot", "b.json", "--key", "alice.pem")
    assert {r.choice for r in terminal.cluster.asked(CastBallotRequest)} == {"soup"}
    assert len(ids(terminal)) == 1


def test_a_counted_ballot_is_asked_for_and_not_sent_again(terminal: Terminal) -> None:
    terminal.ask(*VOTE)
    sent = len(terminal.cluster.asked(CastBallotRequest))
    out, _ = terminal.ask(*VOTE)
    assert out.startswith("counted")
    assert len(terminal.cluster.asked(CastBallotRequest)) == sent


@pytest.mark.parametrize("why", ["rejected", "not cast", "no key", "no cluster"])
def test_a_ballot_that_is_not_cast_leaves_no_file(terminal: Terminal, why: str) -> None:
    command: tuple[str, ...] = VOTE
    code = 3
    match why:
        case "rejected":
            terminal.cluster.state.cast_outcome = CLOSED
        case "not cast":
            terminal.cluster.everywhere(*NO_LEADER)
            code = 4
        case "no key":
            command, code = ("vote", "a", "b", "--as", "c", "--key", "no", "--ballot", "b.json"), 6
        case _:
            command, code = (*VOTE, "--cluster", "nowhere"), 2
    terminal.ask(*command, exit_code=code)
    assert not Path("b.json").exists()


def test_a_ballot_begun_with_one_choice_is_not_repeated_with_another(terminal: Terminal) -> None:
    lose_replies(terminal, lost=True)
    terminal.ask(*VOTE, exit_code=5)
    other = ("vote", "lunch", "pizza", *AS_ALICE, "--ballot", "b.json")
    _, err = terminal.ask(*other, exit_code=6)
    assert "begun with another choice" in err
    assert "soup" not in err


@pytest.mark.parametrize("words", [("dinner", "soup", *AS_ALICE), ("lunch", "soup", "--as", "bob")])
def test_the_file_of_another_ballot_is_refused(terminal: Terminal, words: tuple[str, ...]) -> None:
    terminal.ask(*VOTE)
    command = ("vote", *words, "--key", "alice.pem", "--ballot", "b.json")
    _, err = terminal.ask(*command, exit_code=6)
    assert "voter or election differ" in err


@pytest.mark.parametrize(
    "content",
    [
        "[]",
        "{",
        "{}",
        "[" * 60_000,
        '{"election": "lunch", "voter": "alice", "ballot_id": "00"}',
        "\x00",
    ],
)
def test_a_file_that_holds_no_ballot_is_refused_and_left_alone(
    terminal: Terminal, content: str
) -> None:
    Path("b.json").write_text(content)
    for command in (VOTE, ("vote", "--check", "--ballot", "b.json")):
        _, err = terminal.ask(*command, exit_code=6)
        assert "not a ballot file" in err
    assert Path("b.json").read_text() == content


def test_a_ballot_under_way_is_unknown_and_one_that_missed_the_end_is_not_counted(
    terminal: Terminal,
) -> None:
    check = ("vote", "lunch", "--check", "--as", "alice", "--request-id", "00" * 16)
    _, err = terminal.ask(*check, exit_code=5)
    assert err.startswith("error: unknown: no ballot with this id is counted so far")
    assert "quorate vote lunch --check" in err
    terminal.cluster.state.check_outcome = CheckBallotOutcome.CHECK_BALLOT_OUTCOME_NOT_COUNTED
    _, err = terminal.ask(*check, exit_code=3)
    assert err.startswith("error: not counted (no ballot has this id")


def test_what_cannot_be_printed_is_kept_all_the_same(terminal: Terminal) -> None:
    """Standard output is full: the ballot is counted, and its receipt must not be lost."""
    with pytest.MonkeyPatch.context() as patch, Path("/dev/full").open("w") as full:
        patch.setattr(sys, "stdout", full)
        assert main([*VOTE, *terminal.cluster.flags]) == 6
        patch.setattr(full, "flush", lambda: None)  # nor can it be closed in order
        os.dup2(os.open(os.devnull, os.O_WRONLY), full.fileno())
    [ballot_id] = ids(terminal)
    assert json.loads(Path("b.json").read_text())["ballot_id"] == ballot_id.hex()
    out, _ = terminal.ask("vote", "--check", "--ballot", "b.json")
    assert out.startswith("counted")


def test_a_receipt_that_cannot_be_kept_is_told_and_the_file_still_finds_the_ballot(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "mkstemp", full)
        _, err = terminal.ask(*VOTE, exit_code=6)
    assert "the ballot is counted, but its receipt was not kept" in err
    out, _ = terminal.ask(*VOTE)
    assert out.startswith("counted")
    assert len(ids(terminal)) == 1


def test_a_file_is_one_programs_at_a_time(terminal: Terminal) -> None:
    """Else one that gives up takes away the receipt of the other."""
    with hold_ballot(Path("b.json"), "lunch", "alice", "soup"):
        _, err = terminal.ask(*VOTE, exit_code=6)
    assert "another `quorate vote` is using it" in err
    assert ids(terminal) == set()


def test_the_choice_is_nowhere_once_the_ballot_is_counted(terminal: Terminal) -> None:
    """Nor behind a link, which would be replaced while what it names stayed."""
    Path("elsewhere").mkdir()
    Path("b.json").symlink_to("elsewhere/real.json")
    terminal.ask(*VOTE)
    files = [path for path in Path().rglob("*") if path.is_file()]
    assert Path("elsewhere/real.json") in files
    assert all("soup" not in path.read_text() for path in files)


def test_a_file_that_a_crash_left_empty_is_begun_anew(terminal: Terminal) -> None:
    Path("b.json").touch()
    terminal.ask(*VOTE)
    assert read_ballot(Path("b.json")).counted


@pytest.mark.parametrize("words", [("dinner",), ("--as", "bob")])
def test_a_check_of_another_ballot_than_the_files_is_wrong_usage(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    terminal.ask(*VOTE)
    terminal.ask("vote", "--check", *words, "--ballot", "b.json", exit_code=2)


@pytest.mark.parametrize(
    "words",
    [
        ("lunch",),
        ("lunch", "soup", "--as", "alice"),
        ("--check",),
        ("--check", "lunch", "--as", "alice"),
        ("lunch", "soup", *AS_ALICE, "--ballot", "b.json", "--request-id", "00" * 16),
    ],
)
def test_a_vote_without_all_that_it_needs_is_wrong_usage(
    terminal: Terminal, words: tuple[str, ...]
) -> None:
    terminal.ask("vote", *words, exit_code=2)
    assert not Path("b.json").exists()
