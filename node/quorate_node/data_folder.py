"""The data folder: whose it is, and that nobody else has it open."""

import fcntl
import json
import os
from pathlib import Path
from typing import IO

from quorate_node.errors import SetupError

MEMBER_FILE = "member.json"
LOCK_FILE = "lock"


def open_data_folder(path: Path, cluster_id: str, name: str) -> IO[str]:
    """Claim a data folder for one process of one member; return the lock, to be kept open.

    Raises:
        SetupError: it can't be written, is another member's, or another process has it.
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
        raise SetupError(f"another process is using {path}: is node {name} running?") from None
    try:
        _check_owner(path, {"cluster_id": cluster_id, "name": name})
    except BaseException:
        lock.close()
        raise
    return lock


def _check_owner(path: Path, own: dict[str, str]) -> None:
    member = path / MEMBER_FILE
    try:
        found = json.loads(member.read_text(encoding="utf-8"))
    except FileNotFoundError:
        _write(member, own)
        return
    except (OSError, ValueError):
        raise SetupError(
            f"{member} is damaged: restore it, or give the node a new folder"
        ) from None
    if found != own:
        raise SetupError(
            f"{path} belongs to another node or cluster (see {member}): "
            "give this node a folder of its own"
        )


def _write(path: Path, content: dict[str, str]) -> None:
    partial = path.with_suffix(".partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
