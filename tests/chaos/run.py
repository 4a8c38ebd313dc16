"""A chaos run: `python -m chaos.run --seconds 60 --seed 7`, in `tests/` (or `make chaos`).

A real cluster under load, a nemesis with a schedule that one seed replays, and a verdict. Ends with
status 1 if a promise was broken, with 6 if this machine could not make the run. The report is
printed, and lies beside the history in `--out`.
"""

import argparse
import asyncio
import json
import secrets
import shutil
import sys
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from chaos import namespace
from chaos.broken_node import BROKEN
from chaos.checker import check
from chaos.kinds import kinds_for
from chaos.nodes import NodeEnded
from chaos.records import Run, Verdict, Violation, write_ops
from chaos.report import document, page, show
from chaos.scene import Options, play
from chaos.tools import ToolError
from quorate_client import LocalError

DEFAULT_OUT = Path("chaos-report")
FAILED, LOCAL_TROUBLE, INTERRUPTED = 1, 6, 130


def main() -> int:
    """Run, judge and report; return the exit status."""
    options, out, as_json = _options()
    namespace.enter()  # may start this program again: nothing is begun yet
    console = Console(stderr=as_json)
    console.print(f"chaos for {options.seconds:g} s; to replay the schedule: {options.command}")
    out.mkdir(parents=True, exist_ok=True)
    try:
        run, unexpected = asyncio.run(play(options, out, console))
    except KeyboardInterrupt:
        console.print("interrupted: everything is mended and ended; no report was made")
        return INTERRUPTED
    except (NodeEnded, ToolError, LocalError) as flaw:
        console.print(f"error: this machine could not make the run: {flaw}", markup=False)
        return LOCAL_TROUBLE
    verdict = judge(run, unexpected)
    write(run, verdict, out)
    if as_json:
        sys.stdout.write(json.dumps(document(run, verdict), indent=2) + "\n")
    else:
        show(run, verdict, console)
    console.print(f"report: {out / 'report.html'}, {out / 'report.json'}; {out / 'history.jsonl'}")
    return 0 if verdict.good else FAILED


def judge(run: Run, unexpected: list[str]) -> Verdict:
    """Return the checker's verdict, and what the run itself saw go wrong."""
    verdict = check(run)
    seen = [Violation("unexpected-answer", line) for line in unexpected]
    if run.stopped:
        seen.append(Violation("did-not-recover", run.stopped))
    if not any(op.outcome == "COUNTED" for op in run.ops):
        seen.append(Violation("nothing-was-tried", "no ballot was counted: this proves nothing"))
    return replace(verdict, violations=(*verdict.violations, *seen))


def write(run: Run, verdict: Verdict, out: Path) -> None:
    """Write the reports and the history into `out`."""
    write_ops(out / "history.jsonl", run.ops)
    (out / "report.json").write_text(json.dumps(document(run, verdict), indent=2) + "\n")
    (out / "report.html").write_text(page(run, verdict), encoding="utf-8")
    logs = out / "stage" / "logs"
    if logs.exists():
        shutil.rmtree(out / "logs", ignore_errors=True)
        logs.rename(out / "logs")
        shutil.rmtree(out / "stage", ignore_errors=True)


def _options() -> tuple[Options, Path, bool]:
    parser = argparse.ArgumentParser(
        prog="python -m chaos.run", description=(__doc__ or "").partition("\n")[0]
    )
    add = parser.add_argument
    add("--seconds", type=float, default=60.0, help="how long faults are made (60)")
    add("--seed", type=int, help="what replays the schedule; else by dice")
    add("--nodes", type=int, default=3, choices=(3, 5), help="3 or 5")
    add("--kinds", default="", help="only these faults, comma-separated; `none` for none")
    add("--out", type=Path, default=DEFAULT_OUT, help=f"where the report goes ({DEFAULT_OUT})")
    add("--break", dest="broken", choices=sorted(BROKEN), help="break a promise: is it found?")
    add("--json", action="store_true", help="print the report as JSON")
    given = parser.parse_args()
    known = kinds_for(given.nodes)
    kinds = tuple(kind for kind in given.kinds.split(",") if kind and kind != "none")
    if unknown := sorted(set(kinds) - set(known)):
        parser.error(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
    if given.seconds <= 0:
        parser.error("--seconds must be more than 0")
    options = Options(
        seconds=given.seconds,
        seed=secrets.randbelow(2**31) if given.seed is None else given.seed,
        nodes=given.nodes,
        kinds=None if not given.kinds else kinds,
        broken=given.broken or "",
    )
    if given.seed is None:  # a program that is started again must not throw the dice again
        sys.orig_argv += ["--seed", str(options.seed)]
    return options, given.out, given.json


if __name__ == "__main__":
    sys.exit(main())
