"""The journal: the Raft log with term and vote in it, append-only and checksummed.

Rule 1: nothing is durable before `sync` has returned; then everything is that was written before.
Rule 2: a file is never changed but by appending, and by cutting a torn tail when it is opened.
Rule 3: at every moment the files alone tell the log, whatever of the unsynced bytes and of the last
unsynced creation or removal has reached the disk.
Rule 4: after an error of the disk nothing more is known of it, and the journal refuses any use.

An entry that was synced less than a `mark` ago and is damaged afterwards can't be told from an
unfinished write; `mark` once a second and at close keeps that window short.
"""

from quorate_replication.errors import FailStop
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import WAY_OUT
from quorate_replication.storage.records import (
    Body,
    Commit,
    Mark,
    Reset,
    SaveVote,
    Truncate,
    seed_of,
)
from quorate_replication.storage.recovery import Recovered, recover
from quorate_replication.storage.segments import JournalError
from quorate_replication.storage.writer import Writer
from quorate_replication.wire.messages import Entry

__all__ = ["SEGMENT_BYTES", "Journal", "JournalError"]

SEGMENT_BYTES = 16 << 20


class Journal:
    """The log, term, vote and commit index of one member."""

    def __init__(self, disk: Disk, found: Recovered, segment_bytes: int, seed: int) -> None:
        """Use `open`."""
        self._disk = disk
        self._state = found.state
        self._writer = Writer(disk, found, seed)
        self._segment_bytes = segment_bytes
        self._committed = found.state.commit_index  # as the records say

    @classmethod
    def open(
        cls,
        disk: Disk,
        *,
        key: bytes = b"",
        segment_bytes: int = SEGMENT_BYTES,
        must_exist: bool = False,
    ) -> "Journal":
        """Recover what is there and go on behind it, or begin a journal.

        `key` seeds the checksums: the member's incarnation (`records`, rule 3).

        Raises JournalError if acknowledged data is damaged, or if there is none though it
        `must_exist`; OSError as the disk does.
        """
        found = recover(disk, seed_of(key))
        if must_exist and not found.state.segments:
            raise JournalError(f"the journal in {disk.path} is empty, but it was not. {WAY_OUT}.")
        if found.torn:
            disk.truncate(found.torn.name, found.torn.keep)
        if found.incomplete:
            disk.remove(found.incomplete)
        disk.sync_folder()  # before anything is appended to the segment in front of it
        journal = cls(disk, found, segment_bytes, seed_of(key))
        if found.state.segments:
            journal._writer.go_on_with(found.state.segments[-1].name)
        else:
            journal._begin_segment()
        return journal

    # ------------------------------------------------------------------ what it holds

    @property
    def log(self) -> list[Entry]:
        """The entries; not to be changed. The first may be a sentinel: never send it on."""
        return self._state.log

    @property
    def first_index(self) -> int:
        """Of the log; 1 if it is empty."""
        return self._state.first_index

    @property
    def last_index(self) -> int:
        """Of the log; 0 if it is empty."""
        return self._state.last_index

    @property
    def content_bytes(self) -> int:
        """The lengths of all commands in the log."""
        return self._state.content_bytes

    @property
    def term(self) -> int:
        """The current term."""
        return self._state.term

    @property
    def voted_for(self) -> str | None:
        """Whom this member voted for in the current term."""
        return self._state.voted_for

    @property
    def commit_index(self) -> int:
        """As far as the log is known to be committed; after a restart it may be behind."""
        return self._state.commit_index

    @property
    def dirty(self) -> bool:
        """Whether there is something to sync."""
        return self._writer.dirty

    def term_at(self, index: int) -> int | None:
        """Return an entry's term; None if the log doesn't hold it."""
        return self._state.term_at(index)

    # ------------------------------------------------------------------ changing it

    def append(self, entry: Entry) -> None:
        """Append an entry. Raises ValueError if it can't follow, or is too large."""
        self._write(entry)

    def truncate_from(self, index: int) -> None:
        """Drop an entry and all after it. Raises FailStop if it is committed."""
        self._writer.check_usable()
        state = self._state
        committed = max(state.floor, state.commit_index, state.first_index - 1)
        if index <= committed:
            raise FailStop(
                f"entry {index} was to be dropped, but entries up to {committed} are committed"
            )
        if index <= self.last_index:
            self._write(Truncate(index))

    def reset(self, index: int, term: int) -> None:
        """Forget the whole log: a snapshot that ends with this entry is on disk instead.

        Raises DiskFailure.
        """
        self._write(Reset(index, term))
        self.cut_to(index)

    def cut_to(self, index: int) -> None:
        """Forget the entries before `index`: a snapshot that ends with it, or later, is on disk.

        Removes the segments that aren't needed any more. Raises ValueError if the log does not
        hold the entry, DiskFailure.
        """
        self._writer.check_usable()
        self._state.cut_to(index)
        segments = self._state.segments
        while self._state.oldest_is_unneeded():
            self.sync()  # what makes it unneeded must be durable first
            with self._writer.guarded("remove", segments[0].name):
                self._disk.remove(segments[0].name)
                self._disk.sync_folder()  # each: if only a newer one were gone, there'd be a gap
            del segments[0]

    def save_vote(self, term: int, voted_for: str | None) -> None:
        """Set the current term and the vote in it; `sync` before anyone hears of it.

        Raises FailStop for an older term, or another vote in the same term.
        """
        self._writer.check_usable()
        if (term, voted_for) == (self.term, self.voted_for):
            return
        if term < self.term or (term == self.term and self.voted_for is not None):
            raise FailStop(
                f"a vote for {voted_for} in term {term} was to replace the one for"
                f" {self.voted_for} in term {self.term}"
            )
        self._write(SaveVote(term, voted_for))

    def note_commit(self, index: int) -> None:
        """Note that entries up to `index` are committed; it is written with a later flush."""
        self._writer.check_usable()
        self._state.commit_index = max(self.commit_index, min(index, self.last_index))

    # ------------------------------------------------------------------ making it durable

    def mark(self) -> None:
        """Protect the last flush: write, with the next `sync`, that it was synced.

        Nothing if that is written already, so an idle member writes nothing.
        """
        self._writer.check_usable()
        if self._committed != self.commit_index:
            self._write_commit()
        elif self._writer.needs_mark:
            self._write(Mark())

    def sync(self) -> None:
        """Make all durable that was written since the last time: one write, one sync.

        Raises DiskFailure.
        """
        self._writer.check_usable()
        if not self.dirty:
            return
        if self._committed != self.commit_index:
            self._write_commit()
        self._writer.flush()
        if self._writer.size > self._segment_bytes:
            with self._writer.guarded("begin", self._writer.next_name()):
                self._begin_segment()

    def close(self) -> None:
        """Sync, mark, and close the file; only the last after a failure. Raises DiskFailure."""
        try:
            if self._writer.usable:
                self.sync()
                self.mark()
                self.sync()
        finally:
            self._writer.close()

    def _write(self, body: Body) -> None:
        record = self._writer.encode(body)
        self._state.apply(body)
        self._writer.add(body, record)

    def _write_commit(self) -> None:
        self._committed = self.commit_index
        self._write(Commit(self.commit_index))

    def _begin_segment(self) -> None:
        body = self._state.beginning()
        self._state.begin(self._writer.begin(body), body)
        self._committed = body.commit_index
