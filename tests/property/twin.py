"""One life of a replica: a snapshot and log entries in, outcomes, digests and a snapshot out.

Standard input, in hexadecimal: a line with the snapshot to begin from (empty: from nothing),
then a line for each log entry. Standard output: for each entry the state's digest and the
outcomes, then a line with the snapshot at the end.
"""

import sys

from quorate_replication.state.elections import Elections, decode_batch
from quorate_replication.state.snapshot import digest, dump, load


def live(snapshot: bytes, entries: list[bytes]) -> list[str]:
    """Return the lines that this life writes."""
    state = load([snapshot]) if snapshot else Elections()
    lines: list[str] = []
    for entry in entries:
        batch = decode_batch(entry)
        outcomes = [] if batch is None else state.apply(batch)
        lines.append(" ".join([digest(state).hex(), *(outcome.name for outcome in outcomes)]))
    return [*lines, b"".join(dump(state)).hex()]


def main() -> None:
    """Live once."""
    snapshot, *entries = (bytes.fromhex(line) for line in sys.stdin.read().split("\n"))
    sys.stdout.write("\n".join(live(snapshot, entries)))


if __name__ == "__main__":
    main()
