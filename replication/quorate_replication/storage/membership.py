"""Membership: who this member is, on which disk, and whom of the others it knows.

Each data folder is an *incarnation*: 16 random bytes, made with it. A member whose disk was wiped
has forgotten its votes; under its old name it could vote twice in one term, and let a commit rest
on entries that it no longer has. So:

Rule 1: an incarnation that is not the one known under a name is turned away, unless it says that
it replaces a lost disk; then it is the one that is known from now on. It says so until every other
member has met it: one that was down meanwhile must not turn it away later.
Rule 2: an empty folder counts only if `quorate init` made it (its marker says so), if there is no
other member, or once every other member has said that it knew of no other incarnation.
Rule 3: what this member learns is on disk before anything depends on it.
"""

import json
from collections.abc import Collection

from quorate_replication.errors import DiskFailure, EngineStartError
from quorate_replication.storage import member_file
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import MEMBER, SNAPSHOT, WAY_OUT, failure, read_whole
from quorate_replication.storage.member_file import Member, MemberFileError
from quorate_replication.storage.segments import first_sequence
from quorate_replication.wire.messages import Hello, Refusal, Standing, TurnedAway, Welcome

NEWBORN = "newborn.json"
"""The marker that `quorate init` lays into a data folder: {"cluster_id", "name"}."""
_OURS = {"lock", f"{MEMBER}.partial"}  # what a new folder may hold
_FORMER = {"raft.journal", "raft.snapshot"}  # Quorate 0.1 kept its log in these


class Membership:
    """This member, durably.

    Open it before the journal, which makes files where none were, and greet nobody before that
    is open: who knows others must have a journal.
    """

    def __init__(self, disk: Disk, member: Member, others: Collection[str]) -> None:
        """Use `open`."""
        self._disk = disk
        self._member = member
        self._others = frozenset(others)
        self._welcomed_by: set[str] = set()

    @classmethod
    def open(  # noqa: PLR0913 - each is a setting of its own
        cls,
        disk: Disk,
        *,
        cluster_id: str,
        name: str,
        others: Collection[str],
        fresh_incarnation: bytes,
        replace: bool,
    ) -> "Membership":
        """Read who this member is, or let it begin. Raises EngineStartError.

        `fresh_incarnation` is used in an empty folder only. `replace` is ignored in any other, but
        for one that has been empty since: its member is asking, and has never counted.
        """
        try:
            names = set(disk.names())
            _check_version(disk, names)
            if MEMBER in names:
                member = _recognise(disk, names, cluster_id, name)
                if replace and member.standing is Standing.ASKING:
                    # It was turned away, and is told now what it should have been told.
                    member = member.standing_as(Standing.REPLACING)
                    member_file.write(disk, member)
            else:
                standing = _first_standing(disk, names, cluster_id, name, others, replace=replace)
                member = Member(cluster_id, name, fresh_incarnation, standing)
                member_file.write(disk, member)
            if NEWBORN in names:
                disk.remove(NEWBORN)  # born only once
                disk.sync_folder()
        except MemberFileError as flaw:
            raise EngineStartError(str(flaw)) from flaw
        except OSError as flaw:
            raise EngineStartError(failure("use", f"{disk.path}/{MEMBER}", flaw)) from flaw
        return cls(disk, member, others)

    @property
    def standing(self) -> Standing:
        """Whether this member votes and counts, and why not."""
        return self._member.standing

    @property
    def counts(self) -> bool:
        """Whether this member may vote, and its copies count towards a commit."""
        return self.standing.counts

    @property
    def incarnation(self) -> bytes:
        """Of this member's disk."""
        return self._member.incarnation

    @property
    def has_met(self) -> bool:
        """Whether this member has ever spoken with another: then it has a journal."""
        return bool(self._member.known)

    def hello(self) -> Hello:
        """Return what this member says when it dials."""
        member = self._member
        return Hello(member.cluster_id, member.name, member.incarnation, member.standing)

    def greet(self, hello: Hello) -> Welcome | TurnedAway:
        """Answer a caller. Raises DiskFailure."""
        if hello.cluster_id != self._member.cluster_id:
            return TurnedAway(Refusal.WRONG_CLUSTER)
        if hello.name not in self._others:
            return TurnedAway(Refusal.NOT_A_MEMBER)
        if not self._accept(hello.name, hello.incarnation, hello.standing):
            return TurnedAway(Refusal.OTHER_INCARNATION)
        return Welcome(self._member.incarnation, self.standing)

    def welcomed(self, peer: str, welcome: Welcome) -> bool:
        """Take a peer's answer; False: it is not who we know, hang up. Raises DiskFailure."""
        if peer not in self._others:
            return False
        if not self._accept(peer, welcome.incarnation, welcome.standing):
            return False
        self._welcomed_by.add(peer)
        if self.standing in (Standing.ASKING, Standing.REPLACED) and self._all_know_us():
            self._save(self._member.standing_as(Standing.VOTER))
        return True

    def caught_up(self) -> None:
        """A member that replaces a lost disk has all that was committed: it counts from now on.

        Raises DiskFailure.
        """
        if self.standing is Standing.REPLACING:
            standing = Standing.VOTER if self._all_know_us() else Standing.REPLACED
            self._save(self._member.standing_as(standing))

    def _all_know_us(self) -> bool:
        return self._welcomed_by >= self._others

    def _accept(self, peer: str, incarnation: bytes, standing: Standing) -> bool:
        known = self._member.known.get(peer)
        if known == incarnation:
            return True
        if known is not None and not standing.is_new_disk:
            return False
        self._save(self._member.met(peer, incarnation))
        return True

    def _save(self, member: Member) -> None:
        try:
            member_file.write(self._disk, member)
        except OSError as error:
            path = f"{self._disk.path}/{MEMBER}"
            raise DiskFailure(failure("write", path, error)) from error
        self._member = member


def _check_version(disk: Disk, names: set[str]) -> None:
    if former := sorted(_FORMER & names):
        raise EngineStartError(
            f"{disk.path}/{former[0]} is of an older version of Quorate, which this one can't read;"
            " make a new cluster with `quorate init`"
        )


def _recognise(disk: Disk, names: set[str], cluster_id: str, name: str) -> Member:
    member = member_file.read(disk)
    if (member.cluster_id, member.name) != (cluster_id, name):
        raise EngineStartError(
            f"{disk.path} belongs to another node or cluster: it is {member.name!r} of"
            f" {member.cluster_id!r}, this is {name!r} of {cluster_id!r}"
        )
    if member.known and not _has_log(names):  # it was running, so it had a journal
        raise EngineStartError(f"the journal in {disk.path} is missing. {WAY_OUT}")
    return member


def _first_standing(  # noqa: PLR0913 - what `open` was given
    disk: Disk,
    names: set[str],
    cluster_id: str,
    name: str,
    others: Collection[str],
    *,
    replace: bool,
) -> Standing:
    """Tell what a member without a member file is."""
    if _has_log(names):
        raise EngineStartError(
            f"{disk.path} holds a log or a snapshot, but {MEMBER} is missing. {WAY_OUT}"
        )
    if NEWBORN in names:
        _check_newborn(disk, cluster_id, name)
        return Standing.VOTER
    if strange := sorted(name for name in names - _OURS if not name.startswith(".")):
        raise EngineStartError(
            f"{disk.path} is not empty: it holds {strange[0]}. Give this node a folder of its own"
        )
    if replace:
        return Standing.REPLACING
    return Standing.ASKING if others else Standing.VOTER


def _has_log(names: set[str]) -> bool:
    return SNAPSHOT in names or any(first_sequence(name) for name in names)


def _check_newborn(disk: Disk, cluster_id: str, name: str) -> None:
    path = f"{disk.path}/{NEWBORN}"
    try:
        marker: object = json.loads(read_whole(disk, NEWBORN, member_file.MAX_BYTES))
    except (ValueError, RecursionError):
        raise EngineStartError(f"{path} can't be read; lay it there again, or remove it") from None
    if marker != {"cluster_id": cluster_id, "name": name}:
        raise EngineStartError(f"{path} belongs to another node or cluster: {marker}")
