"""The journal against a plain list, through restarts, on a real folder."""

import tempfile
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from quorate_replication.storage.journal import Journal
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.messages import Entry

NAMES = st.sampled_from(["n1", "n2", "né3"])


class JournalMachine(RuleBasedStateMachine):
    """Does to a list what it does to a journal."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.log: list[Entry] = []
        self.term = 0
        self.vote: str | None = None
        self.committed = 0

    @initialize(segment_bytes=st.sampled_from([1, 200, 1_000, 1 << 20]))
    def begin(self, segment_bytes: int) -> None:
        self.segment_bytes = segment_bytes
        self.journal = self.open()

    def open(self) -> Journal:
        return Journal.open(OsDisk(Path(self.folder.name)), segment_bytes=self.segment_bytes)

    @property
    def last(self) -> int:
        return self.log[-1].index if self.log else 0

    @rule(commands=st.lists(st.binary(max_size=100), max_size=5), newer=st.booleans())
    def append(self, commands: list[bytes], newer: bool) -> None:
        term = (self.log[-1].term if self.log else 1) + newer
        for command in commands:
            entry = Entry(command, self.last + 1, term)
            self.log.append(entry)
            self.journal.append(entry)

    @precondition(lambda self: self.log)
    @rule(back=st.integers(0, 8))
    def truncate(self, back: int) -> None:
        index = max(self.last - back, self.committed + 1, self.log[0].index)
        del self.log[index - self.log[0].index :]
        self.journal.truncate_from(index)

    @precondition(lambda self: self.log)
    @rule(ahead=st.integers(0, 20))
    def commit(self, ahead: int) -> None:
        self.committed = min(self.committed + ahead, self.last)
        self.journal.note_commit(self.committed)

    @precondition(lambda self: self.committed and self.log[0].index <= self.committed)
    @rule(back=st.integers(0, 8))
    def cut(self, back: int) -> None:
        index = max(self.committed - back, self.log[0].index)
        del self.log[: index - self.log[0].index]
        self.journal.cut_to(index)

    @rule(ahead=st.integers(0, 1000), term=st.integers(1, 9))
    def reset(self, ahead: int, term: int) -> None:
        self.committed = self.committed + ahead + 1
        self.log = [Entry(b"\x01", self.committed, term)]
        self.journal.reset(self.committed, term)

    @rule(ahead=st.integers(1, 3), name=st.none() | NAMES)
    def vote_in_a_newer_term(self, ahead: int, name: str | None) -> None:
        self.term += ahead
        self.vote = name
        self.journal.save_vote(self.term, name)

    @rule()
    def sync(self) -> None:
        self.journal.sync()

    @rule()
    def mark(self) -> None:
        self.journal.mark()

    @rule()
    def restart(self) -> None:
        self.journal.close()
        self.journal = self.open()
        first = self.log[0].index if self.log else 1
        assert self.journal.first_index <= first
        if self.log and self.journal.first_index < first:
            self.journal.cut_to(first)  # as `align` does

    @invariant()
    def is_the_list(self) -> None:
        if not hasattr(self, "journal"):
            return
        journal = self.journal
        assert journal.log == self.log
        assert (journal.term, journal.voted_for) == (self.term, self.vote)
        assert journal.commit_index == self.committed
        assert journal.content_bytes == sum(len(entry.command) for entry in self.log)
        assert journal.last_index == self.last
        for entry in self.log[:1] + self.log[-1:]:
            assert journal.term_at(entry.index) == entry.term
        assert journal.term_at(self.last + 1) is None

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.journal.close()
        self.folder.cleanup()


TestJournalAgainstAList = JournalMachine.TestCase
