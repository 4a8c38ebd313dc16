"""The report as people and programs get it: the same in all three forms, whatever the names."""

import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from xml.parsers import expat

import pytest
from rich.console import Console

from chaos.records import Fault, NodeFinal, Run, Verdict, Violation
from chaos.report import document, page, show
from chaos.report.hand_made import GOOD, call, fault, final, run
from chaos.report.sample import VERDICT, made_up_run

VOID = {"meta"}
EVIL = "<script>alert('&\"')</script>\x1b[31m\n"
BROKEN = Violation("exactly once", "ballot 77 was acknowledged and is not counted")
BAD = replace(GOOD, lost=1, violations=(BROKEN,))
RUNS = [
    pytest.param(run(), id="nothing"),
    pytest.param(run([call(0, 1)]), id="one call"),
    pytest.param(run(faults=[fault(1, 2)]), id="one fault"),
    pytest.param(run([call(0, 1)], [fault(1, 1)], finals=[], stopped="tried enough"), id="stopped"),
    pytest.param(made_up_run(seconds=60, faults=20, ops=1000), id="made up"),
]


class Reader(HTMLParser):
    """Reads the page as a browser would, and insists that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.words: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self.seen.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def printed(shown: Run, verdict: Verdict, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    show(shown, verdict, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def evil_run() -> tuple[Run, Verdict]:
    """Make a run in which every name tries to be more than a name."""
    ops = [replace(call(0, 1), process=EVIL, voter=EVIL, election=EVIL, outcome=EVIL)]
    evil_fault = Fault(kind=EVIL, target=EVIL, start_s=0, end_s=1, majority=False)
    evil_final = NodeFinal(node=EVIL, applied_index=1, digest=EVIL, results={EVIL: {EVIL: 1}})
    evil = replace(
        run(ops, [evil_fault], finals=[evil_final], left_out={EVIL: EVIL}, stopped=EVIL),
        nodes=(EVIL, EVIL + "2"),
        machine=EVIL,
        command=EVIL,
    )
    return evil, replace(BAD, violations=(Violation(EVIL, EVIL),))


@pytest.mark.parametrize("shown", RUNS)
@pytest.mark.parametrize("verdict", [GOOD, BAD])
def test_the_document_is_json_with_the_keys_it_always_has(shown: Run, verdict: Verdict) -> None:
    written = json.loads(json.dumps(document(shown, verdict), allow_nan=False))
    assert written == document(shown, verdict)
    some = document(run(), GOOD)
    assert written.keys() == some.keys()
    for name in ("ballots", "unknown", "linearizability", "calm", "whole", "violations", "faults"):
        assert written[name].keys() == json.loads(json.dumps(some))[name].keys()


def test_what_the_document_says() -> None:
    ops = [call(0, 1), call(1, 4), call(4, 5, "ALREADY_CAST"), call(4, 5, "UNKNOWN")]
    stopped = run(ops, [fault(2, 3)], left_out={"full-disk": "not root"}, stopped="tried enough")
    latency = {"casts": 1, "median_s": 3, "p99_s": 3, "longest_s": 3}
    assert document(stopped, BAD) == {
        "version": 1,
        "passed": False,
        "seed": 3,
        "command": "make chaos SEED=3",
        "machine": "a machine",
        "nodes": ["n1", "n2", "n3"],
        "seconds": 10,
        "lasted_s": 5,
        "stopped": "tried enough",
        "faults": {
            "done": [
                {
                    "kind": "kill-leader",
                    "majority": True,
                    "times": 1,
                    "seconds": 1,
                    "longest_pause_s": 2,
                    "longest_pause_alone_s": 2,
                    "latency": latency,
                }
            ],
            "left_out": {"full-disk": "not root"},
        },
        "calm": {
            "longest_pause_s": 1,
            "latency": {"casts": 1, "median_s": 1, "p99_s": 1, "longest_s": 1},
        },
        "whole": {
            "longest_pause_s": 3,
            "latency": {"casts": 2, "median_s": 2, "p99_s": 2.98, "longest_s": 3},
        },
        "calls": {
            "cast": {
                "calls": 4,
                "acknowledged": 2,
                "rejected": 1,
                "answered": 0,
                "not_done": 0,
                "unknown": 1,
            }
        },
        "acknowledged": 2,
        "throughput_per_s": 0.4,
        "rejected": {"cast": {"ALREADY_CAST": 1}},
        "ballots": {"acknowledged": 2, "lost": 1, "doubled": 0, "unresolved": 0},
        "unknown": {"changes": 1, "resolved": 1},
        "linearizability": {"histories": 1, "undecided": 0},
        "digests": {
            "equal": True,
            "silent": [],
            "nodes": {
                name: {"applied_index": 9, "digest": "ab" * 32, "ballots": 3}
                for name in ("n1", "n2", "n3")
            },
        },
        "violations": {
            "count": 1,
            "first": [{"rule": BROKEN.rule, "what": BROKEN.what}],
        },
    }


@pytest.mark.parametrize("shown", RUNS)
@pytest.mark.parametrize("verdict", [GOOD, BAD])
def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere(
    shown: Run, verdict: Verdict
) -> None:
    text = page(shown, verdict)
    reader = Reader(text)
    assert reader.open == []
    assert not reader.seen & {"script", "link", "img", "iframe", "object", "image", "use"}
    assert set(re.findall(r"\bhttps?:[^\s\"'<>)]*", text)) == {"http://www.w3.org/2000/svg"}
    assert set(re.findall(r"url\(([^)]*)\)", text)) == {"#hatch"}
    assert "@import" not in text
    (drawing,) = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    expat.ParserCreate().Parse(drawing, True)


def test_an_hour_of_chaos_is_a_small_page() -> None:
    hour = made_up_run(seconds=3600, faults=600, ops=20_000)
    storm = [replace(one, start_s=one.start_s + 0.01 * at, end_s=one.end_s + 0.01 * at)
             for one in hour.faults for at in range(20)]  # fmt: skip
    assert len(page(replace(hour, faults=tuple(storm)), VERDICT)) < 2_000_000


def test_names_stay_text_on_the_page() -> None:
    text = page(*evil_run())
    assert "<script" not in text
    assert "\x1b" not in text
    reader = Reader(text)
    assert "script" not in reader.seen
    said = "<script>alert('&\"')</script>\\x1b[31m\\n"
    assert len([words for words in reader.words if words.startswith(said)]) >= 8
    (drawing,) = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    expat.ParserCreate().Parse(drawing, True)


def test_names_do_not_move_the_cursor_or_colour_the_terminal() -> None:
    console = Console(file=io.StringIO(), width=200)
    shown, verdict = evil_run()
    show(replace(shown, machine="[bold]:smile:[/bold] [/x]"), verdict, console)
    assert isinstance(console.file, io.StringIO)
    said = console.file.getvalue()
    assert "\x1b" not in said
    assert "\\x1b[31m\\n" in said
    assert "[bold]:smile:[/bold] [/x]" in said


@pytest.mark.parametrize("shown", RUNS)
@pytest.mark.parametrize("verdict", [GOOD, BAD])
def test_the_terminal_report_fits_eighty_columns(shown: Run, verdict: Verdict) -> None:
    assert max(map(len, printed(shown, verdict).splitlines())) <= 80


def test_what_is_too_long_for_a_line_goes_on_in_the_next() -> None:
    long = "word" * 30
    ops, faults = [call(0, 1), call(1, 2, long)], [fault(0, 1, long)]
    shown = replace(run(ops, faults, left_out={long: long}), command=long)
    said = printed(shown, replace(BAD, violations=(Violation(long, long),)))
    assert max(map(len, said.splitlines())) <= 80
    assert "…" not in said
    assert said.count("w") >= 6 * 30


@pytest.mark.parametrize(("verdict", "word"), [(GOOD, "PASSED"), (BAD, "FAILED")])
def test_the_verdict_is_a_word_not_only_a_colour(verdict: Verdict, word: str) -> None:
    shown = run([call(0, 1)], [fault(0, 1)])
    (other,) = {"PASSED", "FAILED"} - {word}
    for text in (printed(shown, verdict), page(shown, verdict)):
        assert word in text
        assert other not in text


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        (run(stopped="no majority came back"), "no majority came back"),
        (run([call(0, 1, "UNKNOWN")]), "no ballot was acknowledged: this run proves nothing"),
        (run([call(0, 1)]), "no fault was made"),
        (run(finals=[final("n1"), final("n2")]), "not compared: n3"),
        (run(finals=[final("n1"), final("n2", "cd" * 32)]), "DIFFERENT"),
        (run(left_out={"full-disk": "not root"}), "not root"),
    ],
)
def test_what_weakens_the_verdict_is_said(shown: Run, words: str) -> None:
    whole = made_up_run(seconds=10, faults=5, ops=100)
    for text in (printed(shown, GOOD), page(shown, GOOD)):
        assert words in text
    for text in (printed(whole, GOOD), page(whole, GOOD)):
        assert words not in text.replace("not root: no tmpfs", "")


@pytest.mark.parametrize(
    ("verdict", "words"),
    [
        (replace(BAD, lost=71), "71  BROKEN"),
        (replace(BAD, doubled=72), "72  BROKEN"),
        (replace(BAD, unresolved=73), "73  BROKEN"),
        (replace(GOOD, undecided=74), "74 histories were too large to be checked"),
        (BAD, BROKEN.what),
    ],
)
def test_what_the_checker_found_is_said(verdict: Verdict, words: str) -> None:
    shown = run([call(0, 1)], [fault(0, 1)])
    assert words in printed(shown, verdict)
    assert words in page(shown, verdict)
    assert words not in printed(shown, GOOD)


def test_of_many_violations_the_first_fifty_are_told_and_the_others_counted() -> None:
    many = tuple(Violation("rule", f"number {at:03}.") for at in range(1053))
    shown, verdict = run([call(0, 1)]), replace(BAD, violations=many)
    written = json.dumps(document(shown, verdict))
    assert len(re.findall(r"number \d{3}\.", written)) == 50
    assert '"count": 1053' in written
    for text in (printed(shown, verdict), page(shown, verdict)):
        assert len(re.findall(r"number \d{3}\.", text)) == 50
        assert "and 1,003 more" in text
        assert "1,053 violations" in text


def test_a_violation_that_quotes_a_whole_history_is_cut() -> None:
    verdict = replace(BAD, violations=(Violation("rule", "x" * 5_000_000),))
    assert len(page(run(), verdict)) < 100_000
