"""One `up` per folder: a lock that ends with its process, however that ends."""

import fcntl
import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from quorate_client.errors import LocalError
from quorate_client.processes import RunFile

LOCK_FILE = "up.lock"


@contextmanager
def only_one(directory: Path) -> Generator[None]:
    """Hold the folder's lock. Raises LocalError if another `up`, or a node it left, runs there."""
    try:
        # Never removed: whoever removes a lock file may remove another one's. Nodes do not
        # inherit the descriptor (PEP 446), so a node that is left over does not hold the lock.
        descriptor = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise LocalError(f"{directory / LOCK_FILE}: {error.strerror}") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalError(f"another `quorate up` runs this cluster: {directory}") from error
        if left := RunFile(directory).live():
            pids = ", ".join(f"{name} (pid {pid})" for name, pid in left.items())
            raise LocalError(f"an earlier `up` left nodes running: {pids}; end them first")
        yield
    finally:
        os.close(descriptor)
