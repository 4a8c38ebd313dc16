"""Looking into a data folder: every checksum verified, nothing changed, nothing locked.

A folder whose node runs may be looked into, too: it is then read as it was at some moment, and
the end of what is being written may show as a torn tail.
"""

from dataclasses import asdict, dataclass, field
from typing import Any

from quorate_replication.storage import member_file
from quorate_replication.storage.align import missing_between
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import MEMBER, SNAPSHOT, WAY_OUT
from quorate_replication.storage.member_file import MemberFileError
from quorate_replication.storage.records import seed_of
from quorate_replication.storage.recovery import Recovered, recover
from quorate_replication.storage.segments import JournalError, first_sequence
from quorate_replication.storage.snapshots import SnapshotDamaged, SnapshotHeader, SnapshotStore

_ATTEMPTS = 3  # a running node may remove a segment while it is read


@dataclass(frozen=True, slots=True)
class MemberReport:
    """Who the folder's member is."""

    cluster_id: str
    name: str
    incarnation: str
    """In hexadecimal digits."""
    standing: str
    known: list[str]


@dataclass(frozen=True, slots=True)
class SnapshotReport:
    """What the snapshot covers."""

    index: int
    term: int
    bytes: int


@dataclass(frozen=True, slots=True)
class JournalReport:
    """What the journal holds."""

    segments: int
    records: int
    first_index: int
    last_index: int
    term: int
    voted_for: str | None
    commit_index: int
    """A hint; it may be behind."""
    torn_bytes: int
    """Of a write that was cut short: harmless, cut off at the next start."""


@dataclass(frozen=True, slots=True)
class FolderReport:
    """All that is known of a data folder."""

    path: str
    member: MemberReport | None = None
    snapshot: SnapshotReport | None = None
    journal: JournalReport | None = None
    problems: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether a node can start from this folder."""
        return not self.problems


def inspect_folder(disk: Disk) -> FolderReport:
    """Read everything in a data folder. Raises OSError if it can't be read."""
    problems: list[str] = []
    member = _member(disk, problems)
    found = _journal(disk, member, problems) if member else None
    snapshot = _snapshot(disk, problems)  # after the journal, which may be cut meanwhile
    if found is not None and not problems:
        flaw = missing_between(found.state.first_index, snapshot, disk.path)
        problems.extend([flaw] if flaw else [])
    return FolderReport(
        disk.path,
        member,
        SnapshotReport(snapshot.index, snapshot.term, snapshot.size) if snapshot else None,
        _describe(found) if found else None,
        problems,
    )


def render(report: FolderReport) -> str:
    """Return a report for people."""
    lines = [f"Data folder {report.path}"]
    if member := report.member:
        lines += [
            f"  member    {member.name} of cluster {member.cluster_id}, {member.standing}",
            f"            incarnation {member.incarnation}, knows {', '.join(member.known) or '-'}",
        ]
    if snapshot := report.snapshot:
        lines.append(
            f"  snapshot  up to entry {snapshot.index} of term {snapshot.term},"
            f" {snapshot.bytes} bytes, whole"
        )
    if journal := report.journal:
        lines += [
            f"  journal   entries {journal.first_index} to {journal.last_index}",
            f"            committed at least up to {journal.commit_index}",
            f"            term {journal.term}, vote {journal.voted_for or '-'}",
            f"            {_sizes(journal)}, all intact",
        ]
        if journal.torn_bytes:
            lines.append(
                f"            a write was cut short: {journal.torn_bytes} bytes at the end that"
                " were never acknowledged. Harmless; they are cut off at the next start"
            )
    lines += [f"  PROBLEM   {problem}" for problem in report.problems]
    lines.append("OK" if report.ok else "NOT OK: a node won't start from this folder")
    return "\n".join(lines)


def _sizes(journal: JournalReport) -> str:
    records = f"{journal.records} record{'' if journal.records == 1 else 's'}"
    return f"{records} in {journal.segments} segment{'' if journal.segments == 1 else 's'}"


def as_dict(report: FolderReport) -> dict[str, Any]:
    """Return a report for JSON."""
    return {**asdict(report), "ok": report.ok}


def _member(disk: Disk, problems: list[str]) -> MemberReport | None:
    try:
        member = member_file.read(disk)
    except FileNotFoundError:
        if any(first_sequence(name) or name == SNAPSHOT for name in disk.names()):
            problems.append(f"{disk.path}/{MEMBER} is missing. {WAY_OUT}.")
        return None
    except MemberFileError as flaw:
        problems.append(str(flaw))
        return None
    return MemberReport(
        member.cluster_id,
        member.name,
        member.incarnation.hex(),
        member.standing.name.lower(),
        sorted(member.known),
    )


def _journal(disk: Disk, member: MemberReport, problems: list[str]) -> Recovered | None:
    seed = seed_of(bytes.fromhex(member.incarnation))
    for _ in range(_ATTEMPTS):
        try:
            found = recover(disk, seed)
        except JournalError as flaw:
            problems.append(str(flaw))
            return None
        except FileNotFoundError:
            continue
        return found if found.state.segments else None
    problems.append(f"{disk.path} changes while it is read; try again, or stop its node")
    return None


def _snapshot(disk: Disk, problems: list[str]) -> SnapshotHeader | None:
    store = SnapshotStore(disk)
    try:
        header = store.header()
        if header is not None:
            for _ in store.stream():
                pass
    except SnapshotDamaged as flaw:
        problems.append(str(flaw))
        return None
    return header


def _describe(found: Recovered) -> JournalReport:
    state = found.state
    return JournalReport(
        segments=len(state.segments),
        records=found.records,
        first_index=state.first_index,
        last_index=state.last_index,
        term=state.term,
        voted_for=state.voted_for,
        commit_index=state.commit_index,
        torn_bytes=found.torn.lose if found.torn else 0,
    )
