"""Writing a cluster's folder all at once: it is there complete, or not at all.

Rule 1: everything is first written where nobody looks: a hidden folder beside the target, or
inside it if the target exists already (an empty folder may be a mount point, which cannot be
renamed onto).
Rule 2: it is then put in place by renames, the profile last: whoever sees it sees the rest.
Rule 3: whatever goes wrong, Ctrl-C included, what was written is removed again.
Rule 4: it is on the disk before it is put in place: a power cut leaves no empty file behind.
"""

import os
import shutil
import tempfile
from pathlib import Path

from quorate_client.errors import LocalError
from quorate_client.provision.layout import PROFILE, NewCluster

PRIVATE_FOLDER = 0o700
_PRIVATE_FILE = 0o600
_PUBLIC_FILE = 0o644


def check_target(directory: Path) -> None:
    """Raise LocalError if a cluster cannot be made in `directory`."""
    try:
        if not directory.parent.is_dir():
            raise LocalError(f"{directory.parent} is not a folder: make it first")
        if directory.is_symlink() and not directory.exists():
            raise LocalError(f"{directory} is a link to nowhere")
        if directory.exists():
            if not directory.is_dir():
                raise LocalError(f"{directory} exists and is not a folder")
            if any(directory.iterdir()):
                raise LocalError(f"{directory} is not empty: nothing was changed")
    except OSError as error:
        raise LocalError(f"{directory} cannot be used: {error.strerror}") from error


def write_cluster(directory: Path, cluster: NewCluster) -> None:
    """Write `cluster` into `directory`, which does not exist or is empty.

    Raises LocalError, and leaves nothing behind, if that fails.
    """
    check_target(directory)
    try:
        if directory.exists():
            _write_into(directory, cluster)
        else:
            _write_beside(directory, cluster)
    except OSError as error:
        raise LocalError(f"{directory} cannot be written: {error.strerror}") from error


def _write_beside(directory: Path, cluster: NewCluster) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f".{directory.name}.", dir=directory.parent))
    try:
        _fill(staging, cluster)
        staging.rename(directory)
        sync_folder(directory.parent)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def _write_into(directory: Path, cluster: NewCluster) -> None:
    staging = Path(tempfile.mkdtemp(prefix=".new.", dir=directory))
    moved: list[Path] = []
    try:
        _fill(staging, cluster)
        for source in sorted(staging.iterdir(), key=lambda path: path.name == PROFILE):
            target = directory / source.name
            moved.append(target)
            source.rename(target)
        staging.rmdir()
        directory.chmod(PRIVATE_FOLDER)
        sync_folder(directory)
    except BaseException:
        for path in (*moved, staging):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        raise


def _fill(root: Path, cluster: NewCluster) -> None:
    root.chmod(PRIVATE_FOLDER)
    for file in cluster.files:
        path = root / file.path
        _make_folder(root, path.parent)
        mode = _PRIVATE_FILE if file.secret else _PUBLIC_FILE
        # The mode is there from the first byte on: a key is never readable, not for a moment.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as stream:  # noqa: PTH123  a descriptor, not a path
            stream.write(file.content)
            stream.flush()
            os.fsync(descriptor)
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        sync_folder(folder)


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` durable. Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make_folder(root: Path, folder: Path) -> None:
    """Make `folder` and those between it and `root`, each its owner's only."""
    if folder == root:
        return
    _make_folder(root, folder.parent)
    folder.mkdir(PRIVATE_FOLDER, exist_ok=True)
