"""Showing how far a run is: a bar on a terminal, a line now and then elsewhere."""

import asyncio
import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

TICK_S = 0.5
EVERY_S = 30.0
"""Between two lines where there is no terminal."""


async def follow(console: Console, seconds: float, said: Callable[[], str]) -> None:
    """Show how much of `seconds` has passed and what is `said` of it, until cancelled."""
    began = time.monotonic()
    if not console.is_terminal:
        while True:
            await asyncio.sleep(EVERY_S)
            console.print(f"{time.monotonic() - began:.0f} s: {said()}")
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("chaos", total=seconds)
        while True:
            done = min(seconds, time.monotonic() - began)
            progress.update(task, completed=done, description=said())
            await asyncio.sleep(TICK_S)
