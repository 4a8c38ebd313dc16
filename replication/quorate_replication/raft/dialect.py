"""Our messages in PySyncObj's dialect, dictionaries, and back."""

from typing import Any

from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    Message,
    RequestVote,
    TimeoutNow,
    Vote,
)

Stock = dict[str, Any]


def to_stock(message: Message) -> Stock:
    """Return what `SyncObj` makes of a message; only those that it acts on have a translation."""
    match message:
        case AppendEntries():
            return {
                "type": "append_entries",
                "term": message.term,
                "commit_index": message.commit_index,
                "prevLogIdx": message.previous_index,
                "prevLogTerm": message.previous_term,
                "entries": list(message.entries),
            }
        case AppendReply():
            return {
                "type": "next_node_idx",
                "next_node_idx": message.next_index,
                "reset": message.reset,
                "success": message.success,
            }
        case RequestVote():
            return {
                "type": "request_vote",
                "term": message.term,
                "last_log_index": message.last_index,
                "last_log_term": message.last_term,
            }
        case Vote():
            return {"type": "response_vote", "term": message.term}
        case TimeoutNow():
            return {"type": "timeout_now", "term": message.term}
        case _:
            raise AssertionError(f"PySyncObj knows no {type(message).__name__}")


def from_stock(stock: Stock, term: int) -> Message:
    """Return a message of `SyncObj`'s as ours; `term` is the current one, which replies lack."""
    match stock["type"]:
        case "next_node_idx":
            return AppendReply(term, stock["next_node_idx"], stock["success"], stock["reset"])
        case "request_vote":
            return RequestVote(stock["term"], stock["last_log_index"], stock["last_log_term"])
        case "response_vote":
            return Vote(stock["term"])
        case "timeout_now":
            return TimeoutNow(stock["term"])
        case kind:
            raise AssertionError(f"PySyncObj must not send {kind}: sending is ours")
