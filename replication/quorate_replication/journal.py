"""PySyncObj's journal, cut safely, and aligned to the snapshot when it is opened."""

from pathlib import Path

from pysyncobj.journal import FileJournal

from quorate_replication import snapshot_file


class Journal(FileJournal):
    """PySyncObj's journal; a kill while it is cut loses nothing.

    Stock empties the file and then writes what is left into it again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.exists() and not path.stat().st_size:
            path.unlink()  # killed as it was made: stock can't open it, and nothing was in it
        self._open()

    def _open(self) -> None:
        super().__init__(str(self._path))
        self.content_bytes = sum(len(command) for command, _, _ in self[:])

    def add(self, command: bytes, idx: int, term: int) -> None:
        """Append an entry."""
        super().add(command, idx, term)
        self.content_bytes += len(command)

    def clear(self) -> None:
        """Drop every entry."""
        super().clear()
        self.content_bytes = 0

    def deleteEntriesFrom(self, entryFrom: int) -> None:  # noqa: N802, N803 - PySyncObj's names
        """Drop the entries from a position on."""
        super().deleteEntriesFrom(entryFrom)
        self.content_bytes = sum(len(command) for command, _, _ in self[:])

    def deleteEntriesTo(self, entryTo: int) -> None:  # noqa: N802, N803 - PySyncObj's names
        """Drop the entries before a position."""
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        rest = FileJournal(str(partial))
        for entry in self[entryTo:]:
            rest.add(*entry)
        rest._destroy()  # noqa: SLF001 - the only way to close it; it also syncs
        self._destroy()
        partial.replace(self._path)
        self._open()


def open_journal(data: Path) -> Journal:
    """Open the journal, aligned to the snapshot if there is one.

    A crash may come between writing a snapshot and cutting the journal. Stock clears the whole
    journal when the two do not match, and with it all that was acknowledged after the snapshot.
    Here it is left to do so in one case: this member was installing the leader's snapshot, so
    that what its journal holds is in the snapshot or contradicts it.

    Raises:
        ValueError: what lies between the snapshot and the journal is missing.
    """
    snapshot = data / "raft.snapshot"
    header = snapshot_file.read_header(snapshot) if snapshot.exists() else None
    journal = Journal(data / "raft.journal")
    begin = journal[0][1] if len(journal) else 0
    covered = 1 if header is None else header.previous[1]
    if begin > covered:
        journal._destroy()  # noqa: SLF001 - the only way to close it
        raise ValueError(f"the journal begins at entry {begin}, the snapshot is missing or older")
    if header is not None and len(journal):
        start = covered - begin
        if start and journal[start : start + 2] == [header.previous, header.last]:
            journal.deleteEntriesTo(start)
    return journal
