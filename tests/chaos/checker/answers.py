"""Whoever repeats a request gets the true first answer, and a ballot has one fate.

What is left free: a request that was rejected is judged anew, so ELECTION_NOT_FOUND,
GROUP_NOT_ALLOWED and INVALID_TOKEN may be followed by an acceptance, and sometimes ELECTION_CLOSED
(see `requests`). A node whose clock is bent may take any token for one that has ended.
"""

from collections import Counter
from collections.abc import Iterator

from chaos.checker.history import History
from chaos.checker.requests import Ballot, Fate, Request, first
from chaos.checker.words import name, say
from chaos.records import Op, Violation

ANSWERS_REMEMBERED = 16
"""Of a voter's registrations; those before are forgotten."""


def check_answers(history: History) -> Iterator[Violation]:
    """Compare the answers under each request id with each other."""
    for request in history.requests():
        if request.kind != "register":
            yield from _contradictions(history, request)
        if isinstance(request, Ballot):
            yield from _checks(request)
            if request.fate is Fate.OPEN and not request.answered:
                last = max(request.calls, key=lambda op: op.end_s)
                yield _violation("unresolved", request, f"asked {len(request.calls)} times", last)
    yield from _registrations(history)


def unresolved(history: History) -> int:
    """Return how many ballots' outcome stayed unknown."""
    ballots = (b for election in history.elections.values() for b in election.ballots.values())
    return sum(ballot.fate is Fate.OPEN and not ballot.answered for ballot in ballots)


def _contradictions(history: History, request: Request) -> Iterator[Violation]:
    proofs = request.proofs if isinstance(request, Ballot) else request.done
    proof = first(proofs)
    if proof is None:
        return
    for op in request.calls:
        if op.acknowledged or not op.answered:
            continue
        if op.start_s > proof.end_s:
            if op.outcome != "INVALID_TOKEN" or not history.clock_was_bent(op):
                yield _violation("first-answer", request, "first", proof, op)
        elif request.is_final(op):
            yield _violation("rejected-then-counted", request, "for good", op, proof)


def _checks(ballot: Ballot) -> Iterator[Violation]:
    proof = first(ballot.proofs)
    for check in ballot.checks:
        if check.outcome == "COUNTED":
            yield from _unfounded(ballot, check)
        elif proof is None:
            continue
        elif check.outcome == "NOT_COUNTED":
            yield _violation("check-contradicted", ballot, "final", check, proof)
        elif check.outcome == "NOT_COUNTED_YET" and check.start_s > proof.end_s:
            yield _violation("stale-check", ballot, "first", proof, check)


def _unfounded(ballot: Ballot, check: Op) -> Iterator[Violation]:
    """Tell whether nothing that was sent by then can have been counted."""
    if ballot.began_s <= check.end_s:
        return
    refused = [op for op in ballot.calls if op.start_s <= check.end_s]
    if refused and refused[-1].answered:
        yield _violation("rejected-then-counted", ballot, "sent in vain", refused[-1], check)
    else:
        what = f"sent in vain {len(refused)} times by then"
        yield _violation("ballot-from-nowhere", ballot, what, check)


def _registrations(history: History) -> Iterator[Violation]:
    changes = Counter(request.voter for request in history.registrations.values())
    for request in history.registrations.values():
        proof = first(request.done)
        if proof is None or changes[request.voter] > ANSWERS_REMEMBERED:
            continue
        for op in request.calls:
            if op.answered and op.outcome != proof.outcome:
                yield _violation("first-answer", request, "first", proof, op)


def _violation(rule: str, request: Request, what: str, *ops: Op) -> Violation:
    where = f"{request.election}: " if request.election else ""
    about = f"{where}{request.kind} {name(request.request_id)} by {request.voter or 'nobody'}"
    return Violation(rule, f"{about}, {what}: {', then '.join(say(op) for op in ops)}")
