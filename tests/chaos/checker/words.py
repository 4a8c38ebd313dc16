"""Calls in words, so that a person can find them in the history."""

from chaos.records import Op

_ID_CHARACTERS = 12


def name(ballot_id: str) -> str:
    """Return enough of an id to find it."""
    return ballot_id[:_ID_CHARACTERS] or "without id"


def time(op: Op) -> str:
    """Return from when to when."""
    return f"{op.start_s:.3f}-{op.end_s:.3f} s"


def say(op: Op) -> str:
    """Return who asked what, was told what, and when."""
    asked = f"{op.kind} {name(op.request_id)}" if op.request_id else op.kind
    voter = f" by {op.voter}" if op.voter else ""
    node = f" of {op.node}" if op.node else ""
    return f"{asked}{voter}{node} told {op.outcome} at {time(op)} ({op.process})"
