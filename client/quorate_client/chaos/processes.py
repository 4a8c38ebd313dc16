"""The nodes' processes that `quorate up` runs on this machine: found, signalled, looked at."""

import os
import signal
from pathlib import Path

from quorate_client.errors import LocalError, NotDone
from quorate_client.processes import RunFile


def running(folder: Path) -> dict[str, int]:
    """Return the nodes of this folder that run, name to pid."""
    # A command line has the path that `up` was given, which may lead here another way.
    return RunFile(folder.resolve()).live() | RunFile(folder).live()


def send(name: str, pid: int, number: signal.Signals) -> None:
    """Send a node, and whatever it has started, a signal. Raises NotDone, LocalError."""
    try:
        if os.getpgid(pid) == pid:
            os.killpg(pid, number)
        else:
            os.kill(pid, number)
    except ProcessLookupError as error:
        raise NotDone(f"{name} (pid {pid}) has just ended; nothing was done") from error
    except PermissionError as error:
        raise LocalError(
            f"{name} (pid {pid}) is another user's process; be that user, or root"
        ) from error


def is_stopped(pid: int) -> bool:
    """Tell whether a SIGSTOP holds a process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["T"]  # proc(5): the name may hold anything
