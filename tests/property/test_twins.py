"""Replicas that read one log are equal after every entry, however each of them has lived."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

from hypothesis import given, note, settings
from hypothesis import strategies as st

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.state.elections import Elections, decode_batch
from quorate_replication.state.snapshot import digest, dump

from .strategies import MEMBERS, NOON, beginning, commands, drifts, memberships, with_tokens

TWIN = Path(__file__).with_name("twin.py")

batches = st.builds(
    pb.Batch,
    version=st.just(1),
    proposer=st.sampled_from(MEMBERS),
    clock_us=drifts.map(NOON.__add__),
    commands=st.lists(st.one_of(commands, commands, commands, memberships), max_size=6),
)


def live_here(log: list[pb.Batch]) -> tuple[list[bytes], list[str], str]:
    """Return the log's entries with valid tokens, what each of them did, and the last snapshot."""
    state = Elections()

    def version_of(name: str) -> int:
        voter = state.roll.get(name)
        return 0 if voter is None else voter.key_version

    entries: list[bytes] = []
    lines: list[str] = []
    for batch in log:
        wishes = [with_tokens(command, version_of) for command in batch.commands]
        ready = pb.Batch(
            version=1, proposer=batch.proposer, clock_us=batch.clock_us, commands=wishes
        )
        entries.append(ready.SerializeToString())
        decoded = decode_batch(entries[-1])
        assert decoded is not None
        outcomes = state.apply(decoded)
        lines.append(" ".join([digest(state).hex(), *(outcome.name for outcome in outcomes)]))
    return entries, lines, b"".join(dump(state)).hex()


def live_elsewhere(snapshot: str, entries: list[bytes], hash_seed: int) -> tuple[list[str], str]:
    """Return what the entries did in a process of its own, and the snapshot it left."""
    done = subprocess.run(
        [sys.executable, TWIN],
        input="\n".join([snapshot, *(entry.hex() for entry in entries)]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
    )
    assert done.returncode == 0, done.stderr
    *lines, last_snapshot = done.stdout.split("\n")
    return lines, last_snapshot


@settings(max_examples=max(1, settings().max_examples // 2))
@given(
    log=st.lists(batches, min_size=1, max_size=20),
    repeated=st.lists(st.integers(0, 20), max_size=10),
    restarts=st.sets(st.integers(1, 30), max_size=2),
    hash_seed=st.integers(1, 2**32 - 3),
)
def test_a_twin_with_another_hash_seed_that_restarts_from_snapshots_is_equal_after_every_entry(
    log: list[pb.Batch], repeated: list[int], restarts: set[int], hash_seed: int
) -> None:
    log = [beginning(members=3), *log]
    log += [log[number % len(log)] for number in repeated]
    entries, here, last_snapshot = live_here(log)
    stops = sorted({0, len(entries), *(stop for stop in restarts if stop < len(entries))})
    there: list[str] = []
    snapshot = ""
    for life, (start, stop) in enumerate(pairwise(stops)):
        lines, snapshot = live_elsewhere(snapshot, entries[start:stop], hash_seed + life)
        there += lines
    note(f"lives end after {stops[1:]}")
    assert there == here
    assert snapshot == last_snapshot
