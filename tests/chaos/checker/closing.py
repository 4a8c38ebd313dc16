"""An election closes once, not before its end, and takes nothing after.

What shows that it is closed: results that are AVAILABLE, an `election` that is CLOSED, a `check`
that says NOT_COUNTED. A cast that is told ELECTION_CLOSED does not: a node's own clock may be up
to CLOCKS_DIFFER_S ahead of the others', and for a moment as far as somebody bent it. How late an
election closes is not judged: with no majority nothing can close.
"""

from collections.abc import Iterator

from chaos.checker.history import CLOCKS_DIFFER_S, ElectionHistory, History
from chaos.checker.requests import Ballot, first
from chaos.checker.sights import Sight
from chaos.checker.words import name, say
from chaos.records import Op, Violation

_US = 1e6


def check_closing(history: History) -> Iterator[Violation]:
    """Look for what was done after a close, and for closes before the end."""
    for election in history.elections.values():
        yield from _reopened(election)
        for ballot in election.ballots.values():
            yield from _cast_after_close(history, election, ballot)
        if history.run.began_us:
            yield from _closed_early(history, election)


def _reopened(election: ElectionHistory) -> Iterator[Violation]:
    closed = election.seen_closed
    if closed is None:
        return
    for sight, op in election.sights:
        if sight is Sight.OPEN and op.start_s > closed.end_s:
            yield Violation("reopened", f"{election.name}: {say(closed)}, then {say(op)}")
    for extension in election.extensions.values():
        done = first(extension.done)
        if done is not None and extension.began_s > closed.end_s:
            yield Violation("reopened", f"{election.name}: {say(closed)}, then {say(done)}")


def _cast_after_close(
    history: History, election: ElectionHistory, ballot: Ballot
) -> Iterator[Violation]:
    """Look at one ballot: what repeats an attempt from before the close may well be counted."""
    proof, closed = first(ballot.proofs), election.seen_closed
    if proof is None or not ballot.attempts:
        return
    about = f"{election.name}: {say(proof)}; {name(ballot.request_id)} was not sent before"
    if closed is not None and ballot.began_s > closed.end_s:
        yield Violation("cast-after-close", f"{about} {ballot.began_s:.3f} s, and {say(closed)}")
        return
    end_us = _latest_end_us(election)
    late_s = (history.wall_us(ballot.began_s) - end_us) / _US
    if not history.run.began_us or not end_us or late_s <= CLOCKS_DIFFER_S:
        return
    if not any(history.clock_was_bent(op) for op in ballot.attempts):
        yield Violation(
            "cast-after-close", f"{about} {ballot.began_s:.3f} s, {late_s:.3f} s after the end"
        )


def _latest_end_us(election: ElectionHistory) -> int:
    """Return the latest end that it may have had; 0: not known."""
    asked = [*election.creations.values(), *election.extensions.values()]
    return max((op.end_us for request in asked for op in request.attempts), default=0)


def _closed_early(history: History, election: ElectionHistory) -> Iterator[Violation]:
    """Find the first call that was told of a close too long before the end."""
    created_us = _created_end_us(election)
    extensions = [op for each in election.extensions.values() for op in each.done]
    for op, since_s in sorted(_told_closed(election), key=lambda told: told[0].end_s):
        before = (each.end_us for each in extensions if each.end_s < since_s)
        shown_us = op.end_us if op.kind == "election" else 0
        end_us = max(created_us, shown_us, *before)
        early_s = (end_us - history.wall_us(op.end_s)) / _US
        if early_s <= CLOCKS_DIFFER_S:
            continue
        if op.outcome == "ELECTION_CLOSED" and history.clock_was_bent(op, since_s):
            continue  # by its own bent clock, which closes nothing
        what = f"{election.name}: {say(op)}, {early_s:.3f} s before its end"
        yield Violation("closed-early", what)
        return


def _told_closed(election: ElectionHistory) -> Iterator[tuple[Op, float]]:
    """Return who was told of a close, and since when it may have been found.

    A ballot that was found late once is told so again, even after an extension.
    """
    for sight, op in election.sights:
        if sight is Sight.CLOSED or (op.kind == "extend" and op.outcome == "ELECTION_CLOSED"):
            yield op, op.start_s
    for ballot in election.ballots.values():
        told = first(op for op in ballot.calls if op.outcome == "ELECTION_CLOSED")
        if told is not None:
            yield told, ballot.calls[0].start_s


def _created_end_us(election: ElectionHistory) -> int:
    """Return the earliest end that it may have been created with; 0: not known."""
    done = [each for each in election.creations.values() if each.done]
    maybe = done or election.creations.values()
    return min((op.end_us for each in maybe for op in each.attempts), default=0)
