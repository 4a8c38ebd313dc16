"""The data folder is one process's at a time.

Whose it is, and what an empty one means, is the business of `quorate_replication`.
"""

import fcntl
from pathlib import Path
from typing import IO

from quorate_node.errors import SetupError

LOCK_FILE = "lock"


def open_data_folder(path: Path) -> IO[str]:
    """Claim a data folder for this process; return the lock, to be kept open.

    Raises:
        SetupError: it can't be written, or another process has it.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (path / LOCK_FILE).open("a", encoding="ascii")
    except OSError as flaw:
        raise SetupError(f"cannot use the data folder {path}: {flaw.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise SetupError(f"another process is using {path}: is its node running?") from None
    return lock
