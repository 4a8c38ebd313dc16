"""`quorate voter`: the roll, which is the registrar's business."""

from pathlib import Path
from typing import Annotated

import typer

from quorate_client.cli import output
from quorate_client.cli.options import (
    NameArgument,
    RequestIdOption,
    Settings,
    request_id,
    text,
    with_settings,
)
from quorate_client.cli.outcomes import accept
from quorate_client.keys import PUBLIC_SUFFIX, public_half
from quorate_proto.v1.roll_pb2 import RegisterVoterOutcome, UnregisterVoterOutcome

app = typer.Typer(help="Keep the roll: who may vote (for officers).")


@app.command()
@with_settings
def register(
    settings: Settings,
    name: NameArgument,
    group: Annotated[str, typer.Option("--group", metavar="GROUP", callback=text)],
    key: Annotated[Path, typer.Option("--key", metavar="FILE", help="The voter's public key.")],
    request_id_hex: RequestIdOption = None,
) -> None:
    """Put a voter on the roll.

    A name that is on it already gets the new key and group, and its tokens end.

    Example: quorate voter register alice --group students --key alice.pem.pub
    """
    repeated = request_id(request_id_hex)
    public_key, is_private = public_half(key)
    if is_private:
        output.note(
            f"note: {key} is a private key, which is the voter's alone; "
            f"only its {PUBLIC_SUFFIX} file is needed here"
        )
    with settings.client() as client:
        answer = client.register_voter(name, group=group, key=public_key, request_id=repeated)
    outcome = accept(
        RegisterVoterOutcome,
        answer,
        RegisterVoterOutcome.REGISTER_VOTER_OUTCOME_REGISTERED,
        RegisterVoterOutcome.REGISTER_VOTER_OUTCOME_REPLACED,
    )
    if settings.json:
        output.emit({"voter": name, "group": group, "outcome": outcome})
    else:
        output.say(f"{outcome.lower()}: {name} ({group})")


@app.command()
@with_settings
def unregister(
    settings: Settings, name: NameArgument, request_id_hex: RequestIdOption = None
) -> None:
    """Strike a voter off the roll. Ballots that she has cast stay counted.

    Example: quorate voter unregister alice
    """
    repeated = request_id(request_id_hex)
    with settings.client() as client:
        answer = client.unregister_voter(name, request_id=repeated)
    outcome = accept(
        UnregisterVoterOutcome, answer, UnregisterVoterOutcome.UNREGISTER_VOTER_OUTCOME_UNREGISTERED
    )
    if settings.json:
        output.emit({"voter": name, "outcome": outcome})
    else:
        output.say(f"unregistered: {name}")


@app.command("list")
@with_settings
def list_(settings: Settings) -> None:
    """List the roll.

    Example: quorate voter list --json
    """
    with settings.client() as client:
        voters = client.list_voters()
    if settings.json:
        output.emit(
            [{"name": v.name, "group": v.group, "public_key": v.public_key.hex()} for v in voters]
        )
    else:
        rows = [(v.name, v.group, v.public_key.hex()) for v in voters]
        output.table(("voter", "group", "public key"), rows)
