"""A folder put in place by one rename, complete and on the disk, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from quorate_client.provision.folder import sync_folder

_STAGING = ".new."


@contextmanager
def put(target: Path) -> Generator[Path]:
    """Yield a new folder of its owner's only, which becomes `target` at the end. Raises OSError."""
    staging = Path(tempfile.mkdtemp(prefix=_STAGING, dir=target.parent))
    try:
        yield staging
        for path in staging.rglob("*"):
            _sync(path)
        sync_folder(staging)
        staging.rename(target)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    sync_folder(target.parent)


def remove_leftovers(folder: Path) -> None:
    """Remove what was killed while it was put, here or by `provision`."""
    for path in folder.iterdir():
        if path.name.startswith(_STAGING) or path.name.startswith(".cluster."):
            shutil.rmtree(path)


def _sync(path: Path) -> None:
    if path.is_dir():
        sync_folder(path)
        return
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
