"""The report for people at a terminal of 80 columns or more; the verdict comes last."""

from rich import box
from rich.console import Console
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

from chaos.records import Run, Verdict
from chaos.report.figures import figures
from chaos.report.tables import Table, headline, notes, tables, violations
from quorate_client.cli.output import printable

CROWDED = 8  # columns: every space counts
STYLES = {"": "", "heading": "italic", "broken": "bold red"}


def show(run: Run, verdict: Verdict, console: Console) -> None:
    """Print the report."""
    numbers = figures(run)
    for table in [*tables(run, verdict, numbers), *violations(verdict)]:
        console.print(_table(table))
        if table.note:
            console.print(Text(table.note, "dim"))
        console.print()
    for note in notes(run, verdict, numbers):
        console.print(Text(f"! {printable(note)}", "bold yellow"))
    word, sentence = headline(verdict)
    style = "bold green" if verdict.good else "bold red"
    verdict_text = Text.assemble((word, f"{style} reverse"), f"  {sentence}")
    console.print(Panel(verdict_text, box=box.HEAVY, style=style, expand=False, padding=(1, 4)))


def _table(table: Table) -> RichTable:
    shown = RichTable(
        title=Text(table.title, "bold"),
        title_justify="left",
        box=box.SIMPLE_HEAD if table.columns else None,
        show_header=bool(table.columns),
        pad_edge=False,
        show_edge=False,
        padding=(0, int(len(table.columns) < CROWDED)),
    )
    widest = max(len(row.cells) for row in table.rows)
    for index in range(widest):
        name = table.columns[index] if table.columns else ""
        words = index < table.words
        shown.add_column(name, justify="left" if words else "right", overflow="fold")
    for row in table.rows:
        style = STYLES[row.look]
        shown.add_row(*(Text(printable(cell), style) for cell in row.cells))
    return shown
