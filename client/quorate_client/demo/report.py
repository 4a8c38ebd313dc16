"""The end of the demo: a table for people, a document for programs."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from rich.table import Table
from rich.text import Text

from quorate_client.cli.output import printable
from quorate_client.demo.checker import CLOSED, NodeAnswer, Told
from quorate_client.up.console import PatientConsole


@dataclass(frozen=True, slots=True)
class Report:
    """What happened. `killed`: the node; times in seconds; `problems`: empty if all is well."""

    voters: int
    seed: int
    choices: tuple[str, ...]
    told: Told
    answers: Mapping[str, NodeAnswer]
    problems: tuple[str, ...]
    killed: str
    longest_wait_s: float
    took_s: float

    @property
    def passed(self) -> bool:
        """Whether the cluster kept its promise."""
        return not self.problems


def document(report: Report) -> dict[str, object]:
    """The report for programs."""
    return {
        "passed": report.passed,
        "problems": list(report.problems),
        "voters": report.voters,
        "seed": report.seed,
        "told": asdict(report.told),
        "nodes": {
            name: {
                "counts": dict(answer.counts),
                "applied_index": answer.applied_index,
                "digest": answer.digest.hex(),
                "error": answer.error or None,
            }
            for name, answer in report.answers.items()
        },
        "killed": report.killed,
        "longest_wait_s": round(report.longest_wait_s, 3),
        "took_s": round(report.took_s, 3),
    }


def show(report: Report, console: PatientConsole) -> None:
    """Print the report for people."""
    console.show(_results(report))
    acknowledged = sum(report.told.acknowledged.values())
    console.say(f"{acknowledged} of {report.voters} ballots acknowledged")
    late = report.told.rejected.get(CLOSED, 0)
    if late:
        console.say(f"{late} came after the end and were rejected, as they must be", "yellow")
    wait = f"longest wait of a voter, with {report.killed} killed: {report.longest_wait_s:.2f} s"
    console.say(wait)
    console.say(f"took {report.took_s:.0f} s (--seed {report.seed})")
    for problem in report.problems:
        console.say(problem, "red")
    if report.passed:
        verdict = "PASS: every acknowledged ballot is counted once, on every node"
        console.say(verdict, "bold green")
    else:
        console.say("FAIL", "bold red")


def _results(report: Report) -> Table:
    table = Table(title="results, as each node gives them", title_justify="left")
    table.add_column("choice")
    table.add_column("acknowledged", justify="right")
    for name in report.answers:
        table.add_column(Text(printable(name)), justify="right")
    for choice in report.choices:
        expected = report.told.acknowledged.get(choice, 0)
        counts = [_count(answer, choice, expected) for answer in report.answers.values()]
        table.add_row(Text(printable(choice)), str(expected), *counts)
    table.add_section()
    totals = [
        Text("-" if answer.error else str(sum(answer.counts.values())))
        for answer in report.answers.values()
    ]
    table.add_row("total", str(sum(report.told.acknowledged.values())), *totals)
    digests = [Text(answer.digest.hex()[:8] or "-") for answer in report.answers.values()]
    table.add_row("state", "", *digests)
    return table


def _count(answer: NodeAnswer, choice: str, expected: int) -> Text:
    if answer.error:
        return Text("-", "red")
    count = answer.counts.get(choice, 0)
    return Text(str(count), "" if count == expected else "bold red")
