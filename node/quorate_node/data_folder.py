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

    It is made if it is not there, but not what it would be in: that may be a disk that is not
    mounted, or a name that is mistyped.

    Raises:
        SetupError: it can't be written, or another process has it.
    """
    try:
        path.mkdir(mode=0o700, exist_ok=True)
        lock = (path / LOCK_FILE).open("a", encoding="ascii")
    except FileNotFoundError:
        raise SetupError(
            f"cannot make the data folder {path}: {path.parent} does not exist; mount it, make it, "
            "or correct data_dir"
        ) from None
    except OSError as flaw:
        raise SetupError(f"cannot use the data folder {path}: {flaw.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise SetupError(f"another process is using {path}: is its node running?") from None
    return lock
