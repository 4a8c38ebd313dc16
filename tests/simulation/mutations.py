"""Guards of the production code, each turned off: does the simulation notice?

A guard whose absence no seed reveals is either not needed, or not tested. `python -m
simulation.mutations --all` prints the table for the documentation: for each guard after how many
seeds the first violation was found, and which.
"""

import argparse
import sys

from simulation.mutation import MUTATIONS
from simulation.run import verdicts

__all__ = ["MUTATIONS"]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="simulation.mutations", description=__doc__)
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument("names", nargs="*", help="or only these")
    parser.add_argument("--seeds", type=int, default=1000, help="at most so many for each")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    options = parser.parse_args()
    _print("| guard | mutation | seeds until found | found as | terms a run |")
    _print("|---|---|---|---|---|")
    for name in MUTATIONS if options.all else options.names:
        _print(row(name, options.seeds, options.jobs))


def row(name: str, seeds: int, workers: int) -> str:
    """Run seeds without a guard until something is found; return a line of the table."""
    jobs = [(seed, (3, 5)[seed % 2]) for seed in range(1, seeds + 1)]
    tried = terms = 0
    found = ("not found", "")
    for verdict in verdicts(jobs, workers, name, keep=False):
        tried += 1
        terms += verdict.counts.get("terms", 0)
        if not verdict.ok:
            found = (str(tried), verdict.violations[0][:110])
            break
    cells = (MUTATIONS[name].guard, f"`{name}`", *found, f"{terms / max(1, tried):.1f}")
    return f"| {' | '.join(cells)} |"


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
