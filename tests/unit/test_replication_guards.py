"""One test per guard, against a peer-to-peer stub that errs where PySyncObj 0.3.17 errs."""

from collections.abc import Hashable, Sequence
from struct import Struct
from zlib import crc32

import pytest

from quorate_replication import guards, snapshot_file
from quorate_replication.guards import Entry, Guards, Message

LEADER, OTHER = "leader", "other"


class FailStopError(Exception):
    """Stands in for the end of the process."""


class Stock:
    """What PySyncObj does with a message that reaches it, its errors included."""

    resend_after_s = 0.2

    def __init__(self, *terms: int, term: int, committed: int = 1) -> None:
        """Hold a log with one entry of each given term, index 1 first."""
        self.log: list[Entry] = [entry(index, of) for index, of in enumerate(terms, start=1)]
        self.term = term
        self.commit_index = self.applied_index = committed
        self.next_index: dict[Hashable, int] = {}
        self.match_index: dict[Hashable, int] = {}
        self.installed: bytes | None = None
        self.handled: list[Message] = []
        self.sent: list[Message] = []
        self.time = 0.0
        self.guards = Guards(self)

    @property
    def entries(self) -> Sequence[Entry]:
        return self.log

    def now(self) -> float:
        return self.time

    def reply(self, node: Hashable, message: Message) -> None:
        del node
        self.sent.append(self.guards.sending(message))

    def handle(self, node: Hashable, message: Message) -> None:
        self.handled.append(message)
        match message["type"]:
            case "append_entries" if "prevLogIdx" in message:
                self._append(node, message)
            case "append_entries":
                self._snapshot(node, message)
            case "next_node_idx":
                self._acknowledged(node, message)
            case "request_vote":
                self.term = max(self.term, message["term"])
            case _:
                pass

    def _append(self, node: Hashable, message: Message) -> None:
        first, previous = self.log[0][1], message["prevLogIdx"]
        known = [e for e in self.log if e[1] == previous]
        if not known or known[0][2] != message["prevLogTerm"]:
            self._acknowledge(node, 0, reset=True, success=False)
            return
        del self.log[previous - first + 1 :]  # whether contradicted or not
        self.log += message["entries"]
        self._acknowledge(node, self.log[-1][1] + 1, reset=False, success=True)
        self._commit(message)

    def _snapshot(self, node: Hashable, message: Message) -> None:
        if message["serialized"]:
            data, is_first, is_last = message["serialized"]
            self.installed = whole = data if is_first else (self.installed or b"") + data
            header = snapshot_file.parse_header(whole) if is_last else None
            if header is not None:
                self.log = [header.previous, header.last]
                self.applied_index = header.last[1]
                self._acknowledge(node, header.last[1] + 1, reset=False, success=True)
        self._commit(message)  # without a look at the log

    def _commit(self, message: Message) -> None:
        self.commit_index = max(self.commit_index, min(message["commit_index"], self.log[-1][1]))

    def _acknowledge(self, node: Hashable, index: int, *, reset: bool, success: bool) -> None:
        self.reply(node, acknowledgement(index, reset=reset, success=success))

    def _acknowledged(self, node: Hashable, message: Message) -> None:
        index = message["next_node_idx"]
        if message["reset"]:
            self.next_index[node] = index
        if message["success"] and self.match_index.get(node, 0) < index - 1:
            self.match_index[node] = index - 1
            self.next_index[node] = index


def entry(index: int, term: int) -> Entry:
    return (b"\0entry %d of term %d" % (index, term), index, term)


def append(previous: tuple[int, int], *entries: Entry, term: int, committed: int = 1) -> Message:
    return {
        "type": "append_entries",
        "term": term,
        "commit_index": committed,
        "prevLogIdx": previous[0],
        "prevLogTerm": previous[1],
        "entries": list(entries),
    }


def acknowledgement(index: int, *, reset: bool = False, success: bool = True) -> Message:
    return {"type": "next_node_idx", "next_node_idx": index, "reset": reset, "success": success}


def snapshot(index: int, term: int) -> bytes:
    """Return a snapshot file of a state that nobody looks at."""
    pair = (entry(index - 1, term), entry(index, term))
    entry_head = Struct("<QQI")
    head = snapshot_file.MAGIC + b"".join(
        entry_head.pack(at, of, len(command)) + command for command, at, of in pair
    )
    return head + crc32(head).to_bytes(4, "little") + b"state"


def chunks(data: bytes, *, term: int, committed: int) -> list[Message]:
    """Return the messages that bring a snapshot in three pieces and an end mark."""
    cut = len(data) - 4
    pieces = [(data[:cut], True), (data[cut : cut + 2], False), (data[cut + 2 :], False)]
    stream = [(piece, first, False) for piece, first in pieces] + [(b"", False, True)]
    return [
        {"type": "append_entries", "term": term, "commit_index": committed, "serialized": chunk}
        for chunk in stream
    ]


@pytest.fixture(autouse=True)
def _no_exit(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail_stop(why: str) -> None:
        raise FailStopError(why)

    monkeypatch.setattr(guards, "fail_stop", fail_stop)


# -------------------------------------------------- appending (hazard 2)


def test_a_late_duplicate_deletes_no_acknowledged_entry() -> None:
    raft = Stock(0, 1, 1, 1, term=1)
    raft.guards.receive(LEADER, append((1, 0), entry(2, 1), term=1))
    assert raft.log == [entry(1, 0), entry(2, 1), entry(3, 1), entry(4, 1)]


def test_a_heartbeat_from_before_deletes_no_acknowledged_entry() -> None:
    raft = Stock(0, 1, 1, term=1)
    raft.guards.receive(LEADER, append((2, 1), term=1))
    assert raft.log[-1] == entry(3, 1)


def test_an_acknowledgement_claims_only_what_its_message_proved() -> None:
    raft = Stock(0, 1, 1, 1, term=2)  # entries 3 and 4 may be the old leader's alone
    raft.guards.receive(LEADER, append((1, 0), entry(2, 1), term=2))
    assert raft.sent[-1]["next_node_idx"] == 3


def test_a_message_commits_only_what_it_proved() -> None:
    raft = Stock(0, 1, 1, 1, term=2)
    raft.guards.receive(LEADER, append((1, 0), entry(2, 1), term=2, committed=4))
    assert raft.commit_index == 2


def test_an_entry_that_the_leader_contradicts_is_replaced_with_all_behind_it() -> None:
    raft = Stock(0, 1, 1, 1, term=2, committed=2)
    raft.guards.receive(LEADER, append((1, 0), entry(2, 1), entry(3, 2), term=2))
    assert raft.log == [entry(1, 0), entry(2, 1), entry(3, 2)]
    assert raft.sent[-1]["next_node_idx"] == 4


def test_new_entries_behind_known_ones_are_added() -> None:
    raft = Stock(0, 1, 1, term=1)
    raft.guards.receive(LEADER, append((1, 0), *(entry(i, 1) for i in (2, 3, 4, 5)), term=1))
    assert raft.log == [entry(1, 0), *(entry(i, 1) for i in (2, 3, 4, 5))]
    assert raft.handled[-1]["prevLogIdx"] == 3  # so the known ones were not deleted meanwhile


def test_a_leader_that_contradicts_a_committed_entry_stops_the_node() -> None:
    raft = Stock(0, 1, 1, term=2, committed=3)
    with pytest.raises(FailStopError, match="entry 3"):
        raft.guards.receive(LEADER, append((2, 1), entry(3, 2), term=2))
    assert raft.log[-1] == entry(3, 1)


def test_a_leader_of_an_older_term_is_told_so_and_changes_nothing() -> None:
    raft = Stock(0, 2, term=2)
    raft.guards.receive(LEADER, append((1, 0), entry(2, 1), term=1))
    assert raft.handled == []
    assert raft.sent == [{**acknowledgement(0, success=False), "term": 2}]


# -------------------------------------------------- acknowledging (hazards 2, 12, 13)


def test_an_acknowledgement_of_an_older_term_does_not_count() -> None:
    raft = Stock(0, 1, 3, term=3)
    raft.guards.receive(OTHER, {**acknowledgement(4), "term": 2})
    raft.guards.receive(OTHER, acknowledgement(4))
    assert raft.match_index == {}


def test_acknowledgements_carry_their_term() -> None:
    raft = Stock(0, term=7)
    assert raft.guards.sending(acknowledgement(2))["term"] == 7


def test_an_acknowledgement_of_a_newer_term_ends_an_outdated_leadership() -> None:
    raft = Stock(0, 1, term=1)
    raft.guards.receive(OTHER, {**acknowledgement(3), "term": 2})
    assert raft.term == 2
    assert raft.match_index == {}


def test_an_acknowledgement_counts_nothing_that_the_leader_does_not_have() -> None:
    raft = Stock(0, 1, term=1)
    raft.guards.receive(OTHER, {**acknowledgement(9), "term": 1})
    assert raft.match_index[OTHER] == 2


def test_an_acknowledgement_never_makes_the_leader_send_again_what_is_on_its_way() -> None:
    raft = Stock(0, 1, 1, 1, 1, term=1)
    raft.next_index[OTHER] = 6
    raft.guards.receive(OTHER, {**acknowledgement(3), "term": 1})
    assert raft.match_index[OTHER] == 2
    assert raft.next_index[OTHER] == 6


def test_a_follower_with_a_gap_asks_for_what_follows_its_committed_entries() -> None:
    raft = Stock(0, 1, 1, 1, term=2, committed=2)  # entries 3 and 4 may be contradicted
    raft.guards.receive(LEADER, append((9, 2), entry(10, 2), term=2))
    assert raft.sent[-1]["reset"]
    assert raft.sent[-1]["next_node_idx"] == 3


def test_a_gap_is_filled_once_however_many_messages_reveal_it() -> None:
    raft = Stock(0, 1, 1, 1, term=1)
    gap = {**acknowledgement(2, reset=True, success=False), "term": 1}
    raft.guards.receive(OTHER, gap)
    raft.next_index[OTHER] = 5  # the rest is on its way
    raft.guards.receive(OTHER, gap)
    assert raft.next_index[OTHER] == 5


def test_a_gap_is_filled_again_when_that_seems_to_be_lost() -> None:
    raft = Stock(0, 1, 1, 1, term=1)
    gap = {**acknowledgement(2, reset=True, success=False), "term": 1}
    raft.guards.receive(OTHER, gap)
    raft.next_index[OTHER] = 5
    raft.time += raft.resend_after_s
    raft.guards.receive(OTHER, gap)
    assert raft.next_index[OTHER] == 2


# -------------------------------------------------- snapshots (hazard 1)


def test_a_message_without_a_log_check_commits_nothing() -> None:
    raft = Stock(0, 1, 1, term=2, committed=2)  # entry 3 was never committed
    for message in chunks(snapshot(9, 2), term=2, committed=9)[:3]:
        raft.guards.receive(LEADER, message)
        raft.guards.receive(LEADER, {**message, "serialized": None})
    assert raft.commit_index == 2


def test_a_snapshot_is_installed_by_a_member_that_lacks_it() -> None:
    raft = Stock(0, 1, term=2)
    for message in chunks(snapshot(9, 2), term=2, committed=12):
        raft.guards.receive(LEADER, message)
    assert raft.installed == snapshot(9, 2)
    assert raft.log == [entry(8, 2), entry(9, 2)]
    assert raft.sent[-1]["next_node_idx"] == 10


def test_a_snapshot_is_not_installed_over_a_state_that_is_past_it() -> None:
    raft = Stock(0, *[1] * 11, term=1, committed=12)
    for message in chunks(snapshot(9, 1), term=1, committed=12):
        raft.guards.receive(LEADER, message)
    assert raft.installed is None
    assert raft.log[-1] == entry(12, 1)


def test_a_snapshot_that_was_overtaken_on_its_way_is_not_installed() -> None:
    raft = Stock(0, 1, term=1)
    *beginning, end = chunks(snapshot(9, 1), term=1, committed=9)
    for message in beginning:
        raft.guards.receive(LEADER, message)
    raft.log = [entry(index, 1) for index in range(8, 13)]
    raft.applied_index = raft.commit_index = 12
    raft.guards.receive(LEADER, end)
    assert raft.log[-1] == entry(12, 1)


def test_a_skipped_snapshot_still_tells_the_leader_where_to_go_on() -> None:
    raft = Stock(0, *[1] * 11, term=1)
    for message in chunks(snapshot(9, 1), term=1, committed=12):
        raft.guards.receive(LEADER, message)
    assert raft.sent[-1]["success"]
    assert raft.sent[-1]["next_node_idx"] == 10  # what the snapshot proves
    assert raft.commit_index == 9


def test_a_skipped_snapshot_from_before_the_log_tells_the_leader_where_to_go_on() -> None:
    raft = Stock(0, term=1, committed=30)
    raft.log = [entry(29, 1), entry(30, 1)]
    for message in chunks(snapshot(9, 1), term=1, committed=30):
        raft.guards.receive(LEADER, message)
    assert raft.sent[-1]["reset"]
    assert raft.sent[-1]["next_node_idx"] == 31


def test_half_a_snapshot_is_not_installed_and_commits_nothing() -> None:
    raft = Stock(0, 1, 1, term=2, committed=2)  # entry 3 was never committed
    for message in chunks(snapshot(9, 2), term=2, committed=9)[2:]:  # it began before a restart
        raft.guards.receive(LEADER, message)
    assert raft.installed is None
    assert raft.commit_index == 2
    assert raft.sent[-1]["reset"]


def test_a_snapshot_that_lost_chunks_with_a_connection_is_not_installed() -> None:
    raft = Stock(0, 1, term=2)
    first, _lost, *rest = chunks(snapshot(9, 2), term=2, committed=9)
    raft.guards.receive(LEADER, first)
    raft.guards.connected(LEADER)
    for message in rest:
        raft.guards.receive(LEADER, message)
    assert raft.log == [entry(1, 0), entry(2, 1)]
    assert raft.sent[-1]["reset"]


def test_two_leaders_snapshots_are_not_mixed() -> None:
    raft = Stock(0, 1, term=2)
    old = chunks(snapshot(9, 2), term=2, committed=9)
    raft.guards.receive(LEADER, old[0])
    raft.guards.receive(OTHER, chunks(snapshot(12, 3), term=3, committed=12)[0])
    for message in old[1:]:
        raft.guards.receive(LEADER, {**message, "term": 4})
    assert raft.log == [entry(1, 0), entry(2, 1)]


def test_a_snapshot_with_a_damaged_header_stops_the_node() -> None:
    raft = Stock(0, 1, term=2)
    damaged = bytearray(snapshot(9, 2))
    damaged[20] ^= 1
    with pytest.raises(FailStopError, match="header"):
        raft.guards.receive(LEADER, chunks(bytes(damaged), term=2, committed=9)[0])


def test_what_the_leader_committed_is_known_even_where_it_is_not_proven() -> None:
    raft = Stock(0, 1, term=2)
    raft.guards.receive(LEADER, chunks(snapshot(9, 2), term=2, committed=12)[0])
    assert raft.commit_index == 1
    assert raft.guards.leader_commit == 12


# -------------------------------------------------- proposals (hazard 17)


def test_a_forwarded_proposal_of_another_term_is_refused_for_certain() -> None:
    raft = Stock(0, 1, term=3)
    proposal = {"type": "apply_command", "command": b"\0ballot", "request_id": 5, "term": 2}
    raft.guards.receive(OTHER, proposal)
    assert raft.handled == []
    assert raft.sent == [
        {"type": "apply_command_response", "request_id": 5, "error": guards.NOT_LEADER}
    ]


def test_a_forwarded_proposal_of_this_term_is_taken() -> None:
    raft = Stock(0, 1, term=3)
    proposal = {"type": "apply_command", "command": b"\0ballot", "request_id": 5}
    raft.guards.receive(OTHER, raft.guards.sending(proposal))
    assert [message["command"] for message in raft.handled] == [b"\0ballot"]
