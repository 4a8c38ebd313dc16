"""What the commands print: tables for people, one JSON document for programs.

Names are shown exactly, whatever is in them: no markup, no emoji codes, and what a terminal would
obey instead of show is escaped.
"""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

PIPE_WIDTH = 1000  # columns, where no terminal gives one: programs want whole lines


def emit(document: Mapping[str, object] | Sequence[object]) -> None:
    """Print the one JSON document on standard output."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def say(line: str) -> None:
    """Print a line for people on standard output."""
    _console().print(Text(printable(line)))


def note(line: str) -> None:
    """Print a line for people on standard error."""
    sys.stderr.write(printable(line) + "\n")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[str] = ()
) -> None:
    """Print rows for people; the columns named in `numbers` are aligned to the right."""
    result = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        result.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text(printable(cell)) for cell in row))
    _console().print(result)


def printable(name: str) -> str:
    """Escape what is not printable: a name must not move the cursor or fake a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _console() -> Console:
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)
