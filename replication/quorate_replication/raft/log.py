"""The journal under the names that PySyncObj calls."""

from typing import overload

from quorate_replication.storage.journal import Journal
from quorate_replication.wire.messages import Entry


class StockLog:
    """`pysyncobj.journal.Journal`, without importing it; positions count from the log's start."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal

    def __len__(self) -> int:
        return len(self._journal.log)

    @overload
    def __getitem__(self, position: int) -> Entry: ...
    @overload
    def __getitem__(self, position: slice) -> list[Entry]: ...
    def __getitem__(self, position: int | slice) -> Entry | list[Entry]:
        return self._journal.log[position]

    def add(self, command: bytes, idx: int, term: int) -> None:
        """Append an entry."""
        self._journal.append(Entry(command, idx, term))

    def deleteEntriesFrom(self, position: int) -> None:  # noqa: N802 - PySyncObj's name
        """Drop the entries from a position on."""
        if position < len(self):
            self._journal.truncate_from(self._journal.log[position].index)

    def setCurrentTerm(self, term: int, voted_for: str | None) -> None:  # noqa: N802 - PySyncObj's name
        """Keep the term, and the vote in it."""
        self._journal.save_vote(term, voted_for)

    def getCurrentTerm(self) -> int:  # noqa: N802 - PySyncObj's name
        """Return the term."""
        return self._journal.term

    def getVotedForNodeId(self) -> str | None:  # noqa: N802 - PySyncObj's name
        """Return whom this member voted for in that term."""
        return self._journal.voted_for

    def setRaftCommitIndex(self, index: int) -> None:  # noqa: N802 - PySyncObj's name
        """Note what is committed; only a hint."""
        self._journal.note_commit(index)

    def getRaftCommitIndex(self) -> int:  # noqa: N802 - PySyncObj's name
        """Return what was noted."""
        return max(1, self._journal.commit_index)

    def onOneSecondTimer(self) -> None:  # noqa: N802 - PySyncObj's name
        """Protect what was synced last against damage that would look like a torn tail."""
        self._journal.mark()
