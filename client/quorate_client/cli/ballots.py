"""`quorate vote`: casting a ballot, and asking what became of it."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from quorate_client.ballot_file import (
    KeptBallot,
    begin_ballot,
    discard_ballot,
    keep_receipt,
    read_ballot,
)
from quorate_client.cli import output
from quorate_client.cli.options import RequestIdOption, Settings, request_id, text, with_settings
from quorate_client.cli.outcomes import Rejected, accept
from quorate_client.errors import Interrupted, NotDone, QuorateError, Unknown
from quorate_client.fields import new_request_id
from quorate_client.keys import load_private_key
from quorate_client.tokens import VoterKey
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome, CheckBallotOutcome, Receipt


def _text_or_none(value: str | None) -> str | None:
    return None if value is None else text(value)


@with_settings
def vote(  # noqa: PLR0913 - who votes for what, where
    settings: Settings,
    *,
    election: Annotated[
        str | None, typer.Argument(metavar="ELECTION", callback=_text_or_none, show_default=False)
    ] = None,
    choice: Annotated[
        str | None, typer.Argument(metavar="CHOICE", callback=_text_or_none, show_default=False)
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

    The outcome is one of: counted; rejected (why); not cast (definite); unknown (safe to repeat,
    with the command that is then printed).

    Example: quorate vote lunch pizza --as alice --key alice.pem --ballot lunch.ballot

    Was it counted? Any node tells: quorate vote --check --ballot lunch.ballot
    """
    if ballot is not None and request_id_hex is not None:
        raise typer.BadParameter("give --ballot or --request-id, not both: the file has the id")
    given_id = request_id(request_id_hex)
    if check:
        _check(settings, _to_check(ballot, election, voter, given_id))
        return
    if ballot is not None and election is None and choice is None and ballot.exists():
        kept = read_ballot(ballot)
        election, choice, voter = kept.election, kept.choice or "", voter or kept.voter
    if election is None or choice is None or voter is None or key is None:
        raise typer.BadParameter("to vote: ELECTION CHOICE --as VOTER --key FILE")
    by = VoterKey(voter, load_private_key(key))
    settings.profile()  # a mistake there must come before there is a file
    if ballot is None:
        kept = KeptBallot(election, voter, given_id or new_request_id(), choice)
        _cast(settings, by, kept, repeated=given_id is not None)
        return
    kept, new = begin_ballot(ballot, election, voter, choice)
    if kept.counted:
        _check(settings, kept)
        return
    _cast_from_file(settings, by, ballot, kept, new=new)


def _cast_from_file(
    settings: Settings, by: VoterKey, path: Path, kept: KeptBallot, *, new: bool
) -> None:
    try:
        receipt = _cast(settings, by, kept, repeated=not new, file=path)
    except Unknown:
        raise
    except QuorateError as error:
        if new or isinstance(error, Rejected):
            discard_ballot(path)
        raise
    keep_receipt(path, kept, _time(receipt))


def _cast(
    settings: Settings,
    by: VoterKey,
    kept: KeptBallot,
    *,
    repeated: bool,
    file: Path | None = None,
) -> Receipt:
    """Cast the ballot, say what became of it, and return its receipt."""
    try:
        with settings.client() as client:
            answer = client.cast_ballot(
                kept.election,
                kept.choice or "",
                by=by,
                request_id=kept.ballot_id,
                repeated=repeated,
            )
    except NotDone as error:
        raise NotDone(f"not cast (definite): {error}") from error
    except Unknown as error:
        raise Unknown(f"unknown (safe to repeat): {error}", error.request_id) from error
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted: unknown (safe to repeat); to learn what became of it", kept.ballot_id
        ) from None
    counted = CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED
    outcome = accept(CastBallotOutcome, answer.outcome, counted)
    _show(settings, kept, answer.receipt, outcome, repeated=repeated, file=file)
    return answer.receipt


def _to_check(
    ballot: Path | None, election: str | None, voter: str | None, ballot_id: bytes | None
) -> KeptBallot:
    """Tell which ballot is meant."""
    if ballot is not None:
        return read_ballot(ballot)
    if election is None or voter is None or ballot_id is None:
        raise typer.BadParameter(
            "to check: --ballot FILE, or ELECTION --as VOTER --request-id HEX (see the receipt)"
        )
    return KeptBallot(election, voter, ballot_id)


def _check(settings: Settings, kept: KeptBallot) -> None:
    """Ask whether the ballot was counted, and say it; Rejected if it was not."""
    with settings.client() as client:
        answer = client.check_ballot(kept.election, voter=kept.voter, ballot_id=kept.ballot_id)
    counted = CheckBallotOutcome.CHECK_BALLOT_OUTCOME_COUNTED
    outcome = accept(CheckBallotOutcome, answer.outcome, counted)
    _show(settings, kept, answer.receipt, outcome, repeated=True)


def _show(  # noqa: PLR0913 - all that there is to say
    settings: Settings,
    kept: KeptBallot,
    receipt: Receipt,
    outcome: str,
    *,
    repeated: bool,
    file: Path | None = None,
) -> None:
    if settings.json:
        output.emit(
            {
                "election": kept.election,
                "outcome": outcome,
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
