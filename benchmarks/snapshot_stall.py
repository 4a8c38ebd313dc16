"""How long a snapshot of a large state keeps the raft thread from applying batches.

A thread plays the raft thread: once a millisecond it applies a batch of ballots and notes when.
Beside it, another thread does nothing, writes a snapshot, digests the state, or loads a snapshot.
The longest gap between two applied batches is the stall.

    python benchmarks/snapshot_stall.py --check
"""

import argparse
import gc
import json
import os
import platform
import queue
import random
import statistics
import sys
import tempfile
import threading
import time
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import pairwise
from pathlib import Path

from quorate_proto.internal import command_pb2 as pb
from quorate_replication.memory import calm_collector
from quorate_replication.state import snapshot
from quorate_replication.state.elections import Elections, FrozenElections
from quorate_replication.state.outcome import Outcome

MAX_STALL_MS = 100.0
BATCH = 20
BLOCK_BYTES = 256 << 10
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
NOW_US, END_US = 10**15, 2 * 10**15


@dataclass
class Figures:
    """What one run of one phase showed; times in milliseconds unless named otherwise."""

    longest_ms: float
    p99_ms: float
    p50_ms: float
    batches_per_s: float
    gc_longest_ms: float
    seconds: float
    freeze_ms: float | None = None
    longest_step_ms: float | None = None


@dataclass
class Report:
    """All that is printed."""

    machine: str
    voters: int
    ballots: int
    bytes_per_voter: float = 0
    bytes_per_ballot: float = 0
    snapshot_bytes: int = 0
    rss_bytes: int = 0
    full_collection_ms: float = 0
    phases: dict[str, list[Figures]] = field(default_factory=dict[str, list[Figures]])


class Load:
    """Makes up a state, and ballots without end: one in twenty goes to the large election."""

    def __init__(self, voters: int, small_elections: int) -> None:
        self.state = Elections()
        self._voters = voters
        self._dice = random.Random(1)  # noqa: S311 - the same load each time
        self._reserve = iter(self._shuffled(voters, voters + voters // 10))
        self._fresh: Iterator[int] = iter(())
        self._live = 0
        self.apply(pb.Command(set_members=pb.SetMembers(members=["n1"])))
        self._small_elections = small_elections

    def register(self) -> None:
        """Fill the roll."""
        for number in range(self._voters + self._voters // 10):
            joining = pb.RegisterVoter(
                request_id=b"r" + number.to_bytes(15, "big"),
                name=_name(number),
                group="staff",
                public_key=number.to_bytes(32, "big"),
            )
            self.apply(pb.Command(register_voter=joining))

    def cast_large(self) -> None:
        """Let everybody but the reserve vote in the large election."""
        self.create("large")
        for number in self._shuffled(0, self._voters):
            self.apply(self._ballot(number, "large"))

    def cast_small(self) -> None:
        """Let one voter vote in each small election."""
        for number in range(self._small_elections):
            self.create(f"small {number}")
            self.apply(self._ballot(number % self._voters, f"small {number}"))

    def create(self, name: str) -> None:
        """Create an election."""
        election = pb.CreateElection(
            request_id=b"c",
            bearer=_bearer(0),
            name=name,
            groups=["staff"],
            choices=["yes", "no"],
            end_us=END_US,
        )
        self.apply(pb.Command(create_election=election))

    def apply(self, *commands: pb.Command) -> None:
        """Apply a batch, all of which must be accepted."""
        batch = pb.Batch(version=1, proposer="n1", clock_us=NOW_US, commands=commands)
        outcomes = self.state.apply(batch)
        if set(outcomes) != {Outcome.ACCEPTED}:
            sys.exit(f"snapshot_stall: the load is wrong, outcomes {outcomes}")

    def apply_more(self) -> None:
        """Apply the next batch of ballots."""
        late = next(self._reserve, None)
        ballots = [] if late is None else [self._ballot(late, "large")]
        while len(ballots) < BATCH:
            number = next(self._fresh, None)
            if number is None:
                self._live += 1
                self.create(f"live {self._live}")
                self._fresh = iter(self._shuffled(0, self._voters))
            else:
                ballots.append(self._ballot(number, f"live {self._live}"))
        self.apply(*ballots)

    def _ballot(self, number: int, election: str) -> pb.Command:
        return pb.Command(
            cast_ballot=pb.CastBallot(
                request_id=b"b" + number.to_bytes(15, "big"),
                bearer=_bearer(number),
                election_name=election,
                choice="yes",
            )
        )

    def _shuffled(self, start: int, stop: int) -> "array[int]":
        numbers = array("q", range(start, stop))  # a list would be walked through by the collector
        self._dice.shuffle(numbers)
        return numbers


def _name(number: int) -> str:
    return f"voter-{number:07}"


def _bearer(number: int) -> pb.Bearer:
    return pb.Bearer(voter_name=_name(number), key_version=1)


class RaftThread(threading.Thread):
    """Applies a batch a millisecond until it is stopped, and what is asked of it in between."""

    def __init__(self, load: Load) -> None:
        super().__init__(name="raft")
        self.applied_s: list[float] = []
        self.freeze_ms: float | None = None
        self._load = load
        self._asked = threading.Event()
        self._frozen: queue.Queue[FrozenElections] = queue.Queue()
        self._over = threading.Event()

    def run(self) -> None:
        """Apply."""
        due_s = time.perf_counter()
        while not self._over.is_set():
            if self._asked.is_set():
                self._asked.clear()
                began_s = time.perf_counter()
                self._frozen.put(self._load.state.freeze())
                self.freeze_ms = 1000 * (time.perf_counter() - began_s)
            self._load.apply_more()
            now_s = time.perf_counter()
            self.applied_s.append(now_s)
            due_s = max(due_s + 0.001, now_s)
            time.sleep(due_s - now_s)

    def freeze(self) -> FrozenElections:
        """Return the state, frozen between two batches (called by other threads)."""
        self._asked.set()
        return self._frozen.get()

    def stop(self) -> None:
        """End after this batch."""
        self._over.set()
        self.join()


Job = Callable[[RaftThread, Path], Iterator[None]]


def nothing(_raft: RaftThread, _file: Path) -> Iterator[None]:
    """Only wait."""
    for _ in range(30):
        time.sleep(0.1)
        yield


def dump(raft: RaftThread, file: Path) -> Iterator[None]:
    """Write a snapshot as the node does: blocks to a file, then a sync."""
    frozen = raft.freeze()
    with file.open("wb", buffering=0) as out:
        block = bytearray()
        for frame in snapshot.dump(frozen):
            block += frame
            if len(block) >= BLOCK_BYTES:
                out.write(block)
                block.clear()
                yield
        out.write(block)
        os.fsync(out.fileno())
    yield from frozen.dismantle()


def digest(raft: RaftThread, _file: Path) -> Iterator[None]:
    """Digest the state."""
    frozen = raft.freeze()
    snapshot.digest(frozen)
    yield from frozen.dismantle()


def load(_raft: RaftThread, file: Path) -> Iterator[None]:
    """Load the snapshot, as if it had come from the leader, and let go of it again."""
    with file.open("rb", buffering=0) as source:
        state = yield from snapshot.load_steps(iter(lambda: source.read(BLOCK_BYTES), b""))
    frozen = state.freeze()
    del state
    yield from frozen.dismantle()


PHASES: dict[str, Job] = {"nothing": nothing, "dump": dump, "digest": digest, "load": load}


def measure(work: Load, job: Job, file: Path) -> Figures:
    """Run a job in this thread beside a raft thread."""
    pauses_s: list[float] = []
    began_s = [0.0]

    def note(phase: str, _info: dict[str, int]) -> None:
        if phase == "start":
            began_s[0] = time.perf_counter()
        else:
            pauses_s.append(time.perf_counter() - began_s[0])

    gc.callbacks.append(note)
    raft = RaftThread(work)
    raft.start()
    started_s = step_s = time.perf_counter()
    longest_step_s = 0.0
    for _ in job(raft, file):
        now_s = time.perf_counter()
        longest_step_s, step_s = max(longest_step_s, now_s - step_s), now_s
    seconds = time.perf_counter() - started_s
    raft.stop()
    gc.callbacks.remove(note)
    at_s = raft.applied_s
    gaps_ms = sorted(1000 * (after - before) for before, after in pairwise(at_s))
    return Figures(
        longest_ms=gaps_ms[-1],
        p99_ms=gaps_ms[int(0.99 * len(gaps_ms))],
        p50_ms=statistics.median(gaps_ms),
        batches_per_s=len(at_s) / seconds,
        gc_longest_ms=1000 * max(pauses_s, default=0.0),
        seconds=seconds,
        freeze_ms=raft.freeze_ms,
        longest_step_ms=1000 * longest_step_s,
    )


def machine() -> str:
    """Return what this ran on."""
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    cpu = next((line.split(":")[1].strip() for line in info if line.startswith("model name")), "?")
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{cpu}, {os.cpu_count()} cores, {platform.system()} {platform.release()}, {python}"


def rss_bytes() -> int:
    """Return how much memory this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * PAGE_BYTES


def run(options: argparse.Namespace) -> Report:
    """Build the state, then run every phase so many times."""
    report = Report(machine(), options.voters, options.voters)
    work = Load(options.voters, options.elections)
    before = rss_bytes()
    work.register()
    registered = rss_bytes()
    report.bytes_per_voter = (registered - before) / len(work.state.roll)
    work.cast_large()
    report.bytes_per_ballot = (rss_bytes() - registered) / options.voters
    work.cast_small()
    began_s = time.perf_counter()
    gc.collect()
    report.full_collection_ms = 1000 * (time.perf_counter() - began_s)
    if not options.no_calm:
        calm_collector()
    sys.setswitchinterval(options.switch_ms / 1000)
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        file = Path(folder, "snapshot")
        for _ in range(options.runs):
            for name, job in PHASES.items():
                report.phases.setdefault(name, []).append(measure(work, job, file))
        report.snapshot_bytes = file.stat().st_size
    report.rss_bytes = rss_bytes()
    return report


def table(report: Report) -> Iterator[str]:
    """Yield the lines to print: of each figure its median and range."""
    yield f"{report.machine}"
    yield (
        f"{report.voters:,} voters ({report.bytes_per_voter:.0f} bytes each), as many ballots in "
        f"one election ({report.bytes_per_ballot:.0f} bytes each), snapshot of "
        f"{report.snapshot_bytes / 1e6:.0f} MB, process of {report.rss_bytes / 1e6:.0f} MB, "
        f"full collection {report.full_collection_ms:.0f} ms"
    )
    for phase, figures in report.phases.items():
        yield phase
        for name in asdict(figures[0]):
            values = [value for each in figures if (value := asdict(each)[name]) is not None]
            if values:
                middle = statistics.median(values)
                yield f"  {name:16} {middle:10.2f}   [{min(values):.2f} .. {max(values):.2f}]"


def main() -> None:
    """Run it as a program."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--voters", type=int, default=1_000_000, help="and as many ballots")
    parser.add_argument("--elections", type=int, default=9_000, help="small ones besides")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--switch-ms", type=float, default=1000 * sys.getswitchinterval())
    parser.add_argument("--no-calm", action="store_true", help="leave the collector as it is")
    parser.add_argument("--folder", help="where to write the snapshot")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true", help=f"fail over {MAX_STALL_MS:.0f} ms")
    options = parser.parse_args()
    report = run(options)
    if options.json:
        sys.stdout.write(json.dumps(asdict(report), indent=2) + "\n")
    else:
        sys.stdout.writelines(f"{line}\n" for line in table(report))
    longest_ms = max(figures.longest_ms for figures in report.phases["dump"])
    if options.check and longest_ms > MAX_STALL_MS:
        sys.exit(f"snapshot_stall: {longest_ms:.0f} ms, more than {MAX_STALL_MS:.0f} ms")


if __name__ == "__main__":
    main()
