"""The state as the engine drives it: entries in, outcomes out; frozen, dumped and replaced."""

from collections.abc import Iterator

from quorate_replication.errors import FailStop
from quorate_replication.state import snapshot
from quorate_replication.state.elections import BATCH_VERSION, Elections, decode_batch
from quorate_replication.state.outcome import Outcome


class Machine:
    """Holds the state; used by the engine's thread only."""

    def __init__(self, state: Elections | None = None) -> None:
        self.state = Elections() if state is None else state

    def apply(self, entry: bytes) -> list[Outcome]:
        """Apply a committed entry.

        Bytes that are no batch change nothing, on every member alike. A batch of a newer
        format, or a defect that raises, stops the node: skipping it would diverge.

        Raises:
            FailStop: it can't be applied.
        """
        batch = decode_batch(entry)
        if batch is None:
            return []
        if batch.version > BATCH_VERSION:
            raise FailStop(
                f"the log holds a batch of version {batch.version}, newer than this program's "
                f"{BATCH_VERSION}; update it"
            )
        try:
            return self.state.apply(batch)
        except Exception as flaw:
            raise FailStop(f"the state machine raised {flaw!r}") from flaw

    def dump(self) -> Iterator[bytes]:
        """Return the state as it is now as a snapshot stream, to be drawn in any thread."""
        return snapshot.dump(self.state)
