"""`quorate vote`: casting a ballot."""

from typing import Annotated

import typer

from quorate_client.cli import output
from quorate_client.cli.options import (
    AsOption,
    KeyOption,
    RequestIdOption,
    Settings,
    request_id,
    text,
    with_settings,
)
from quorate_client.cli.outcomes import accept
from quorate_client.errors import Interrupted, NotDone, Unknown
from quorate_client.fields import new_request_id
from quorate_client.keys import load_private_key
from quorate_client.tokens import VoterKey
from quorate_proto.v1.ballot_pb2 import CastBallotOutcome


@with_settings
def vote(  # noqa: PLR0913 - who votes for what, where
    settings: Settings,
    *,
    election: Annotated[str, typer.Argument(metavar="ELECTION", callback=text)],
    choice: Annotated[str, typer.Argument(metavar="CHOICE", callback=text)],
    voter: AsOption,
    key: KeyOption,
    request_id_hex: RequestIdOption = None,
) -> None:
    """Cast a ballot.

    The outcome is one of: counted; rejected (why); not cast (definite); unknown (safe to repeat,
    with the command that is then printed).

    Example: quorate vote lunch pizza --as alice --key alice.pem
    """
    by = VoterKey(voter, load_private_key(key))
    ballot_id = request_id(request_id_hex) or new_request_id()
    repeated = request_id_hex is not None
    try:
        with settings.client() as client:
            answer = client.cast_ballot(
                election,
                choice,
                by=by,
                request_id=ballot_id,
                repeated=repeated,
            )
    except NotDone as error:
        raise NotDone(f"not cast (definite): {error}") from error
    except Unknown as error:
        raise Unknown(f"unknown (safe to repeat): {error}", error.request_id) from error
    except KeyboardInterrupt:
        raise Interrupted(
            "interrupted: unknown (safe to repeat); to learn what became of it", ballot_id
        ) from None
    counted = CastBallotOutcome.CAST_BALLOT_OUTCOME_COUNTED
    outcome = accept(CastBallotOutcome, answer, counted)
    if settings.json:
        output.emit(
            {
                "election": election,
                "outcome": outcome,
                "request_id": ballot_id.hex(),
                "repeated": repeated,
            }
        )
    elif repeated:  # the answer is the first request's, whatever this one names
        output.say("counted (what the first request under this id asked for)")
    else:
        output.say("counted")
