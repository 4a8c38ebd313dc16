"""A member's disk, opened: in this order, because each step relies on the one before."""

import logging
import random
from dataclasses import dataclass

from quorate_replication.errors import DiskFailure, EngineStartError
from quorate_replication.machine import Machine
from quorate_replication.options import RaftOptions
from quorate_replication.state.snapshot import SnapshotError, load
from quorate_replication.storage.align import align
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.journal import Journal, JournalError
from quorate_replication.storage.membership import Membership
from quorate_replication.storage.snapshots import SnapshotDamaged, SnapshotStore
from quorate_replication.wire.messages import Standing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Opened:
    """What is on a member's disk."""

    membership: Membership
    store: SnapshotStore
    journal: Journal
    """Aligned to the snapshot."""
    machine: Machine
    """The state of the snapshot."""


def open_disk(options: RaftOptions, disk: Disk, dice: random.Random, segment_bytes: int) -> Opened:
    """Find out who this member is, and read its snapshot and its log.

    Raises:
        EngineStartError: the folder is another's, damaged, or can't be used.
    """
    try:
        membership = Membership.open(
            disk,
            cluster_id=options.cluster_id,
            name=options.name,
            others=options.peers.keys() - {options.name},
            fresh_incarnation=dice.randbytes(16),
            replace=options.replace,
        )
        if options.replace and membership.standing is Standing.VOTER:
            log.warning("--replace has no effect: %s is not empty, it is a voter's", disk.path)
        store = SnapshotStore(disk)
        store.clean()
        header = store.header()
        journal = Journal.open(
            disk,
            key=membership.incarnation,
            segment_bytes=segment_bytes,
            must_exist=membership.has_met,
        )
        align(journal, header, disk.path)
        machine = Machine() if header is None else Machine(load(store.stream()))
    except (JournalError, SnapshotDamaged, SnapshotError) as flaw:
        raise EngineStartError(str(flaw)) from flaw
    except (OSError, DiskFailure) as flaw:
        raise EngineStartError(f"cannot use the data in {disk.path}: {flaw}") from flaw
    return Opened(membership, store, journal, machine)
