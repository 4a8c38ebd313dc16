"""At start: journal and snapshot made to agree, whatever crash came between writing the two.

Rule 1: what the journal holds after the snapshot's last entry is kept, if it holds that entry.
Rule 2: a journal that ends before that entry, or has another in its place, gives way to the
snapshot: all that it holds is in the snapshot, or contradicts what is committed.
Rule 3: a journal that begins later is refused: what lies between the two is missing.
"""

from quorate_replication.storage.files import SNAPSHOT, WAY_OUT
from quorate_replication.storage.journal import Journal, JournalError
from quorate_replication.storage.snapshot_format import SnapshotHeader


def missing_between(first_index: int, header: SnapshotHeader | None, path: str) -> str | None:
    """Tell what is wrong with a log that begins at an index; None if nothing is."""
    covered = 1 if header is None else header.index  # entry 1 never is more than a no-op
    if first_index <= covered:
        return None
    state = "is missing" if header is None else f"ends with entry {header.index}"
    return (
        f"the journal in {path} begins with entry {first_index}, but {path}/{SNAPSHOT} {state}:"
        f" what lies between is lost. {WAY_OUT}."
    )


def align(journal: Journal, header: SnapshotHeader | None, path: str) -> None:
    """Make the journal begin with the snapshot's last entry, durably.

    Raises JournalError if entries are missing, DiskFailure.
    """
    flaw = missing_between(journal.first_index, header, path)
    if flaw is not None:
        raise JournalError(flaw)
    if header is None:
        return
    if journal.term_at(header.index) == header.term:
        journal.cut_to(header.index)
    else:
        journal.reset(header.index, header.term)
    journal.sync()
