"""The `quorate` command, assembled."""

import inspect
from importlib.metadata import version
from typing import Annotated

import typer

from quorate_client.cli import ballots, chaos, cluster, compose, elections, keys, status, voters
from quorate_client.cli.options import Settings, with_settings

app = typer.Typer(
    name="quorate",
    add_completion=False,
    pretty_exceptions_enable=False,  # main() prints one line instead
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"quorate {version('quorate')}")
        raise typer.Exit


@app.callback()
@with_settings
def root(
    _settings: Settings,  # kept by the decorator for the command that follows
    _version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    """Hold elections on a fault-tolerant cluster."""


app.add_typer(keys.app, name="key")
app.add_typer(voters.app, name="voter")
app.add_typer(elections.app, name="election")
app.command("vote")(ballots.vote)
app.command("status")(status.status)
app.add_typer(compose.app, name="compose")
app.add_typer(chaos.app, name="chaos")
cluster.register(app)


def _reflow(group: typer.Typer) -> None:
    """Let the help be broken by the terminal's width, not where the docstrings are broken."""
    for command in group.registered_commands:
        paragraphs = inspect.getdoc(command.callback) or ""
        command.help = "\n\n".join(" ".join(p.split()) for p in paragraphs.split("\n\n"))
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            _reflow(inner.typer_instance)


_reflow(app)
