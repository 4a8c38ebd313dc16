"""What the commands print: tables for people, one JSON document for programs.

Names are shown exactly, whatever is in them: no markup, no emoji codes, and what a terminal would
obey instead of show is escaped.
"""

import contextlib
import json
import os
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import datetime

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from quorate_client.errors import LocalError

PIPE_WIDTH = 1000  # columns, where no terminal gives one: programs want whole lines


def emit(document: Mapping[str, object] | Sequence[object]) -> None:
    """Print the one JSON document on standard output."""
    with _told():
        sys.stdout.write(json.dumps(document, indent=2) + "\n")


def say(line: str) -> None:
    """Print a line for people on standard output."""
    with _told():
        _console().print(Text(printable(line)))


def verbatim(text: str) -> None:
    """Print text as it is on standard output: a file for programs."""
    with _told():
        sys.stdout.write(text)


def note(line: str) -> None:
    """Print a line for people on standard error."""
    sys.stderr.write(printable(line) + "\n")


def table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    numbers: Sequence[str] = (),
    header: bool = True,
) -> None:
    """Print rows for people; the columns named in `numbers` are aligned to the right."""
    look = box.SIMPLE_HEAD if header else None
    result = Table(box=look, pad_edge=False, show_header=header, padding=(0, 2 - header))
    for column in columns:
        result.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        result.add_row(*(Text(printable(cell)) for cell in row))
    with _told():
        _console().print(result)


def flush() -> None:
    """Hand on what was printed, so that a full disk is an error to be told."""
    with _told():
        pass


def give_up_stdout() -> None:
    """Let what cannot be printed go, if there is any: the interpreter's end would try it again."""
    try:
        sys.stdout.flush()
    except OSError:
        with contextlib.suppress(OSError):  # no descriptor: someone else's stream
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, sys.stdout.fileno())
            os.close(nothing)


def exact(moment: datetime) -> str:
    """Write a time (UTC) for programs, with all that is known of it."""
    return moment.isoformat().replace("+00:00", "Z")


def to_the_second(moment: datetime) -> str:
    """Write a time (UTC) for people."""
    return exact(moment.replace(microsecond=0))


def printable(name: str) -> str:
    """Escape what is not printable: a name must not move the cursor or fake a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


@contextlib.contextmanager
def _told() -> Generator[None]:
    """Print now, and blame standard output, not a file, for an error."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        raise LocalError(
            f"standard output: {error.strerror or error}; the command itself may have been done"
        ) from error


def _console() -> Console:
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, emoji=False, highlight=False)
