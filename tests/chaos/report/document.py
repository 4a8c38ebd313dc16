"""The report for programs."""

from dataclasses import asdict

from chaos.records import Run, Verdict
from chaos.report.figures import Figures, figures
from chaos.report.spells import FaultFigures, Latency, Spell

VERSION = 1
MOST_VIOLATIONS = 50  # that are shown one by one; the others are only counted


def document(run: Run, verdict: Verdict) -> dict[str, object]:
    """Make the JSON document: these keys are always there, whatever happened.

    - `version`: 1; another one if a key changes its meaning or goes
    - `passed`: no promise was broken
    - `seed`, `command` (replays the schedule), `machine`, `nodes` (names), `seconds` (that the run
      was to take), `lasted_s` (to the end of the last call or fault), `stopped` (why it ended
      early, or null)
    - `faults`: `done`, a list of `kind`, `majority` (one could work all the while), `times`,
      `seconds` (together), `longest_pause_s`, `longest_pause_alone_s` (no other kind had a part
      in it) and `latency`; `left_out`, an object of kind: why
    - `calm`, `whole`: `longest_pause_s` and `latency`, while no fault was on and in all
    - `calls`: by kind: `calls`, `acknowledged`, `rejected`, `answered`, `not_done`, `unknown`
    - `acknowledged` (changes), `throughput_per_s` (of them), `rejected` (kind: why: how many)
    - `ballots`: `acknowledged` (each once), `lost`, `doubled`, `unresolved`
    - `unknown`: `changes` that got no answer, and `resolved`, by asking again
    - `linearizability`: `histories` that were decided, and `undecided` ones
    - `digests`: `equal`, `silent` (nodes without a last word), and `nodes`, by name:
      `applied_index`, `digest` (hex), `ballots` (in its results)
    - `violations`: `count`, and the `first` 50: `rule` and `what`

    A latency is null or, of the casts that were acknowledged, repeated ones too: `casts` (how
    many), `median_s`, `p99_s` and `longest_s`. A pause is null where no change was under way (what
    counts as a pause: `chaos.report.pauses`).
    """
    numbers = figures(run)
    return {
        "version": VERSION,
        "passed": verdict.good,
        "seed": run.seed,
        "command": run.command,
        "machine": run.machine,
        "nodes": list(run.nodes),
        "seconds": run.seconds,
        "lasted_s": round(numbers.lasted_s, 3),
        "stopped": run.stopped or None,
        "faults": {
            "done": [_fault(fault) for fault in numbers.spells.faults],
            "left_out": dict(run.left_out),
        },
        "calm": _spell(numbers.spells.calm),
        "whole": _spell(numbers.spells.whole),
        "calls": {kind: asdict(call) for kind, call in numbers.calls.items()},
        "acknowledged": numbers.acknowledged,
        "throughput_per_s": round(numbers.throughput, 3),
        "rejected": _rejected(numbers),
        **_found(run, verdict, numbers),
    }


def _found(run: Run, verdict: Verdict, numbers: Figures) -> dict[str, object]:
    return {
        "ballots": {
            "acknowledged": numbers.ballots,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "unresolved": verdict.unresolved,
        },
        "unknown": {"changes": numbers.unknown, "resolved": numbers.resolved},
        "linearizability": {"histories": verdict.histories, "undecided": verdict.undecided},
        "digests": {
            "equal": numbers.digests_equal,
            "silent": list(numbers.silent),
            "nodes": {
                final.node: {
                    "applied_index": final.applied_index,
                    "digest": final.digest,
                    "ballots": sum(sum(counts.values()) for counts in final.results.values()),
                }
                for final in run.finals
            },
        },
        "violations": {
            "count": len(verdict.violations),
            "first": [
                {"rule": violation.rule, "what": violation.what}
                for violation in verdict.violations[:MOST_VIOLATIONS]
            ],
        },
    }


def _fault(fault: FaultFigures) -> dict[str, object]:
    return {
        "kind": fault.kind,
        "majority": fault.majority,
        "times": fault.times,
        "seconds": round(fault.seconds, 3),
        **_spell(fault.spell),
        "longest_pause_alone_s": _pause(fault.alone_s),
    }


def _spell(spell: Spell) -> dict[str, object]:
    return {"longest_pause_s": _pause(spell.pause_s), "latency": _latency(spell.latency)}


def _pause(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _latency(latency: Latency | None) -> dict[str, object] | None:
    if latency is None:
        return None
    return {
        "casts": latency.casts,
        "median_s": round(latency.median_s, 6),
        "p99_s": round(latency.p99_s, 6),
        "longest_s": round(latency.longest_s, 6),
    }


def _rejected(numbers: Figures) -> dict[str, dict[str, int]]:
    rejected: dict[str, dict[str, int]] = {}
    for (kind, why), count in numbers.rejected.items():
        rejected.setdefault(kind, {})[why] = count
    return rejected
