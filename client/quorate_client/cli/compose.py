"""`quorate compose`: clusters of containers; see docs/COMPOSE.md."""

from pathlib import Path
from typing import Annotated

import typer

from quorate_client.cli import output
from quorate_client.compose import Volumes, override
from quorate_client.provision import plan_hosts

app = typer.Typer(invoke_without_command=True)


@app.callback()
def compose(
    ctx: typer.Context,
    *,
    nodes: Annotated[int, typer.Option("--nodes", help="How many there are to be.")] = 5,
    officers: Annotated[
        bool, typer.Option("--officers", help="Publish the officers' ports on 127.0.0.1, too.")
    ] = False,
) -> None:
    """Print an override of docker-compose.yml for a new cluster of more nodes.

    Example: quorate compose --nodes 5 > docker-compose.override.yml
    """
    if ctx.invoked_subcommand is not None:
        return
    output.verbatim(override(nodes, officers=officers))
    if nodes % 2 == 0:
        output.note(
            f"warning: {nodes} nodes survive no more failures than {nodes - 1}: an odd number is "
            "better"
        )


@app.command()
def init(
    *,
    nodes: Annotated[int, typer.Option("--nodes", help="How many; 3 survive one failure.")] = 3,
    replace: Annotated[
        list[str] | None,
        typer.Option(
            "--replace",
            metavar="NAME",
            help="A node whose volume was lost for good: it gets everything from the others and "
            "votes once it has caught up. It must be stopped. Do it with one at a time.",
        ),
    ] = None,
    vault: Annotated[
        Path, typer.Option("--vault", help="Where the volume of the CA's key is.")
    ] = Path("/vault"),
    officers: Annotated[
        Path, typer.Option("--officers", help="Where the officers' volume is.")
    ] = Path("/officers"),
    volumes: Annotated[
        Path, typer.Option("--volumes", help="Where the nodes' volumes are, by their names.")
    ] = Path("/nodes"),
) -> None:
    """Give the volumes of a cluster of containers what they lack.

    The compose file's init service runs it at every start. Where nothing is lacking it changes
    nothing.

    Example: docker compose run --rm init --replace n2
    """
    places = Volumes(vault=vault, officers=officers, nodes=volumes)
    for line in places.fill(plan_hosts(nodes), replace or []):
        output.say(line)
