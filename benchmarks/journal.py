"""The journal beside plain writes of the same bytes: what do checksums and numbering cost?

Run it with the folder to write into, on the disk that is to be judged:
`python benchmarks/journal.py FOLDER`. Each figure is the median of several runs, then their range.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from quorate_replication.storage.journal import Journal
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.messages import Entry

RUNS = 7
RECOVERED_ENTRIES = 200_000


def journal_run(batch: int, size: int, flushes: int, folder: Path) -> float:
    """Return seconds per flush of `batch` entries of `size` bytes."""
    journal = Journal.open(OsDisk(folder))
    command = os.urandom(size)
    begin = time.perf_counter()
    for _ in range(flushes):
        for _ in range(batch):
            journal.append(Entry(command, journal.last_index + 1, 1))
        journal.sync()
    took = time.perf_counter() - begin
    journal.close()
    return took / flushes


def plain_run(batch: int, size: int, flushes: int, folder: Path) -> float:
    """Return seconds per write and fdatasync of as many bytes."""
    data = os.urandom(batch * (size + 45))
    descriptor = os.open(folder / "plain", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    begin = time.perf_counter()
    for _ in range(flushes):
        os.write(descriptor, data)
        os.fdatasync(descriptor)
    took = time.perf_counter() - begin
    os.close(descriptor)
    return took / flushes


def recovery_run(folder: Path) -> float:
    """Return seconds to open a journal of many entries."""
    journal = Journal.open(OsDisk(folder))
    for index in range(1, RECOVERED_ENTRIES + 1):
        journal.append(Entry(bytes(150), index, 1))
        if index % 1000 == 0:
            journal.sync()
    journal.close()
    begin = time.perf_counter()
    Journal.open(OsDisk(folder)).close()
    return time.perf_counter() - begin


def measure(runs: int, run: Callable[[Path], float], where: Path) -> list[float]:
    """Return what each run returns, each in a folder of its own."""
    results: list[float] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(dir=where) as folder:
            results.append(run(Path(folder)))
    return results


def line(what: str, seconds: list[float], unit: str, scale: float) -> str:
    """Return a figure with its range."""
    low, middle, high = min(seconds), statistics.median(seconds), max(seconds)
    return f"{what:44}{middle * scale:9.2f} {unit} ({low * scale:.2f} to {high * scale:.2f})"


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")


def main() -> None:
    """Measure and print."""
    where = Path(sys.argv[1])
    say(f"{platform.platform()}, {os.cpu_count()} CPUs, Python {platform.python_version()}")
    for batch, size, flushes in ((1, 500, 400), (100, 150, 200), (400, 150, 100)):
        what = f"{batch} x {size} B"
        ours: list[float] = []
        plain: list[float] = []
        for _ in range(RUNS):  # by turns: the disk's mood changes
            ours += measure(1, partial(journal_run, batch, size, flushes), where)
            plain += measure(1, partial(plain_run, batch, size, flushes), where)
        say(line(f"append and sync {what}", ours, "us", 1e6))
        say(line(f"plain write and fdatasync {what}", plain, "us", 1e6))
        say(line("  times as long", [a / b for a, b in zip(ours, plain, strict=True)], "", 1))
    seconds = measure(3, recovery_run, where)
    say(line(f"recover {RECOVERED_ENTRIES} entries of 150 B", seconds, "s ", 1))


if __name__ == "__main__":
    main()
