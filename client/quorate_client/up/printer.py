"""Printing the events of `quorate up`, for people or as JSON lines, each at once."""

import json
import sys
from dataclasses import asdict

from rich.table import Table
from rich.text import Text

from quorate_client.cli.output import printable
from quorate_client.up.console import PatientConsole
from quorate_client.up.events import Event, NodeRow, Ready


class Printer:
    """Prints one event per call on standard output; `as_json`: as one line of JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self._as_json = as_json
        self._console = PatientConsole(sys.stdout)

    def __call__(self, event: Event) -> None:
        """Print `event`."""
        if self._as_json:
            self._console.write_raw(to_json(event))
            return
        self._console.say(event.line, event.style)
        if isinstance(event, Ready):
            self._console.show(_table(event))


def to_json(event: Event) -> str:
    """Write `event` as a JSON object on one line; its member `event` names the kind."""
    return json.dumps({"event": type(event).__name__.lower(), **asdict(event)})


def _table(event: Ready) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("node", "voters", "officers", "role", "state"):
        table.add_column(title)
    for node in event.nodes:
        cells = (
            node.name,
            node.endpoint,
            node.officer_endpoint or "as voters",
            node.role if node.running else "-",
            _state(node),
        )
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def _state(node: NodeRow) -> str:
    if not node.running:
        return "down"
    return "ready" if node.ready else "not ready yet"
