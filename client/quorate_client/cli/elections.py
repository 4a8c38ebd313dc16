"""`quorate election`: creating, extending, looking at elections, and their results."""

import shlex
from datetime import UTC, datetime
from typing import Annotated

import typer

from quorate_client.cli import output
from quorate_client.cli.options import (
    AsOption,
    EndOption,
    ForOption,
    KeyOption,
    NameArgument,
    RequestIdOption,
    Settings,
    end_time,
    request_id,
    texts,
    with_settings,
)
from quorate_client.cli.outcomes import Interruption, accept
from quorate_client.cli.output import exact, to_the_second
from quorate_client.keys import load_private_key
from quorate_client.tokens import VoterKey
from quorate_proto.v1.election_pb2 import (
    CreateElectionOutcome,
    Election,
    ElectionState,
    ExtendElectionOutcome,
    GetResultsOutcome,
    GetResultsResponse,
)

app = typer.Typer(help="Create elections, extend them, see results.")


@app.command()
@with_settings
def create(  # noqa: PLR0913 - an election has that many properties
    settings: Settings,
    *,
    name: NameArgument,
    group: Annotated[
        list[str],
        typer.Option("--group", metavar="GROUP", help="Who may vote; repeat it.", callback=texts),
    ],
    choice: Annotated[
        list[str],
        typer.Option("--choice", metavar="CHOICE", help="In ballot order.", callback=texts),
    ],
    voter: AsOption,
    key: KeyOption,
    duration: ForOption = None,
    end: EndOption = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the result.")] = False,
    request_id_hex: RequestIdOption = None,
) -> None:
    """Create an election. Any voter on the roll may.

    Example: quorate election create lunch --group students --choice pizza --choice soup
    --for 10m --as alice --key alice.pem --wait
    """
    ends, repeated = end_time(end, duration, datetime.now(UTC)), request_id(request_id_hex)
    by = VoterKey(voter, load_private_key(key))
    with settings.client() as client:
        answer = client.create_election(
            name, groups=group, choices=choice, end_time=ends, by=by, request_id=repeated
        )
        created = CreateElectionOutcome.CREATE_ELECTION_OUTCOME_CREATED
        outcome = accept(CreateElectionOutcome, answer, created)
        if repeated is not None:  # the first request's end stands
            ends = client.get_election(name).end_time.ToDatetime(UTC)
        document: dict[str, object] = {
            "election": name,
            "outcome": outcome,
            "end_time": exact(ends),
        }
        if not settings.json:
            output.say(f"created: {name}, {_until(ends, datetime.now(UTC))}")
        if wait:
            (output.note if settings.json else output.say)("waiting for the result...")
            try:
                results = client.wait_results(name)
            except KeyboardInterrupt:
                raise Interruption(
                    f"interrupted; the election stands: {_wait_later(settings, name)}"
                ) from None
            document["counts"] = _counts(settings, results)
    if settings.json:
        output.emit(document)
    elif wait:
        output.say("Election is over")


@app.command()
@with_settings
def extend(  # noqa: PLR0913 - two ways to say when
    settings: Settings,
    *,
    name: NameArgument,
    voter: AsOption,
    key: KeyOption,
    duration: ForOption = None,
    end: EndOption = None,
    request_id_hex: RequestIdOption = None,
) -> None:
    """Move the end of your own election to a later time, while it is open.

    Example: quorate election extend lunch --for 30m --as alice --key alice.pem
    """
    ends, repeated = end_time(end, duration, datetime.now(UTC)), request_id(request_id_hex)
    by = VoterKey(voter, load_private_key(key))
    with settings.client() as client:
        answer = client.extend_election(name, end_time=ends, by=by, request_id=repeated)
        extended = ExtendElectionOutcome.EXTEND_ELECTION_OUTCOME_EXTENDED
        outcome = accept(ExtendElectionOutcome, answer, extended)
        if repeated is not None:  # the first request's end stands, or a later one
            ends = client.get_election(name).end_time.ToDatetime(UTC)
    if settings.json:
        output.emit({"election": name, "outcome": outcome, "end_time": exact(ends)})
    else:
        output.say(f"extended: {name}, open until {to_the_second(ends)}")


@app.command("list")
@with_settings
def list_(settings: Settings) -> None:
    """List every election.

    Example: quorate election list
    """
    with settings.client() as client:
        elections = client.list_elections()
    if settings.json:
        output.emit([_document(election) for election in elections])
    else:
        rows = [
            (e.name, _state(e), to_the_second(_end(e)), ", ".join(e.groups), e.creator)
            for e in elections
        ]
        output.table(("election", "state", "end", "groups", "creator"), rows)


@app.command()
@with_settings
def show(settings: Settings, name: NameArgument) -> None:
    """Show an election: its ballot, groups and end.

    Example: quorate election show lunch
    """
    with settings.client() as client:
        election = client.get_election(name)
    if settings.json:
        output.emit(_document(election))
        return
    rows = [("election", election.name), ("state", _state(election))]
    rows += [("end", to_the_second(_end(election))), ("creator", election.creator)]
    rows += [("group", group) for group in election.groups]
    rows += [("choice", choice) for choice in election.choices]
    output.table(("", ""), rows, header=False)


@app.command()
@with_settings
def result(
    settings: Settings,
    name: NameArgument,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end.")] = False,
) -> None:
    """Show the tally of an election that is over.

    Example: quorate election result lunch --wait
    """
    with settings.client() as client:
        counts = _counts(settings, client.wait_results(name) if wait else client.get_results(name))
    if settings.json:
        output.emit({"election": name, "outcome": "AVAILABLE", "counts": counts})


def _counts(settings: Settings, results: GetResultsResponse) -> list[dict[str, object]]:
    """Return the counts, and print them for people; Rejected if there are none yet."""
    available = GetResultsOutcome.GET_RESULTS_OUTCOME_AVAILABLE
    accept(GetResultsOutcome, results.outcome, available)
    if not settings.json:
        rows = [(tally.choice, str(tally.count)) for tally in results.counts]
        output.table(("choice", "count"), rows, numbers=("count",))
    return [{"choice": tally.choice, "count": tally.count} for tally in results.counts]


def _document(election: Election) -> dict[str, object]:
    return {
        "name": election.name,
        "state": _state(election),
        "end_time": exact(_end(election)),
        "creator": election.creator,
        "groups": list(election.groups),
        "choices": list(election.choices),
    }


def _state(election: Election) -> str:
    return "open" if election.state == ElectionState.ELECTION_STATE_OPEN else "closed"


def _end(election: Election) -> datetime:
    return election.end_time.ToDatetime(UTC)


def _until(ends: datetime, now: datetime) -> str:
    if ends <= now:
        return f"already closed (its end {to_the_second(ends)} has passed)"
    return f"open until {to_the_second(ends)}"


def _wait_later(settings: Settings, name: str) -> str:
    """Return the command that waits for the result of an election."""
    how = ["--wait", *settings.flags()]
    what = [*how, "--", name] if name.startswith("-") else [name, *how]
    return shlex.join(["quorate", "election", "result", *what])
