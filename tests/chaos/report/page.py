"""The report as one HTML file: no script, nothing from elsewhere, in light and in dark."""

from xml.etree.ElementTree import Element

from chaos.records import Run, Verdict
from chaos.report import timeline
from chaos.report.figures import figures
from chaos.report.markup import style, tag, written
from chaos.report.tables import Row, Table, headline, notes, tables, violations

CROWDED = 5  # columns: the table needs the width of the page

CSS = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #1b1f24; --faint: #59636e; --line: #d9dee3; --panel: #f5f7f9;
  --ballots: #0072b2; --fault: #4d7c6f; --outage: #c2410c; --good: #116329; --bad: #b3161b;
  --shade: .16;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14181d; --ink: #e6e9ec; --faint: #9aa4af; --line: #303841; --panel: #1c2229;
    --ballots: #56b4e9; --fault: #7fc4b0; --outage: #ff9b54; --good: #5fd37f; --bad: #ff8080;
    --shade: .3;
  }
}
body { margin: 0 auto; padding: 2rem 1.25rem 4rem; max-width: 64rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; }
h2 { font-size: 1.125rem; margin: 2.25rem 0 .5rem; }
.verdict { border: 3px solid; border-left-width: 1rem; border-radius: .25rem; margin: 0;
  padding: .75rem 1.25rem; background: var(--panel); }
.verdict strong { font-size: 2.25rem; line-height: 1.2; letter-spacing: .04em; display: block; }
.verdict span { color: var(--ink); }
.passed { color: var(--good); }
.failed { color: var(--bad); border-style: double; border-width: 6px; border-left-width: 1rem; }
.beware { border-left: .25rem solid var(--outage); padding-left: .75rem; font-weight: 600; }
.wide { overflow-x: auto; }
.tables { display: flex; flex-wrap: wrap; column-gap: 3rem; }
.tables section { flex: 1 1 24rem; min-width: 0; }
.tables .full { flex-basis: 100%; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .25rem 1.25rem .25rem 0;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
th { font-weight: 600; }
thead th { color: var(--faint); white-space: nowrap; }
tbody th { font-weight: 400; min-width: 9rem; }
.number { text-align: right; white-space: nowrap; }
.heading th { font-style: italic; color: var(--faint); padding-top: .75rem; }
.broken > * { color: var(--bad); }
.broken > th { font-weight: 700; }
.note { color: var(--faint); font-size: .875rem; max-width: 52rem; margin: .5rem 0 0; }
"""


def page(run: Run, verdict: Verdict) -> str:
    """Write the page."""
    numbers = figures(run)
    word, sentence = headline(verdict)
    title = f"Chaos run, seed {run.seed}"
    mark, look = ("✓", "passed") if verdict.good else ("✗", "failed")
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{word}: {title}"),
        style(CSS + timeline.CSS),
    )
    body = tag(
        "body",
        tag("h1", title),
        tag(
            "p",
            tag("strong", f"{mark} {word}"),
            tag("span", sentence),
            class_=f"verdict {look}",
        ),
        *(tag("p", note, class_="beware") for note in notes(run, verdict, numbers)),
        tag("h2", "Timeline"),
        tag("div", timeline.timeline(run), class_="wide"),
        *map(_section, violations(verdict)),
        tag("div", *map(_section, tables(run, verdict, numbers)), class_="tables"),
    )
    return written(tag("html", head, body, lang="en"))


def _section(table: Table) -> Element:
    body = tag("tbody", *(_row(table, row) for row in table.rows))
    parts = [_head(table), body] if table.columns else [body]
    content = [tag("h2", table.title), tag("div", tag("table", *parts), class_="wide")]
    if table.note:
        content.append(tag("p", table.note, class_="note"))
    return tag("section", *content, class_="full" if len(table.columns) >= CROWDED else "")


def _head(table: Table) -> Element:
    cells = (
        tag("th", name, scope="col", class_=_align(table, index))
        for index, name in enumerate(table.columns)
    )
    return tag("thead", tag("tr", *cells))


def _row(table: Table, row: Row) -> Element:
    name, *others = row.cells
    if row.look == "heading":
        spanning = tag("th", name, scope="rowgroup", colspan=len(table.columns))
        return tag("tr", spanning, class_="heading")
    cells = (tag("td", cell, class_=_align(table, at)) for at, cell in enumerate(others, 1))
    return tag("tr", tag("th", name, scope="row"), *cells, class_=row.look)


def _align(table: Table, index: int) -> str:
    return "" if index < table.words else "number"
