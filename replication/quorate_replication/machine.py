"""The state as the engine drives it: entries in, outcomes out; dumped to a file and loaded."""

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from typing import NoReturn

from quorate_replication.state import snapshot
from quorate_replication.state.elections import BATCH_VERSION, Elections, decode_batch
from quorate_replication.state.outcome import Outcome

log = logging.getLogger(__name__)

EXIT_FAIL_STOP = 70
"""The exit status of a node that stopped itself rather than diverge (sysexits: EX_SOFTWARE)."""


def fail_stop(why: str) -> NoReturn:
    """End this process at once: a node that may be wrong must not go on.

    The log is on disk; the others go on without us.
    """
    log.critical("fail-stop: %s", why, exc_info=sys.exc_info()[1])
    logging.shutdown()
    os._exit(EXIT_FAIL_STOP)


class Machine:
    """Holds the state; used by the engine's thread only."""

    def __init__(self) -> None:
        self.state = Elections()

    def apply(self, entry: bytes) -> list[Outcome]:
        """Apply a committed entry.

        Bytes that are no batch change nothing, on every member alike. A batch of a newer
        format, or a defect that raises, stops the node: skipping it would diverge.
        """
        batch = decode_batch(entry)
        if batch is None:
            return []
        if batch.version > BATCH_VERSION:
            fail_stop(
                f"the log holds a batch of version {batch.version}, newer than this program's "
                f"{BATCH_VERSION}; update it"
            )
        try:
            return self.state.apply(batch)
        except Exception:  # noqa: BLE001 - whatever it is, going on would diverge
            fail_stop("the state machine raised")

    def dump(self) -> Iterator[bytes]:
        """Yield the state as a snapshot stream."""
        return snapshot.dump(self.state)

    def load(self, chunks: Iterable[bytes]) -> None:
        """Replace the state by a snapshot's. Raises SnapshotError."""
        self.state = snapshot.load(chunks)
