"""One node's process: started, signalled, killed, and its last words.

The process that is signalled is the node itself. It has a session of its own, so that a Ctrl-C
reaches only whoever runs the stage, and it dies if that one is killed (with util-linux's setpriv).
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from chaos.clocks import Clocks
from chaos.tools import finish
from quorate_client.processes import last_line

GRACE_S = 15.0
"""Between SIGTERM and the end of a node that works: half a second and 5 s for open calls."""


class NodeEnded(Exception):  # noqa: N818 - it is what happened
    """A node does not run as it should; the message has its last line."""


class NodeProcess:
    """The process of the node `name`; at most one at a time."""

    def __init__(self, name: str, log: Path) -> None:
        self.name, self.log = name, log
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0

    @property
    def running(self) -> bool:
        """Whether it has not been seen to end; it may be stopped (SIGSTOP)."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its process id, also after its end."""
        assert self._process is not None, f"{self.name} was never started"
        return self._process.pid

    @property
    def ending(self) -> str:
        """How the last one ended, with the last line that it wrote."""
        status = "never started" if self._process is None else self._process.returncode
        return f"{self.name} ended ({status}): {last_line(self.log, self._log_start) or 'no word'}"

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Start it; its output is appended to the log."""
        assert not self.running, f"{self.name} runs"
        self._log_start = self.log.stat().st_size if self.log.exists() else 0
        prefix = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        settings = [f"{key}={value}" for key, value in environment.items()]
        await finish(self._start([*prefix, "env", *settings, *command]))  # env becomes the node

    async def _start(self, command: Sequence[str]) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; nothing if it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    async def wait(self) -> int:
        """Wait for its end; return the exit status (negative: the signal)."""
        assert self._process is not None, f"{self.name} was never started"
        status = await self._process.wait()
        Clocks.forget(self.pid)
        return status

    async def kill(self) -> None:
        """SIGKILL it, and wait until it is gone."""
        if self._process is not None:
            self.signal(signal.SIGKILL)
            await self.wait()

    async def stop(self) -> None:
        """Ask it to stop, and wait for its end. Raises NodeEnded if that was not as it should."""
        self.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                status = await self.wait()
        except TimeoutError:
            await self.kill()
            raise NodeEnded(f"{self.name} did not stop within {GRACE_S:g} s of SIGTERM") from None
        if status:
            raise NodeEnded(self.ending)
