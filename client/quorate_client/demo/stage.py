"""Showing how the demo goes on: progress bars on a terminal, plain lines elsewhere."""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TextIO

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from quorate_client.up.console import PatientConsole

_TICK_S = 0.2


class Stage:
    """Prints to `stream`: a bar per part of the demo on a terminal, or a line."""

    def __init__(self, stream: TextIO) -> None:
        self.console = PatientConsole(stream)

    def say(self, line: str, *, style: str = "") -> None:
        """Print a line at once."""
        self.console.say(line, style)

    @contextmanager
    def part(self, title: str, total: int) -> Generator[Callable[[int], None]]:
        """Show a part of the demo with `total` steps; call what it yields with the steps done."""
        if not self.console.is_terminal:
            self.say(title)
            yield lambda _: None
            return
        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(title, total=total)
            yield lambda done: progress.update(task, completed=done)

    async def follow(self, done: Callable[[], int], show: Callable[[int], None]) -> None:
        """Show `done()` again and again, until cancelled."""
        while True:
            show(done())
            await asyncio.sleep(_TICK_S)
