"""What a journal's records add up to: the log, term and vote, and which segment is needed for what.

The same code replays a journal and follows it while it is written, so both always agree.

Rule 1: the log's indexes are consecutive. Its first entry may be a sentinel, which has only the
index and the term of the entry it stands for.
Rule 2: what is appended lies in the newest segment. So an entry behind the log's end at the moment
when a segment began lies in that one or in a newer one, and the older ones can go once the log
begins with such an entry.
"""

from dataclasses import dataclass, field

from quorate_replication.storage.records import (
    Begin,
    Body,
    Commit,
    Mark,
    Reset,
    SaveVote,
    Truncate,
)
from quorate_replication.wire.messages import Entry

NO_OP = b"\x01"
"""The command of a sentinel: only its type byte."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment file that is there."""

    name: str
    first_index: int
    """Behind the log's end as it began: entries from here on are in it, or in newer ones."""


@dataclass(slots=True)
class LogState:
    """The replayed journal."""

    log: list[Entry] = field(default_factory=list[Entry])
    term: int = 0
    voted_for: str | None = None
    commit_index: int = 0
    content_bytes: int = 0
    """The lengths of all commands in the log."""
    floor: int = 0
    """Entries up to here are in a snapshot: they can't be truncated."""
    segments: list[Segment] = field(default_factory=list[Segment])

    @property
    def first_index(self) -> int:
        """Of the log; 1 if it is empty."""
        return self.log[0].index if self.log else 1

    @property
    def last_index(self) -> int:
        """Of the log; 0 if it is empty."""
        return self.log[-1].index if self.log else 0

    @property
    def last_term(self) -> int:
        """Of the log's last entry; 0 if it is empty."""
        return self.log[-1].term if self.log else 0

    def term_at(self, index: int) -> int | None:
        """Return an entry's term; None if the log doesn't hold it."""
        if self.first_index <= index <= self.last_index:
            return self.log[index - self.first_index].term
        return None

    def beginning(self) -> Begin:
        """Return what a segment that begins now must begin with."""
        vote = SaveVote(self.term, self.voted_for)
        return Begin(self.last_index, self.last_term, self.commit_index, vote)

    def begin(self, name: str, body: Begin) -> None:
        """Go on with the next segment. Raises ValueError if it doesn't follow."""
        if not self.segments:
            self.term, self.voted_for = body.vote.term, body.vote.voted_for
            self.commit_index = body.commit_index
            if body.last_index:
                self._start_at(body.last_index, body.last_term)
        elif (body.last_index, body.last_term) != (self.last_index, self.last_term):
            raise ValueError(
                f"it goes on after entry {body.last_index} of term {body.last_term}, but the"
                f" segment before ends with entry {self.last_index} of term {self.last_term}"
            )
        elif body.vote != SaveVote(self.term, self.voted_for):
            raise ValueError("its term and vote are not those of the segment before")
        self.segments.append(Segment(name, body.last_index + 1))

    def apply(self, body: Body) -> None:
        """Follow one record. Raises ValueError if it can't follow what was before."""
        match body:
            case Entry():
                self._append(body)
            case Truncate(index):
                self._truncate(index)
            case SaveVote(term, voted_for):
                self.term, self.voted_for = term, voted_for
            case Commit(index):
                self.commit_index = index
            case Reset(index, term):
                self._start_at(index, term)
                self.commit_index = index
            case Mark():
                pass
            case Begin():
                raise ValueError("a segment begins within a segment")

    def cut_to(self, index: int) -> None:
        """Forget the entries before one that the log holds; it is in a snapshot from now on."""
        if self.term_at(index) is None:
            raise ValueError(
                f"can't cut to entry {index}: the log is {self.first_index} to {self.last_index}"
            )
        dropped = index - self.first_index
        self.content_bytes -= sum(len(entry.command) for entry in self.log[:dropped])
        del self.log[:dropped]
        self.floor = max(self.floor, index)
        self.commit_index = max(self.commit_index, index)

    def oldest_is_unneeded(self) -> bool:
        """Tell whether the log as it is in memory needs nothing of the oldest segment."""
        return len(self.segments) > 1 and self.segments[1].first_index <= self.first_index

    def _append(self, entry: Entry) -> None:
        if entry.index < 1 or (self.log and entry.index != self.last_index + 1):
            raise ValueError(f"entry {entry.index} can't follow entry {self.last_index}")
        if entry.term < self.last_term:
            raise ValueError(f"entry {entry.index} is of an older term than the one before")
        self.log.append(entry)
        self.content_bytes += len(entry.command)

    def _truncate(self, index: int) -> None:
        kept = max(0, index - self.first_index)
        self.content_bytes -= sum(len(entry.command) for entry in self.log[kept:])
        del self.log[kept:]
        if not self.log:
            self.floor = 0

    def _start_at(self, index: int, term: int) -> None:
        self.log[:] = [Entry(NO_OP, index, term)]
        self.content_bytes = len(NO_OP)
        self.floor = index
