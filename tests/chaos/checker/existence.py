"""An election is there from its creation on, once and for ever, with an end that only moves later.

A change that was asked for and not answered may have been made, so an end that somebody asked for
may be shown; one that nobody had asked for by then may not.
"""

from collections.abc import Iterator

from chaos.checker.history import ElectionHistory, History
from chaos.checker.requests import first
from chaos.checker.sights import Sight
from chaos.checker.words import say
from chaos.records import Op, Violation

_RULE = "spooky-election"


def check_existence(history: History) -> Iterator[Violation]:
    """Look for elections that come from nowhere, vanish, or forget their end."""
    for election in history.elections.values():
        yield from _created_once(election)
        yield from _vanished(election)
        yield from _missing(history, election)
        yield from _unasked_end(election)
        yield from _end_moved_back(election)
    yield from _from_nowhere(history)


def _created_once(election: ElectionHistory) -> Iterator[Violation]:
    done = [op for each in election.creations.values() if (op := first(each.done)) is not None]
    if len(done) > 1:
        told = "; ".join(say(op) for op in done)
        yield Violation(_RULE, f"{election.name} was created {len(done)} times: {told}")


def _vanished(election: ElectionHistory) -> Iterator[Violation]:
    there = election.seen_there
    if there is None:
        return
    for sight, op in election.sights:
        if sight is Sight.ABSENT and op.start_s > there.end_s:
            yield Violation(_RULE, f"{election.name}: {say(there)}, then {say(op)}")


def _missing(history: History, election: ElectionHistory) -> Iterator[Violation]:
    there = election.seen_there
    missing = [f.node for f in history.run.finals if election.name not in f.results]
    if there is not None and missing:
        where = ", ".join(missing)
        yield Violation(_RULE, f"{election.name} is not there on {where} in the end: {say(there)}")


def _from_nowhere(history: History) -> Iterator[Violation]:
    """Elections, in the end or before, that nobody can have created by then."""
    for election in history.elections.values():
        began_s = min((each.began_s for each in election.creations.values()), default=None)
        there = election.seen_there
        if there is not None and (began_s is None or there.end_s < began_s):
            yield Violation(_RULE, f"{election.name} was created by nobody, yet {say(there)}")
    finals: dict[str, list[str]] = {}
    for final in history.run.finals:
        for name in final.results:
            finals.setdefault(name, []).append(final.node)
    for name, nodes in finals.items():
        known = history.elections.get(name)
        if known is None or not any(each.attempts for each in known.creations.values()):
            what = f"{name} is there on {', '.join(nodes)} in the end, created by nobody"
            yield Violation("ballot-from-nowhere", what)


def _shown(election: ElectionHistory) -> list[Op]:
    """Return the reads that show the end."""
    return [op for _, op in election.sights if op.kind == "election" and op.end_us]


def _unasked_end(election: ElectionHistory) -> Iterator[Violation]:
    asked: dict[int, float] = {}
    for each in (*election.creations.values(), *election.extensions.values()):
        for op in each.attempts:
            asked[op.end_us] = min(op.start_s, asked.get(op.end_us, op.start_s))
    for op in _shown(election):
        if not asked.get(op.end_us, op.end_s + 1) <= op.end_s:
            what = f"{election.name}: nobody had asked for the end {op.end_us}: {say(op)}"
            yield Violation(_RULE, what)


def _end_moved_back(election: ElectionHistory) -> Iterator[Violation]:
    """Compare every end that is shown with the latest one told before."""
    extended = [op for each in election.extensions.values() for op in each.done]
    shown = _shown(election)
    told = sorted((*extended, *shown), key=lambda op: op.end_s)
    latest: Op | None = None
    place = 0
    for op in shown:  # by their start
        while place < len(told) and told[place].end_s < op.start_s:
            if latest is None or told[place].end_us > latest.end_us:
                latest = told[place]
            place += 1
        if latest is not None and op.end_us < latest.end_us:
            what = f"the end moved from {latest.end_us} back to {op.end_us}"
            yield Violation(_RULE, f"{election.name}: {what}: {say(latest)}, then {say(op)}")
