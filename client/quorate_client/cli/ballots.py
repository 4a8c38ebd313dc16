"""`quorate vote`: casting a ballot, and asking what became of it."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from quorate_client.ballot_file import HeldBallot, KeptBallot, hold_ballot, read_ballot
from quorate_client.cli import output
from quorate_client.cli.options import RequestIdOption, Settings, request_id, text, with_settings
from quorate_client.cli.outcomes import WORDS, NotCounted, Rejected, accept, name_of
from quorate_client.errors import Interrupted, LocalError, NotDone, QuorateError, Unknown
from quorate_client.fields import new_request_id
from quorate_client.keys import load_private_key
from quorate_client.tokens import VoterKey
from quorate_proto.v1.ballot_pb2 import (
    CastBallotOutcome,
    CastBallotResponse,
    CheckBallotOutcome,
    Receipt,
)


def _text_or_none(value: str | None) -> str | None:
    return None if value is None else text(value)


@with_settings
def vote(  # noqa: PLR0913 - who votes for what, where
    settings: Settings,
    *,
    election: Annotated[
        str | None,
        typer.Argument(
            metavar="ELECTION",
            callback=_text_or_none,
            show_default=False,
            help="Its name. Not needed with the --ballot file of one that was begun.",
        ),
    ] = None,
    choice: Annotated[
        str | None,
        typer.Argument(
            metavar="CHOICE",
            callback=_text_or_none,
            show_default=False,
            help="As on the ballot; see `quorate election show`.",
        ),
    ] = None,
    voter: Annotated[
        str | None,
        typer.Option(
            "--as", metavar="VOTER", help="Your name on the roll.", callback=_text_or_none
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="Your private key; see `quorate key new`."),
    ] = None,
    ballot: Annotated[
        Path | None,
        typer.Option(
            "--ballot",
            metavar="FILE",
            help="Keep the ballot in a file until it is counted, then its receipt. After an "
            "interruption the same command with the same file gives the first answer.",
        ),
    ] = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Do not vote: ask whether this ballot was counted. Needs no key."
        ),
    ] = False,
    request_id_hex: RequestIdOption = None,
) -> None:
    """Cast a ballot, or --check one.

    The outcome, and the exit status: counted (0); rejected, with the reason (3); not cast, definite
    (4); unknown, and safe to repeat with the command that is then printed (5).

    Example: quorate vote lunch pizza --as alice --key alice.pem --ballot lunch.ballot

    Was it counted? Any node tells: quorate vote --check --ballot lunch.ballot, or with what the
    receipt says: quorate vote lunch --check --as alice --request-id HEX
    """
    if ballot is not None and request_id_hex is not None:
        raise typer.BadParameter("give --ballot or --request-id, not both: the file has the id")
    given_id = request_id(request_id_hex)
    if check:
        _check(settings, _to_check(ballot, election, voter, given_id))
        return
    if ballot is not None and election is None and choice is None and ballot.exists():
        begun = read_ballot(ballot)
        if begun.counted:
            _check(settings, begun)
            return
        election, choice, voter = begun.election, begun.choice, voter or begun.voter
    if election is None or choice is None or voter is None or key is None:
        raise typer.BadParameter("to vote: ELECTION CHOICE --as VOTER --key FILE")
    by = VoterKey(voter, load_private_key(key))
    settings.profile()  # a mistake there must come before there is a file
    if ballot is None:
        one = KeptBallot(election, voter, given_id or new_request_id(), choice)
        _cast(settings, by, one, repeated=given_id is not None)
        return
    with hold_ballot(ballot, election, voter, choice) as held:
        if held.kept.counted:
            _check(settings, held.kept)
        else:
            _cast_from_file(settings, by, held)


def _cast(settings: Settings, by: VoterKey, ballot: KeptBallot, *, repeated: bool) -> None:
    answer = _send(settings, by, ballot, repeated=repeated)
    _show(settings, ballot, answer.receipt, repeated=repeated)


def _cast_from_file(settings: Settings, by: VoterKey, held: HeldBallot) -> None:
    """Cast the ballot in the file; what can be known of it is kept before anything is printed."""
    try:
        answer = _send(settings, by, held.kept, repeated=not held.new)
    except Unknown:
        raise
    except QuorateError as error:
        if held.new or isinstance(error, Rejected):
            held.discard()
        raise
    try:
        held.keep_receipt(_time(answer.receipt))
    except LocalError as error:  # the file is as it was: it still finds the ballot
        words = f"the ballot is counted, but its receipt was not kept ({error})"
        raise LocalError(f"{words}; the same command tells it again") from error
    _show(settings, held.kept, answer.receipt, repeated=not held.new, file=held.path)


def _send(
    settings: Settings, by: VoterKey, ballot: KeptBallot, *, repeated: bool
) -> CastBallotResponse:
    """Cast the ballot and return the answer that it is counted. Prints nothing."""
    try:
        with settings.client() as client:
            answer = client.cast_ballot(
                ballot.election,
                ballot.choice or "",
                by=by,
                request_id=ballot.ballot_id,
                repeated=repeated,
            )
    except NotDone as error:
        raise NotDone(f"not cast (definite): {error}") from error
    except Unknown as error:
        raise Unknown(f"unknown (safe to repeat): {error}", error.request_id) from error
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted: unknown (safe to repeat); to learn what became of it", ballot.ballot_id
        ) from None
    accept(CastBallotOutcome, answer.outcome, CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED)
    return answer


def _to_check(
    ballot: Path | None, election: str | None, voter: str | None, ballot_id: bytes | None
) -> KeptBallot:
    """Tell which ballot is meant."""
    if ballot is not None:
        kept = read_ballot(ballot)
        if (election or kept.election, voter or kept.voter) != (kept.election, kept.voter):
            raise typer.BadParameter(f"{ballot} is the file of another election or voter")
        return kept
    if election is None or voter is None or ballot_id is None:
        raise typer.BadParameter(
            "to check: --ballot FILE, or ELECTION --as VOTER --request-id HEX (see the receipt)"
        )
    return KeptBallot(election, voter, ballot_id)


def _check(settings: Settings, ballot: KeptBallot) -> None:
    """Ask whether the ballot was counted, and say it.

    Raises NotCounted if it never will be, and Unknown if a request may still be under way.
    """
    with settings.client() as client:
        answer = client.check_ballot(
            ballot.election, voter=ballot.voter, ballot_id=ballot.ballot_id
        )
    outcome = name_of(CheckBallotOutcome, answer.outcome)
    match answer.outcome:
        case CheckBallotOutcome.CHECK_BALLOT_OUTCOME_COUNTED:
            _show(settings, ballot, answer.receipt, repeated=True)
        case CheckBallotOutcome.CHECK_BALLOT_OUTCOME_NOT_COUNTED_YET:
            raise Unknown(
                f"unknown: {WORDS[outcome]}; ask again, or cast it again", ballot.ballot_id
            )
        case _:
            raise NotCounted(outcome, WORDS.get(outcome, outcome))


def _show(
    settings: Settings,
    kept: KeptBallot,
    receipt: Receipt,
    *,
    repeated: bool,
    file: Path | None = None,
) -> None:
    if settings.json:
        output.emit(
            {
                "election": kept.election,
                "outcome": "COUNTED",
                "request_id": kept.ballot_id.hex(),
                "repeated": repeated,
                "receipt": {
                    "election": receipt.election_name,
                    "voter": kept.voter,
                    "ballot_id": receipt.ballot_id.hex(),
                    "cluster_time": _time(receipt),
                },
            }
        )
        return
    # A repeated request's answer is the first one's, whatever this one names.
    first = " (what the first request under this id asked for)" if repeated else ""
    output.say(f"counted{first}")
    output.say(f"receipt: ballot {receipt.ballot_id.hex()}, cluster time {_time(receipt)}")
    if not repeated:
        output.say(f"ask any time: {_check_command(settings, kept, file)}")


def _check_command(settings: Settings, kept: KeptBallot, file: Path | None) -> str:
    if file is not None:
        which = ["--ballot", str(file)]
    else:
        which = [kept.election, "--as", kept.voter, "--request-id", kept.ballot_id.hex()]
    return shlex.join(["quorate", "vote", *settings.flags(), "--check", *which])


def _time(receipt: Receipt) -> str:
    return receipt.cluster_time.ToJsonString()
