"""What PySyncObj 0.3.17 gets wrong in its messages, mended on their way in and out.

Stock PySyncObj deletes entries that a late duplicate does not contradict, takes a snapshot's
commit index without checking the log, counts acknowledgements of an older term, and lets two
kinds of reset chase each other for ever. Each guard below mends one of these and says which.
No PySyncObj is imported here: messages are its dictionaries, `RaftView` is what the guards
need to know and do.
"""

from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from quorate_replication import snapshot_file
from quorate_replication.machine import fail_stop

NOT_LEADER = 4  # FAIL_REASON.NOT_LEADER, on PySyncObj's wire

Message = dict[str, Any]
Entry = tuple[bytes, int, int]  # command, index, term


class RaftView(Protocol):
    """The member whose messages are guarded."""

    @property
    def term(self) -> int:
        """Its current term."""
        ...

    @property
    def commit_index(self) -> int:
        """The last entry that it knows to be committed; what it has applied counts as such."""
        ...

    @property
    def applied_index(self) -> int:
        """The last entry in its state."""
        ...

    @property
    def entries(self) -> Sequence[Entry]:
        """Its log, never empty; indexes are consecutive."""
        ...

    @property
    def next_index(self) -> dict[Hashable, int]:
        """For each peer, the next entry that it will send there while it leads."""
        ...

    @property
    def resend_after_s(self) -> float:
        """How long a gap that is being filled is given."""
        ...

    def now(self) -> float:
        """Monotonic seconds."""
        ...

    def handle(self, node: Hashable, message: Message) -> None:
        """Let SyncObj act on a message."""
        ...

    def reply(self, node: Hashable, message: Message) -> None:
        """Send a message to a peer."""
        ...


class Guards:
    """Between the wire and SyncObj; `receive` ends in `RaftView.handle` or drops the message."""

    def __init__(self, raft: RaftView) -> None:
        self._raft = raft
        self._ack_cap: int | None = None
        self._resent: dict[Hashable, tuple[int, float]] = {}
        self._stream: tuple[Hashable, int, int] | None = None
        self.leader_commit: int | None = None
        """What the leader last said is committed; SyncObj is told less where that is unproven."""

    # ------------------------------------------------------------------ outgoing

    def sending(self, message: Message) -> Message:
        """Return the message as it should leave."""
        if message["type"] == "apply_command":
            return {**message, "term": self._raft.term}
        if message["type"] != "next_node_idx":
            return message
        # Stock acknowledgements carry no term, so an old one counts in a new term.
        message = {**message, "term": self._raft.term}
        if message["success"] and self._ack_cap is not None:
            message["next_node_idx"] = min(message["next_node_idx"], self._ack_cap)
        if message["reset"]:
            # Everything that we know to be committed matches any leader: one round trip
            # instead of two kinds of reset that overtake each other.
            message["next_node_idx"] = self._raft.commit_index + 1
        return message

    # ------------------------------------------------------------------ incoming

    def connected(self, node: Hashable) -> None:
        """Drop half a snapshot: chunks were lost with the old connection, and stock goes on."""
        self._drop_stream(node)

    def receive(self, node: Hashable, message: Message) -> None:
        """Check one message and hand on what is right of it."""
        match message["type"]:
            case "next_node_idx":
                self._acknowledgement(node, message)
            case "append_entries":
                self._append(node, message)
            case "apply_command":
                self._proposal(node, message)
            case _:
                self._raft.handle(node, message)

    def _proposal(self, node: Hashable, message: Message) -> None:
        """Take a forwarded proposal in the term that it was sent in, or never.

        One that was long on its way must not enter the log behind its own repetition, whose
        rejection was already told.
        """
        if message.get("term") == self._raft.term:
            self._raft.handle(node, message)
        else:
            self._raft.reply(node, not_here(message))

    def _acknowledgement(self, node: Hashable, message: Message) -> None:
        term = message.get("term", 0)
        if term > self._raft.term:
            self._step_down(node, term)
            return
        if term < self._raft.term:
            return
        last = self._raft.entries[-1][1]
        message = {**message, "next_node_idx": min(message["next_node_idx"], last + 1)}
        if message["reset"] and self._just_resent(node, message["next_node_idx"]):
            return
        before = self._raft.next_index.get(node)
        self._raft.handle(node, message)
        after = self._raft.next_index.get(node)
        if not message["reset"] and before is not None and after is not None and after < before:
            self._raft.next_index[node] = before  # an acknowledgement never rewinds

    def _step_down(self, node: Hashable, term: int) -> None:
        """Adopt a newer term that a peer told us of, as a vote request of that term would."""
        vote = {"type": "request_vote", "term": term, "last_log_index": 0, "last_log_term": 0}
        self._raft.handle(node, vote)

    def _just_resent(self, node: Hashable, index: int) -> bool:
        """Tell whether this gap is being filled already: one resend per gap."""
        known, now = self._resent.get(node), self._raft.now()
        if known is not None and known[0] == index and now - known[1] < self._raft.resend_after_s:
            return True
        self._resent[node] = (index, now)
        return False

    def _append(self, node: Hashable, message: Message) -> None:
        if message["term"] < self._raft.term:
            self._raft.reply(node, _no(self._raft.term))  # so that the old leader steps down
            return
        self.leader_commit = message["commit_index"]
        if "prevLogIdx" in message:
            self._append_entries(node, message)
        else:
            self._append_snapshot(node, message)

    def _append_entries(self, node: Hashable, message: Message) -> None:
        """Raft figure 2, AppendEntries rule 3: delete only what a new entry contradicts.

        Stock deletes everything after prevLogIdx, also what it has acknowledged.
        """
        log = self._raft.entries
        first, last = log[0][1], log[-1][1]
        previous: int = message["prevLogIdx"]
        new: list[Entry] = message["entries"]
        if not first <= previous < last or log[previous - first][2] != message["prevLogTerm"]:
            self._raft.handle(node, message)  # nothing to delete, or refused
            return
        known = 0
        while known < len(new) and new[known][1] <= last:
            if log[new[known][1] - first][2] != new[known][2]:
                break
            known += 1
        proven = previous + known
        if known == len(new):  # it contradicts nothing: keep our tail, claim only what it proves
            commit = min(message["commit_index"], proven)
            tail: Message = {"prevLogIdx": last, "prevLogTerm": log[-1][2], "entries": []}
            self._ack_cap = proven + 1
            try:
                self._raft.handle(node, {**message, **tail, "commit_index": commit})
            finally:
                self._ack_cap = None
            return
        if proven < last and proven < self._raft.commit_index:
            fail_stop(f"the leader contradicts entry {proven + 1}, which is committed")
        rest: Message = {"prevLogIdx": proven, "prevLogTerm": log[proven - first][2]}
        self._raft.handle(node, {**message, **rest, "entries": new[known:]})

    def _append_snapshot(self, node: Hashable, message: Message) -> None:
        """Never install a snapshot over a state that is past it, nor trust its commit index.

        These messages carry a commit index but no log check: stock lets a returning leader
        commit its own uncommitted entries by it. And stock goes on in the middle of a stream
        whose beginning was lost.
        """
        chunk = message["serialized"]
        if chunk:
            head, is_first, is_last = chunk
            if is_first:
                self._stream = (node, *_snapshot_in(head))
            stream = self._stream_from(node)
            if stream is None or self._is_past(*stream):
                self._skip(node, message, is_last=is_last)
                return
            if is_last:
                self._stream = None
        self._raft.handle(node, self._capped(message))

    def _stream_from(self, node: Hashable) -> tuple[int, int] | None:
        """Return index and term of the snapshot that is coming from that peer."""
        if self._stream is None or self._stream[0] != node:
            return None
        return self._stream[1:]

    def _drop_stream(self, node: Hashable) -> None:
        if self._stream_from(node) is not None:
            self._stream = None

    def _is_past(self, index: int, term: int) -> bool:
        return index <= self._raft.applied_index or self._has(index, term)

    def _skip(self, node: Hashable, message: Message, *, is_last: bool) -> None:
        if not is_last:
            self._raft.handle(node, self._capped({**message, "serialized": None}))
            return
        stream = self._stream_from(node)
        self._drop_stream(node)
        if stream is not None and self._has(*stream):
            proof: Message = {"prevLogIdx": stream[0], "prevLogTerm": stream[1], "entries": []}
            kept = {key: value for key, value in message.items() if key != "serialized"}
            self._append_entries(node, {**kept, **proof})
        else:
            self._raft.reply(node, {**_no(self._raft.term), "reset": True})

    def _has(self, index: int, term: int) -> bool:
        log = self._raft.entries
        first, last = log[0][1], log[-1][1]
        return first <= index <= last and log[index - first][2] == term

    def _capped(self, message: Message) -> Message:
        return {**message, "commit_index": min(message["commit_index"], self._raft.commit_index)}


def _snapshot_in(head: bytes) -> tuple[int, int]:
    header = snapshot_file.parse_header(head)
    if header is None:
        fail_stop("the leader sent a snapshot whose header does not check")
    _, index, term = header.last
    return index, term


def not_here(proposal: Message) -> Message:
    """Answer a forwarded proposal that this member won't take: definitely not done."""
    return {
        "type": "apply_command_response",
        "request_id": proposal.get("request_id", 0),
        "error": NOT_LEADER,
    }


def _no(term: int) -> Message:
    return {
        "type": "next_node_idx",
        "term": term,
        "next_node_idx": 0,
        "reset": False,
        "success": False,
    }
