"""Small histories, and whether one order explains each of them.

Linearizability is local: a history is linearizable if and only if the history of each object is.
So the run is cut: into the life of each election (see `life`), and into one register for each
voter in each election (see `register`). Of an election a voter's history keeps what binds her:
the creation, the last moment at which it was not there, the last at which it was open, and the
first at which it was closed. Of the ballots an election's life keeps that each was counted at a
moment when it was open.

All attempts under one request id are one change, which happens once: at some moment between the
start of the first attempt that may have made it and the end of the first answer that says so. The
other answers that say so add nothing: each of them ends after that. Rejections are reads.

Results need no history of their own: they are final once they are there (`finals`), and what is in
them is bounded by the ballots (`counts`).
"""

import math
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from chaos.checker import life, register
from chaos.checker.history import ElectionHistory, History
from chaos.checker.requests import Ballot, Request, first
from chaos.checker.sights import Sight, sight_of
from chaos.linearizability import Call, Judgement, judge
from chaos.records import Op, Violation

What = TypeVar("What", bound=Hashable)


@dataclass(slots=True)
class Orders:
    """How many histories were judged, and what was wrong with them."""

    histories: int = 0
    undecided: int = 0
    violations: list[Violation] = field(default_factory=list[Violation])


def check_orders(history: History) -> Orders:
    """Look for an order in every small history."""
    orders = Orders()
    for election in history.elections.values():
        calls = list(_life(election))
        _note(orders, f"the life of {election.name}", calls, judge(calls, life.LIFE))
        frame = _frame(election)
        for voter, ballots in election.by_voter().items():
            told = [*frame, *_register(ballots)]
            about = f"{voter or 'nobody'}'s ballot in {election.name}"
            _note(orders, about, told, judge(told, register.REGISTER))
    return orders


def _note(
    orders: Orders,
    about: str,
    calls: Sequence[Call[life.Step]] | Sequence[Call[register.Step]],
    judgement: Judgement[life.Step] | Judgement[register.Step],
) -> None:
    if not judgement.decided:
        orders.undecided += 1
        return
    orders.histories += 1
    stuck = judgement.stuck
    if stuck is not None:
        when = f"{stuck.start:.3f}-{stuck.end:.3f} s"
        what = f"{about}: no order of its {len(calls)} calls explains {stuck.what} at {when}"
        orders.violations.append(Violation("not-linearizable", what))


# ---------------------------------------------------------------------- an election


def _life(election: ElectionHistory) -> Iterator[Call[life.Step]]:
    for request in (*election.creations.values(), *election.extensions.values()):
        who = request.voter, request.request_id
        make = life.Create if request.kind == "create" else life.Extend
        if request.attempts:
            change = make(who, request.attempts[0].end_us)
            yield from _change(request, request.done, change)
        for op in request.calls:
            if op.answered and not op.acknowledged and op.outcome != "INVALID_TOKEN":
                refused = life.Refused(who, op.end_us, op.outcome)
                yield Call(op.start_s, op.end_s, refused, reads=True)
    for sight, op in election.sights:
        if op.kind not in {"create", "extend"}:
            shown = op.end_us if op.kind == "election" else 0
            yield Call(op.start_s, op.end_s, life.Look(sight, shown), reads=True)
    for ballot in election.ballots.values():
        proof = first(ballot.proofs)
        if proof is not None and ballot.began_s <= proof.end_s:
            yield Call(ballot.began_s, proof.end_s, life.Look(Sight.OPEN), reads=True)


def _change(request: Request, proofs: Iterable[Op], change: What) -> Iterator[Call[What]]:
    """Return the one change that is asked for under a request id, if it may have been made."""
    proof = first(proofs)
    end_s = math.inf if proof is None else proof.end_s
    if request.began_s <= end_s and request.attempts:
        yield Call(request.began_s, end_s, change)


# ---------------------------------------------------------------------- a voter's ballot


def _register(ballots: Iterable[Ballot]) -> Iterator[Call[register.Step]]:
    for ballot in ballots:
        yield from _change(ballot, ballot.proofs, register.Count(ballot.request_id))
        for op in (*ballot.calls, *ballot.checks):
            sight = sight_of(op)
            if sight is not None and op.outcome != "COUNTED":
                refused = register.Refused(ballot.request_id, op.outcome, sight)
                yield Call(op.start_s, op.end_s, refused, reads=True)


def _frame(election: ElectionHistory) -> list[Call[register.Step]]:
    """Return what binds every voter: when the election was not there, open and closed."""
    began_s = min((each.began_s for each in election.creations.values()), default=-math.inf)
    there, closed = election.seen_there, election.seen_closed
    calls: list[Call[register.Step]] = []
    if there is None:
        calls.append(Call(began_s, math.inf, register.Create()))
    else:
        calls.append(Call(min(began_s, there.end_s), there.end_s, register.Create()))
    for sight in (Sight.ABSENT, Sight.OPEN):
        shown = [op for seen, op in election.sights if seen is sight]
        calls += [_look(op) for op in shown[-1:]]  # by their start
    if closed is not None:
        calls.append(_look(closed))
    return calls


def _look(op: Op) -> Call[register.Step]:
    sight = sight_of(op)
    assert sight is not None  # it was found by its sight
    return Call(op.start_s, op.end_s, register.Look(sight), reads=True)
