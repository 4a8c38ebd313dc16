"""One seed, one run: a cluster, its clients, its nemesis, the calm after, and the verdict."""

import asyncio
import contextlib
import gc
import logging
import time
from collections import Counter
from collections.abc import Callable, Collection, Generator
from dataclasses import dataclass, field
from typing import Any, NoReturn
from unittest.mock import patch

import pysyncobj.syncobj

from quorate_replication import replica
from quorate_replication.errors import FailStop
from quorate_replication.raft import proposals, replicator, streams
from quorate_replication.state import snapshot
from quorate_replication.storage import snapshot_format
from simulation.checker import check
from simulation.cluster import Cluster
from simulation.dice import dice_of, split
from simulation.history import Fate, History
from simulation.life import own_monotonic
from simulation.loop import StuckError, VirtualLoop
from simulation.nemesis import CALM_S, CHAOS_S, Nemesis
from simulation.workload import Workload

LOOK_S = 0.1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one seed."""

    seed: int
    nodes: int
    violations: list[str]
    trace_digest: str
    virtual_s: float
    real_s: float
    counts: dict[str, int]
    trace: list[str] = field(default_factory=list[str])

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.violations


def run_seed(seed: int, size: int, *, keep_trace: bool = False) -> Verdict:
    """Run one seed through."""
    began = time.perf_counter()
    with _simulated():
        gc.collect()
        gc.disable()
        try:
            return _run(seed, size, began, keep_trace=keep_trace)
        finally:
            gc.enable()


def _run(seed: int, size: int, began: float, *, keep_trace: bool) -> Verdict:
    dice = dice_of(f"{seed}/{size}")
    cluster = Cluster(size, dice, keep_all=keep_trace)
    history = History()
    workload = Workload(cluster.loop, cluster.nodes, history, split(dice))
    nemesis = Nemesis(cluster, split(dice))
    violations = list[str]()
    try:
        cluster.loop.run_until_complete(_live(cluster, workload, nemesis))
    except StuckError as flaw:
        violations.append(str(flaw))
    violations += cluster.incidents
    violations += check(history, cluster.applied, cluster.finals())
    violations += _burnt_terms(cluster.applied.leaders)
    cluster.close()
    cluster.loop.close()
    violations += cluster.loop.complaints
    return Verdict(
        seed=seed,
        nodes=size,
        violations=list(dict.fromkeys(violations)),  # each once: some go on for ever
        trace_digest=cluster.trace.digest,
        virtual_s=cluster.loop.now,
        real_s=time.perf_counter() - began,
        counts=_counts(cluster, history),
        trace=cluster.trace.lines() if keep_trace or violations else [],
    )


def _burnt_terms(leaders: Collection[int]) -> list[str]:
    """Hardly a term is begun that gets no leader: with pre-vote nobody stands without a chance."""
    last = max(leaders, default=0)
    if last <= 2 * len(leaders) + 6:
        return []
    return [f"{last} terms were begun for {len(leaders)} leaders: members stood without a chance"]


async def _live(cluster: Cluster, workload: Workload, nemesis: Nemesis) -> None:
    """Work through the trouble; then let everything become calm, and look everywhere."""
    loop = cluster.loop
    clients = loop.create_task(workload.run(CHAOS_S + 2))
    await nemesis.run()
    await clients
    deadline = loop.now + CALM_S
    await _until(lambda: cluster.healthy, loop, deadline)
    await workload.last_words(deadline)
    await _until(lambda: cluster.settled, loop, deadline)


async def _until(is_so: Callable[[], bool], loop: VirtualLoop, deadline: float) -> None:
    """Wait in virtual time: it costs nothing to look often."""
    while not is_so() and loop.now < deadline:  # noqa: ASYNC110 - many things may make it so
        await asyncio.sleep(LOOK_S)


def _counts(cluster: Cluster, history: History) -> dict[str, int]:
    counts = Counter(cluster.counts)
    for node in cluster.nodes:
        counts["snapshots written"] += node.renamed["snapshot.partial to snapshot"]
        counts["snapshots installed"] += node.renamed["snapshot.incoming to snapshot"]
    counts["acknowledged"] = len(history.told())
    counts["unknown"] = sum(call.fate is Fate.UNKNOWN for call in history.calls)
    counts["reads"] = len(history.reads)
    counts["messages"] = cluster.wires.delivered
    counts["callbacks"] = cluster.loop.callbacks
    counts["entries"] = max(cluster.applied.entries, default=0)
    counts["terms"] = max(cluster.applied.leaders, default=0)
    return dict(counts)


def _end_process(flaw: FailStop) -> NoReturn:
    raise RuntimeError(f"the process ends: {flaw}")


@contextlib.contextmanager
def _simulated() -> Generator[None]:
    """Give PySyncObj the clock of the node that asks; all else gets its clock handed in.

    A replica that ends its process must not end ours. And limits are small, so that they are met.
    """
    logging.disable(logging.CRITICAL)
    clock: Any = own_monotonic
    try:
        with (
            patch.object(pysyncobj.syncobj, "monotonicTime", clock),
            patch.object(replica, "end_process", _end_process),
            patch.multiple(streams, CHUNK_BYTES=2000),
            patch.multiple(snapshot_format, BLOCK_BYTES=3000),
            patch.multiple(snapshot, STEP_BYTES=1000, PARTICIPANTS_PER_RECORD=10),
            patch.multiple(replicator, MESSAGE_BYTES=3000, MESSAGE_ENTRIES=20, WINDOW_BYTES=12_000),
            patch.multiple(proposals, MAX_UNCOMMITTED=40),
        ):
            yield
    finally:
        logging.disable(logging.NOTSET)
