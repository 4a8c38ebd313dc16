"""The timeline as SVG: acknowledged ballots over time, calls without an answer, and the faults.

Nothing is told by colour alone: what differs in colour has its own row, a hatch, or a shape.
"""

from collections.abc import Iterator, Sequence
from math import ceil
from xml.etree.ElementTree import Element

from chaos.records import Run
from chaos.report.markup import tag
from chaos.report.series import Bar, Bins, bins, lanes, nice_step, ticks, without_majority

WIDTH, LEFT, RIGHT = 960.0, 178.0, 18.0
PLOT = WIDTH - LEFT - RIGHT
TOP, HEIGHT = 44.0, 190.0  # of the upper panel
ROW = 20.0  # of each lane below it
THICK = 12.0  # a bar in its lane
NARROWEST = 2.5  # a bar: an hour has short faults
LONGEST_LABEL = 26  # characters

CSS = """
.timeline { width: 100%; min-width: 44rem; height: auto; font: 12px system-ui, sans-serif; }
.timeline text { fill: var(--ink); }
.timeline .quiet { fill: var(--faint); }
.timeline .grid { stroke: var(--line); stroke-width: 1; fill: none; }
.timeline .axis { stroke: var(--faint); stroke-width: 1; fill: none; }
.timeline .ballots { fill: var(--ballots); }
.timeline .probe { fill: var(--ink); fill-opacity: 0; }
.timeline .probe:hover { fill-opacity: .12; }
.timeline .not-done { fill: var(--ink); }
.timeline .unknown { fill: none; stroke: var(--ink); stroke-width: 1.5; }
.timeline .fault { fill: var(--fault); }
.timeline .no-majority { fill: url(#hatch); stroke: var(--outage); stroke-width: 1; }
.timeline .shade { fill: var(--outage); fill-opacity: var(--shade); }
.timeline .hatch-ground { fill: var(--ground); }
.timeline .hatch-line { stroke: var(--outage); stroke-width: 3; }
"""


def timeline(run: Run) -> Element:
    """Draw the run; its size is bounded, however long it was."""
    over_time = bins(run)
    faults = lanes(run.faults, over_time.span_s * (NARROWEST + 1) / PLOT)
    bottom = TOP + HEIGHT + ROW * (2 + len(faults)) + 14
    scale = PLOT / over_time.span_s
    return tag(
        "svg",
        _hatch(),
        *_legend(),
        *_time_axis(over_time, bottom),
        *_shade(run, scale),
        *_ballots(over_time),
        *_no_answer(over_time),
        *_lanes(faults, scale),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH:g} {bottom + 44:g}",
        class_="timeline",
        role="img",
        aria_label="Timeline of acknowledged ballots a second, calls without an answer, and faults",
    )


def _hatch() -> Element:
    pattern = tag(
        "pattern",
        tag("rect", width=6, height=6, class_="hatch-ground"),
        tag("line", x1=0, y1=0, x2=0, y2=6, class_="hatch-line"),
        id="hatch",
        width=6,
        height=6,
        patternUnits="userSpaceOnUse",
        patternTransform="rotate(45)",
    )
    return tag("defs", pattern)


def _legend() -> Iterator[Element]:
    at = LEFT
    for look, words, room in (
        ("ballots", "acknowledged ballots", 160),
        ("fault", "fault, a majority at work", 180),
        ("no-majority", "fault, no majority", 140),
        ("shade", "time without a majority", 0),
    ):
        yield tag("rect", x=at, y=10, width=18, height=THICK, class_=look)
        yield tag("text", words, x=at + 24, y=20)
        at += room + 24


def _time_axis(over_time: Bins, bottom: float) -> Iterator[Element]:
    for moment in ticks(over_time.span_s, 10):
        x = LEFT + PLOT * moment / over_time.span_s
        yield tag("line", x1=x, x2=x, y1=TOP, y2=bottom, class_="grid")
        yield tag("text", f"{moment:,.10g}", x=x, y=bottom + 16, text_anchor="middle")
    yield tag("line", x1=LEFT, x2=LEFT + PLOT, y1=bottom, y2=bottom, class_="axis")
    words, middle = "seconds of the run", LEFT + PLOT / 2
    yield tag("text", words, x=middle, y=bottom + 36, text_anchor="middle", class_="quiet")


def _shade(run: Run, scale: float) -> Iterator[Element]:
    for start_s, end_s in without_majority(run.faults):
        x, width = round(LEFT + start_s * scale, 1), round(max(1.0, (end_s - start_s) * scale), 1)
        yield tag("rect", x=x, y=TOP, width=width, height=HEIGHT, class_="shade")


def _ballots(over_time: Bins) -> Iterator[Element]:
    base, each = TOP + HEIGHT, PLOT / len(over_time.acknowledged)
    step = nice_step(over_time.peak, 5)
    top = step * max(1, ceil(over_time.peak / step))
    for value in ticks(top, 5):
        y = base - HEIGHT * value / top
        yield tag("line", x1=LEFT, x2=LEFT + PLOT, y1=y, y2=y, class_="grid" if value else "axis")
        yield tag("text", f"{value:,.10g}", x=LEFT - 8, y=y + 4, text_anchor="end")
    yield tag("text", "acknowledged", x=4, y=TOP + 4)
    yield tag("text", "ballots a second", x=4, y=TOP + 20)
    path = [f"M{LEFT:g} {base:g}"]
    for place, count in enumerate(over_time.acknowledged):
        y = base - HEIGHT * count / over_time.width_s / top
        path.append(f"V{y:.1f}H{LEFT + each * (place + 1):.1f}")
    yield tag("path", d="".join([*path, f"V{base:g}Z"]), class_="ballots")
    for place in range(len(over_time.acknowledged)):
        title = tag("title", _told(over_time, place))
        x = round(LEFT + each * place, 2)
        width = round(each, 2)
        yield tag("rect", title, x=x, y=TOP, width=width, height=HEIGHT, class_="probe")


def _told(over_time: Bins, place: int) -> str:
    start_s, width_s = over_time.width_s * place, over_time.width_s
    return (
        f"{start_s:,.10g} to {start_s + width_s:,.10g} s: "
        f"{over_time.acknowledged[place] / width_s:,.1f} ballots/s acknowledged; "
        f"calls not done: {over_time.not_done[place]:,}, unknown: {over_time.unknown[place]:,}"
    )


def _no_answer(over_time: Bins) -> Iterator[Element]:
    """Mark the calls that failed: bars for definite failures, diamonds for unknown outcomes."""
    each, y = PLOT / len(over_time.not_done), TOP + HEIGHT + ROW * 0.75
    yield tag("text", "calls not done", x=4, y=y + 4)
    for place, count in enumerate(over_time.not_done):
        if count:
            height = _size(count, over_time.not_done)
            spot = {"x": round(LEFT + each * place, 1), "y": round(y + THICK / 2 - height, 1)}
            width = round(max(1.5, each * 0.8), 1)
            title = tag("title", _told(over_time, place))
            yield tag("rect", title, **spot, width=width, height=height, class_="not-done")
    y += ROW
    yield tag("text", "calls unknown", x=4, y=y + 4)
    for place, count in enumerate(over_time.unknown):
        if count:
            x, high = LEFT + each * (place + 0.5), _size(count, over_time.unknown) / 2
            wide = round(min(high, max(1.5, each / 2)), 1)
            half = f"{wide:g} {high:g} {-wide:g} {high:g}"
            diamond = f"M{x:.1f} {y - high:g}l{half} {-wide:g} {-high:g}z"
            title = tag("title", _told(over_time, place))
            yield tag("path", title, d=diamond, class_="unknown")


def _size(count: int, counts: Sequence[int]) -> float:
    return round(4 + (THICK - 4) * count / max(counts), 1)


def _lanes(faults: dict[str, list[Bar]], scale: float) -> Iterator[Element]:
    y = TOP + HEIGHT + ROW * 2.75 + 4
    for kind, bars in faults.items():
        yield tag("line", x1=LEFT, x2=LEFT + PLOT, y1=y, y2=y, class_="grid")
        yield tag("text", tag("title", kind), _short(kind), x=4, y=y + 4)
        for bar in bars:
            width = max(NARROWEST, (bar.end_s - bar.start_s) * scale)
            yield tag(
                "rect",
                tag("title", _faults_told(kind, bar)),
                x=round(LEFT + bar.start_s * scale, 1),
                y=y - THICK / 2,
                width=round(width, 1),
                height=THICK,
                class_="fault" if bar.majority else "no-majority",
            )
        y += ROW


def _faults_told(kind: str, bar: Bar) -> str:
    when = f"{bar.start_s:,.1f} to {bar.end_s:,.1f} s"
    majority = "a majority at work" if bar.majority else "no majority"
    if len(bar.targets) == 1:
        return f"{kind}: {bar.targets[0]}, {when}, {majority}"
    return f"{kind}: {len(bar.targets)} times, {when}, {majority}"


def _short(kind: str) -> str:
    return kind if len(kind) <= LONGEST_LABEL else kind[: LONGEST_LABEL - 1] + "…"
