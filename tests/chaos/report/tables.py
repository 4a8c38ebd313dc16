"""The tables of the report for people, whoever shows them: what they say and in which order."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from chaos.records import CHANGES, Kind, Run, Verdict
from chaos.report.document import MOST_VIOLATIONS
from chaos.report.figures import CallFigures, Figures
from chaos.report.spells import FaultFigures, Spell

LONGEST_CELL = 400  # characters: a violation may quote a whole history
SHORT_DIGEST = 16  # hex digits


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a `heading` for those below it has one cell, a `broken` one tells of a failure."""

    cells: tuple[str, ...]
    look: Literal["", "heading", "broken"] = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A titled table: the first `words` columns hold words, the others numbers."""

    title: str
    columns: tuple[str, ...]  # none: the table has no head
    rows: tuple[Row, ...]
    words: int = 1
    note: str = ""


def headline(verdict: Verdict) -> tuple[str, str]:
    """Say the verdict in one word, and in one sentence."""
    if verdict.good:
        return "PASSED", "every promise was kept"
    count = len(verdict.violations)
    return "FAILED", f"{_many(count, 'violation')} of what the cluster promises"


def notes(run: Run, verdict: Verdict, numbers: Figures) -> list[str]:
    """Say what makes the verdict weaker than it looks."""
    said: list[str] = []
    if run.stopped:
        said.append(f"stopped early, after {numbers.lasted_s:.0f} s: {run.stopped}")
    if not numbers.ballots:
        said.append("no ballot was acknowledged: this run proves nothing")
    if not run.faults:
        said.append("no fault was made: this run shows the calm only")
    if numbers.silent:
        said.append(f"without a last word, so not compared: {', '.join(numbers.silent)}")
    if verdict.undecided:
        histories = "history was" if verdict.undecided == 1 else "histories were"
        said.append(f"{verdict.undecided:,} {histories} too large to be checked")
    return said


def tables(run: Run, verdict: Verdict, numbers: Figures) -> list[Table]:
    """Lay all but the violations out; a table that would be empty is not there."""
    laid_out = [
        _run(run, numbers),
        _promises(verdict, numbers),
        _faults(numbers),
        _left_out(run),
        _calls(numbers),
        _rejected(numbers),
        _nodes(run),
    ]
    return [table for table in laid_out if table.rows]


def violations(verdict: Verdict) -> list[Table]:
    """Lay the violations out: one table, or none."""
    shown = verdict.violations[:MOST_VIOLATIONS]
    rows = tuple(Row((violation.rule, _short(violation.what)), "broken") for violation in shown)
    more = len(verdict.violations) - len(shown)
    note = f"and {more:,} more" if more else ""
    table = Table("Violations", ("rule", "what was seen"), rows, words=2, note=note)
    return [table] if rows else []


def _run(run: Run, numbers: Figures) -> Table:
    facts = {
        "seed": str(run.seed),
        "command": run.command or "-",
        "machine": run.machine,
        "nodes": ", ".join(run.nodes),
        "length": f"{numbers.lasted_s:,.1f} s (asked for: {run.seconds:,.0f} s)",
        "throughput": f"{numbers.throughput:,.1f} acknowledged changes/s",
    }
    return Table("Run", (), tuple(Row(fact) for fact in facts.items()), words=2)


def _promises(verdict: Verdict, numbers: Figures) -> Table:
    checked = f"{verdict.histories:,} checked, {verdict.undecided:,} undecided"
    asked = f"{numbers.unknown:,}, of which {numbers.resolved:,} were resolved by asking again"
    rows = (
        Row(("ballots acknowledged", f"{numbers.ballots:,}")),
        _promise("of these lost", verdict.lost),
        _promise("doubled", verdict.doubled),
        Row(("changes without an answer", asked)),
        _promise("ballots unresolved at the end", verdict.unresolved),
        Row(("histories (linearizability)", checked)),
        _digests(numbers),
    )
    return Table("Promises", (), rows, words=2)


def _promise(what: str, broken: int) -> Row:
    return Row((what, f"{broken:,}  BROKEN"), "broken") if broken else Row((what, "0"))


def _digests(numbers: Figures) -> Row:
    if numbers.digests_equal:
        return Row(("digests", "equal on all nodes"))
    if len(numbers.digests) > 1:
        return Row(("digests", "DIFFERENT: see the nodes"), "broken")
    return Row(("digests", f"not known of {', '.join(numbers.silent)}"))


def _faults(numbers: Figures) -> Table:
    spells = numbers.spells
    rows = [Row(("no fault: calm", "", "", *_spell(spells.calm, "")))]
    for heading, majority in (("a majority at work", True), ("no majority", False)):
        faults = [fault for fault in spells.faults if fault.majority == majority]
        if faults:
            rows += [Row((heading,), "heading"), *map(_fault, faults)]
    times = sum(fault.times for fault in spells.faults)
    seconds = sum(fault.seconds for fault in spells.faults)
    rows += [
        Row(("in all",), "heading"),
        Row(("whole run", f"{times:,}", f"{seconds:,.1f}", *_spell(spells.whole, ""))),
    ]
    return Table(
        "Faults, and how the service did meanwhile (seconds)",
        ("fault", "times", "lasted", "pause", "alone", "casts", "median", "99 %", "longest"),
        tuple(rows),
        note="pause: the longest time that changes were under way and none was acknowledged, from "
        "the fault's start to the service's return; alone: with no other kind of fault on. Then "
        "the casts acknowledged meanwhile, repeated ones too, and how long they took. Faults at "
        "the same time share pauses and casts.",
    )


def _fault(fault: FaultFigures) -> Row:
    spell = _spell(fault.spell, _pause(fault.alone_s))
    return Row((fault.kind, f"{fault.times:,}", f"{fault.seconds:,.1f}", *spell))


def _pause(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds:.2f}"


def _spell(spell: Spell, alone: str) -> Iterator[str]:
    yield from (_pause(spell.pause_s), alone)
    if spell.latency is None:
        yield from ("0", "-", "-", "-")
        return
    yield f"{spell.latency.casts:,}"
    for seconds in (spell.latency.median_s, spell.latency.p99_s, spell.latency.longest_s):
        yield f"{seconds:.3f}"


def _left_out(run: Run) -> Table:
    rows = tuple(Row(reason) for reason in run.left_out.items())
    return Table("Faults left out", ("fault", "why"), rows, words=2)


def _calls(numbers: Figures) -> Table:
    return Table(
        "Calls",
        ("call", "calls", "acknowledged", "rejected", "answered", "not done", "unknown"),
        tuple(_call(kind, call) for kind, call in numbers.calls.items()),
    )


def _call(kind: Kind, call: CallFigures) -> Row:
    if kind in CHANGES:
        answers = (f"{call.acknowledged:,}", f"{call.rejected:,}", "")
    else:
        answers = ("", "", f"{call.answered:,}")
    return Row((kind, f"{call.calls:,}", *answers, f"{call.not_done:,}", f"{call.unknown:,}"))


def _rejected(numbers: Figures) -> Table:
    rows = (Row((kind, why, f"{count:,}")) for (kind, why), count in numbers.rejected.items())
    return Table("Rejected", ("call", "why", "times"), tuple(rows), words=2)


def _nodes(run: Run) -> Table:
    rows = tuple(
        Row(
            (
                final.node,
                final.digest[:SHORT_DIGEST],
                f"{final.applied_index:,}",
                f"{sum(sum(counts.values()) for counts in final.results.values()):,}",
            )
        )
        for final in run.finals
    )
    columns = ("node", "digest", "applied index", "ballots in its results")
    return Table("Nodes at the end", columns, rows, words=2)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST_CELL else text[: LONGEST_CELL - 1] + "…"


def _many(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"
