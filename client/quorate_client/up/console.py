"""A console for whoever has processes to end: a reader that has gone away does not end it first."""

import os
from typing import TextIO

from rich.console import Console, RenderableType
from rich.text import Text

from quorate_client.cli.output import PIPE_WIDTH, printable


class PatientConsole(Console):
    """Prints to `stream` at once; falls silent when that is closed or its terminal is gone."""

    def __init__(self, stream: TextIO) -> None:
        width = None if stream.isatty() else PIPE_WIDTH
        super().__init__(file=stream, width=width, emoji=False, highlight=False)

    def say(self, line: str, style: str = "") -> None:
        """Print a line, whatever is in it, exactly."""
        self.show(Text(printable(line), style))

    def show(self, what: RenderableType) -> None:
        """Print `what` with lines as long as they come."""
        try:
            self.print(what, soft_wrap=True)
            self.file.flush()
        except OSError:
            self.on_broken_pipe()

    def write_raw(self, line: str) -> None:
        """Write a line for programs as it is."""
        if self.quiet:
            return
        try:
            self.file.write(line + "\n")
            self.file.flush()
        except OSError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        """Fall silent (rich would exit the process)."""
        self.quiet = True
        # What is still buffered is flushed when Python ends: into nothing, then.
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, self.file.fileno())
        os.close(nothing)
