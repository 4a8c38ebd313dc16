"""Waiting for several things at once, signals among them, and leaving nothing behind."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Generator, Iterable
from contextlib import contextmanager


async def first_of(*waits: Coroutine[None, None, object]) -> None:
    """Wait until one of them ends, raise what it raised, and leave none of them running."""
    tasks = [asyncio.create_task(each) for each in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def all_of(jobs: Iterable[Coroutine[None, None, object]]) -> None:
    """Run them at once; the first error is raised, and ends the others."""
    tasks = [asyncio.create_task(each) for each in jobs]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextmanager
def signals(asked: Callable[[str], None]) -> Generator[None]:
    """Call `asked` with the signal's name at SIGINT, SIGTERM and SIGHUP, within the block.

    A signal that is ignored (`nohup` does that with SIGHUP) stays ignored.
    """
    loop = asyncio.get_running_loop()
    caught = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) is not signal.SIG_IGN
    ]
    for number in caught:
        loop.add_signal_handler(number, asked, number.name)
    try:
        yield
    finally:
        for number in caught:
            loop.remove_signal_handler(number)
