"""Runs seeds over all cores: `python -m simulation.run --seeds 1000 --nodes 3`, in `tests/`.

Ends with status 1 at a violation, and says how to replay it. With `--mutation` one guard of the
production code is off: then a violation is what is hoped for, and the first one ends the run.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from functools import partial
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from simulation import mutated_raft, mutated_storage
from simulation.mutation import MUTATIONS
from simulation.scenario import Verdict, run_seed

_SOURCES = (mutated_storage, mutated_raft)  # importing them registers their mutations
EVERY_S = 30.0
"""Between two lines of progress where there is no terminal."""
TRACE_LINES = 80


def judge(job: tuple[int, int], mutation: str | None = None, *, keep: bool = False) -> Verdict:
    """Run one seed in a worker."""
    seed, nodes = job
    with MUTATIONS[mutation].off() if mutation else nullcontext():
        return run_seed(seed, nodes, keep_trace=keep)


def verdicts(
    jobs: list[tuple[int, int]], workers: int, mutation: str | None, *, keep: bool
) -> Iterator[Verdict]:
    """Run all seeds; yield each as it is judged, in order."""
    work = partial(judge, mutation=mutation, keep=keep)
    if workers == 1 or len(jobs) == 1:
        yield from map(work, jobs)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, max_tasks_per_child=200)
    try:
        yield from pool.map(work, jobs)
    finally:
        pool.shutdown(cancel_futures=True)


def main() -> None:
    """Parse the command line and run."""
    options = _options()
    if os.environ.get("PYTHONHASHSEED") != "0":  # nothing may depend on it; but if it did...
        arguments = [sys.executable, "-m", "simulation.run", *sys.argv[1:]]
        os.execve(sys.executable, arguments, {**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S606 - ourselves
    began = time.monotonic()
    seeds = range(options.first, options.first + options.seeds)
    sizes = [3, 5] if options.nodes == "both" else [int(options.nodes)]
    jobs = list(zip(seeds, cycle(sizes), strict=False))
    found, totals = list[Verdict](), Counter[str]()
    for verdict in _with_progress(
        verdicts(jobs, options.jobs, options.mutation, keep=options.trace),
        len(jobs),
        quiet=options.json,
    ):
        totals.update(verdict.counts)
        totals["seeds"] += 1
        totals["virtual seconds"] += int(verdict.virtual_s)
        if options.trace:
            _print(verdict.trace)
        if not verdict.ok:
            found.append(verdict)
            if not options.json:
                _report(verdict, options.mutation, with_trace=not options.trace)
            if options.mutation:
                break
    totals["real seconds"] = int(time.monotonic() - began)
    _summarise(totals, found, as_json=options.json)
    sys.exit(1 if found else 0)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="simulation.run", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--nodes", choices=("3", "5", "both"), default="both", help="how many")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument(
        "--mutation", choices=sorted(MUTATIONS), metavar="NAME", help="turn this guard off"
    )
    parser.add_argument("--trace", action="store_true", help="print everything that happens")
    parser.add_argument("--json", action="store_true", help="one JSON object in the end")
    options = parser.parse_args()
    if options.seeds < 1 or options.jobs < 1:
        parser.error("--seeds and --jobs must be at least 1")
    if options.seed is not None:
        options.first, options.seeds = options.seed, 1
    return options


def _with_progress(judged: Iterator[Verdict], total: int, *, quiet: bool) -> Iterator[Verdict]:
    console = Console(stderr=True)
    if quiet or total == 1:
        yield from judged
    elif console.is_terminal:
        columns = (
            TextColumn("simulating"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as progress:
            yield from progress.track(judged, total=total)
    else:
        yield from _with_lines(judged, total)


def _with_lines(judged: Iterator[Verdict], total: int) -> Iterator[Verdict]:
    due = time.monotonic() + EVERY_S
    for number, verdict in enumerate(judged, 1):
        if time.monotonic() >= due:
            due = time.monotonic() + EVERY_S
            sys.stderr.write(f"{number} of {total} seeds\n")
            sys.stderr.flush()
        yield verdict


def _report(verdict: Verdict, mutation: str | None, *, with_trace: bool) -> None:
    if with_trace:
        _print(verdict.trace[-TRACE_LINES:])
    head = f"seed {verdict.seed}, {verdict.nodes} nodes: {len(verdict.violations)} violations"
    _print([head, *(f"  {violation}" for violation in verdict.violations[:20])])
    again = f"make simulate SEED={verdict.seed} NODES={verdict.nodes}"
    _print([f"replay: {again}{f' MUTATION={mutation}' if mutation else ''} TRACE=1"])


def _summarise(totals: Counter[str], found: list[Verdict], *, as_json: bool) -> None:
    if as_json:
        failed = [{"seed": v.seed, "nodes": v.nodes, "violations": v.violations} for v in found]
        _print([json.dumps({"totals": totals, "failed": failed}, indent=2, sort_keys=True)])
        return
    hours = totals["virtual seconds"] / 3600
    head = f"{totals['seeds']} seeds, {hours:.1f} virtual hours in {totals['real seconds']} s"
    _print([f"{head}: {len(found)} seeds with violations"])
    for line in _LINES:
        _print(["  " + ", ".join(f"{totals[name]} {name}" for name in line)])


_LINES = (
    ("acknowledged", "unknown", "reads", "entries", "messages"),
    ("killed", "power cut", "stopped", "failed", "partitions", "disk faults"),
    ("disks lost", "disks replaced", "elections", "snapshots written", "snapshots installed"),
)


def _print(lines: list[str]) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))
    main()
