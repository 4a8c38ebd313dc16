"""Node processes on this machine: starting one, watching it, ending it, and `run.json`.

A process gets a session of its own, so that a Ctrl-C in the terminal reaches only whoever started
it, and that one ends its processes in order.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from quorate_client.errors import LocalError

GRACE_S = 10.0  # between SIGTERM and SIGKILL
EXIT_UNFIT = 6  # see `quorate-node --help`: it would end like this again and again
_MEANINGS = {
    70: "it stopped itself rather than go on with a state that may be wrong",
    74: "its disk refused to write: full, or failing",
}
RUN_FILE = "run.json"
ASKED_TO = "exit status 0"  # `Ending.how` of a node that somebody stopped
_BEFORE_REASON = re.compile(  # in a node's last line
    r"(error: |\S+ \S+ CRITICAL \S+: )(this node stops: )?"
)
_LOG_TAIL = 8192  # bytes that are searched for the last line
_MAX_LINE = 1000  # characters of a line that are shown; a node says what is wrong and what to do


def node_command(config: Path) -> list[str]:
    """The command line of a node with the configuration file `config`."""
    return [sys.executable, "-m", "quorate_node", "--config", str(config)]


def replace_command(config: Path) -> list[str]:
    """The command line that marks a node's empty data folder as a lost disk's replacement."""
    return [sys.executable, "-m", "quorate_node", "replace", "--config", str(config)]


def check_command(directory: Path, *, as_json: bool) -> list[str]:
    """The command line that verifies a node's data folder."""
    flags = ["--json"] if as_json else []
    return [sys.executable, "-m", "quorate_node", "check", *flags, "--", str(directory)]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a process ended: `returncode` (negative: by that signal) and its last words."""

    returncode: int
    last_line: str

    @property
    def reason(self) -> str:
        """Its last words without what is before them in a log; `how` if there are none."""
        before = _BEFORE_REASON.match(self.last_line)
        return self.last_line[before.end() if before else 0 :] or self.how

    @property
    def last_words(self) -> str:
        """Its last line if that tells why it ended: nothing if it was made to, and did not know."""
        return self.last_line if self.returncode > 0 else ""

    @property
    def how(self) -> str:
        """In words: `exit status 2`, `SIGKILL`."""
        if self.returncode >= 0:
            meaning = _MEANINGS.get(self.returncode)
            return f"exit status {self.returncode}" + (f" ({meaning})" if meaning else "")
        try:
            return signal.Signals(-self.returncode).name
        except ValueError:
            return f"signal {-self.returncode}"


class NodeProcess:
    """A process that was started by `start_process`; it is waited for once it has ended."""

    def __init__(self, process: asyncio.subprocess.Process, log: Path, log_start: int) -> None:
        self._process = process
        self._log = log
        self._log_start = log_start

    @property
    def pid(self) -> int:
        """Its process id, and the id of its process group."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it has not been seen to end."""
        return self._process.returncode is None

    async def wait(self) -> Ending:
        """Wait for its end."""
        returncode = await self._process.wait()
        return Ending(returncode, last_line(self._log, self._log_start))

    def kill(self) -> None:
        """SIGKILL it and whatever it started; nothing if it has ended."""
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)

    async def stop(self, *, grace_s: float = GRACE_S) -> None:
        """SIGTERM it; SIGKILL it if it runs on for `grace_s` seconds, or on cancellation."""
        if not self.running:
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        try:
            async with asyncio.timeout(grace_s):
                await self._process.wait()
        except TimeoutError:
            self.kill()
            await self._process.wait()
        except asyncio.CancelledError:
            self.kill()
            raise


async def start_process(command: Sequence[str], log: Path) -> NodeProcess:
    """Start `command`, its output appended to `log`. Raises LocalError if it cannot be started."""
    try:
        log.parent.mkdir(mode=0o700, exist_ok=True)
        with log.open("ab") as stream:
            log_start = stream.tell()
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
    except OSError as error:
        raise LocalError(f"{error.filename or command[0]}: {error.strerror}") from error
    return NodeProcess(process, log, log_start)


def last_line(log: Path, start: int = 0) -> str:
    """The last line with anything in it that `log` holds after byte `start`, or nothing."""
    try:
        with log.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(start, size - _LOG_TAIL))
            text = stream.read(_LOG_TAIL).decode(errors="replace")
    except OSError:
        return ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    shown = lines[-1][:_MAX_LINE] if lines else ""
    return "".join(c if c.isprintable() else " " for c in shown)


@dataclass(frozen=True, slots=True)
class RunEntry:
    """One node in `run.json`; `pid` is None while it is down, `log` is relative to the folder."""

    name: str
    endpoint: str
    officer_endpoint: str | None
    pid: int | None
    log: str


class RunFile:
    """`run.json` of a cluster's folder: what runs now, for scripts and for the next `up`."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / RUN_FILE

    def write(self, cluster_id: str, entries: Sequence[RunEntry]) -> None:
        """Replace it atomically: a reader sees the old one or the new one. Raises LocalError."""
        nodes = [
            {
                "name": entry.name,
                "endpoint": entry.endpoint,
                "officer_endpoint": entry.officer_endpoint,
                "pid": entry.pid,
                "log": entry.log,
            }
            for entry in entries
        ]
        document = json.dumps({"cluster_id": cluster_id, "nodes": nodes}, indent=2) + "\n"
        folder = self.path.parent
        try:
            descriptor, name = tempfile.mkstemp(prefix=f".{RUN_FILE}.", dir=folder)
            try:
                with open(descriptor, "w") as stream:  # noqa: PTH123  a descriptor, not a path
                    stream.write(document)
                Path(name).replace(self.path)
            except BaseException:
                Path(name).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise LocalError(f"{self.path} cannot be written: {error.strerror}") from error

    def remove(self) -> None:
        """Remove it; nothing if it is not there."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def live(self) -> dict[str, int]:
        """The nodes, name to pid, that an earlier `up` left running; none if it is unreadable."""
        try:
            nodes = json.loads(self.path.read_text())["nodes"]
            pids = {str(node["name"]): node["pid"] for node in nodes}
        except (OSError, ValueError, KeyError, TypeError):
            return {}
        return {
            name: pid
            for name, pid in pids.items()
            if isinstance(pid, int) and _is_node(pid, self.path.parent)
        }


def _is_node(pid: int, directory: Path) -> bool:
    """Whether `pid` lives and, where /proc can tell, is a process about this folder."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return True
    inside = os.fsencode(f"{directory.resolve()}{os.sep}")
    return inside in command  # else the number was used again
