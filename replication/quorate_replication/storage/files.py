"""Names in the data folder, what to say of trouble in it, and whole files.

A whole file is read within a limit, and replaced so that a crash leaves the old or the new one.
"""

from quorate_replication.storage.disk import Disk

SNAPSHOT = "snapshot"
"""The name of the snapshot in force."""
MEMBER = "member.json"
"""The name of the file that says who this member is."""

WAY_OUT = (
    "Move this node's data folder away and start the node with --replace, so that it catches up"
    " from the other members; never edit the folder, and never put back an older copy of it"
)


def read_whole(disk: Disk, name: str, limit: int) -> bytes:
    """Return a file's content. Raises OSError, and ValueError if it is longer than `limit`."""
    file = disk.open(name)
    try:
        if file.size > limit:
            raise ValueError(f"{disk.path}/{name} is {file.size} bytes long, {limit} are the limit")
        return file.read(0, file.size)
    finally:
        file.close()


def replace(disk: Disk, name: str, content: bytes) -> None:
    """Replace a file; durable when this returns. Raises OSError."""
    partial = f"{name}.partial"
    file = disk.create(partial)
    try:
        file.append(content)
        file.sync()  # before the rename: else a power cut may leave the new name with no content
    finally:
        file.close()
    disk.rename(partial, name)
    disk.sync_folder()


def failure(doing: str, path: str, error: OSError) -> str:
    """Return what to say when the disk has failed."""
    return (
        f"cannot {doing} {path}: {error.strerror or error}. Free space or replace the disk, then"
        " start the node again; nothing that was acknowledged is lost"
    )
