"""The machine's own programs (mount, iptables, ...), run from the event loop."""

import asyncio
import os
import shutil
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE_S = 30.0
"""How long a condition is awaited before the run is given up; never a measurement."""
LOOK_S = 0.02


class ToolError(Exception):
    """A program of the machine failed; the message says which, and its last words."""


def missing(tools: Iterable[str]) -> str:
    """Return why root's tools can't be used here; empty if they can."""
    if os.geteuid() != 0:
        return "needs root"
    lacking = [tool for tool in tools if shutil.which(tool) is None]
    return f"needs {', '.join(lacking)}" if lacking else ""


async def finish(work: Coroutine[Any, Any, T]) -> T:
    """Do `work` to its end, even when cancelled meanwhile; then the cancellation goes on."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task})
        raise


async def run(*command: str, stdin: bytes = b"") -> str:
    """Run a program to its end, also when cancelled; return what it wrote. Raises ToolError."""
    return await finish(_run(command, stdin))


async def _run(command: tuple[str, ...], stdin: bytes) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,  # a Ctrl-C is for us, not for an umount under way
    )
    out, complaint = await process.communicate(stdin)
    if process.returncode:
        said = complaint.decode(errors="replace").strip().splitlines() or ["nothing said"]
        raise ToolError(f"{' '.join(command)}: {said[-1]}")
    return out.decode(errors="replace").strip()


async def eventually(
    look: Callable[[], Coroutine[Any, Any, T | None]],
    what: str,
    patience_s: float = PATIENCE_S,
    look_s: float = LOOK_S,
) -> T:
    """Return the first value that is neither None nor False, looking every `look_s`.

    Raises TimeoutError, naming `what`.
    """
    deadline = asyncio.get_running_loop().time() + patience_s
    while True:
        value = await look()
        if value is not None and value is not False:
            return value
        if asyncio.get_running_loop().time() > deadline:
            raise TimeoutError(f"not within {patience_s:g} s: {what}")
        await asyncio.sleep(look_s)
