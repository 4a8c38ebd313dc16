"""Hypothesis strategies for every kind of message that members say to one another."""

from hypothesis import strategies as st

from quorate_replication.wire.limits import MAX_NUMBER, MAX_SNAPSHOT_BYTES
from quorate_replication.wire.messages import (
    AppendEntries,
    AppendReply,
    AskReadIndex,
    ConfirmLeader,
    Entry,
    Greeting,
    Hello,
    LeaderConfirmed,
    Message,
    NoReadIndex,
    NotProposed,
    PreVote,
    Propose,
    Proposed,
    ReadIndex,
    Refusal,
    RequestPreVote,
    RequestVote,
    SnapshotChunk,
    SnapshotReply,
    Standing,
    TimeoutNow,
    TurnedAway,
    Vote,
    Welcome,
)

numbers = st.integers(0, MAX_NUMBER)
flags = st.booleans()
names = st.text(min_size=1, max_size=16)  # at most 64 bytes
incarnations = st.binary(min_size=16, max_size=16)
standings = st.sampled_from(Standing)


@st.composite
def commands(draw: st.DrawFn) -> bytes:
    return draw(st.sampled_from((b"\0", b"\1"))) + draw(st.binary(max_size=200))


@st.composite
def append_entries(draw: st.DrawFn) -> AppendEntries:
    content = draw(st.lists(commands(), max_size=6))
    count = len(content)
    terms = sorted(draw(st.lists(numbers, min_size=count + 2, max_size=count + 2)))
    previous = draw(st.integers(0, MAX_NUMBER - count))
    entries = (
        Entry(command, previous + 1 + place, terms[1 + place])
        for place, command in enumerate(content)
    )
    return AppendEntries(terms[-1], draw(numbers), previous, terms[0], tuple(entries))


@st.composite
def snapshot_chunks(draw: st.DrawFn) -> SnapshotChunk:
    data = draw(st.binary(max_size=500))
    offset = draw(st.integers(0, MAX_SNAPSHOT_BYTES - len(data)))
    size = draw(st.integers(max(1, offset + len(data)), MAX_SNAPSHOT_BYTES))
    last_term, term = sorted((draw(numbers), draw(numbers)))
    return SnapshotChunk(term, draw(numbers), last_term, offset, size, data)


ALL: dict[type[Message | Greeting], st.SearchStrategy[Message | Greeting]] = {
    RequestVote: st.builds(RequestVote, numbers, numbers, numbers, flags),
    Vote: st.builds(Vote, numbers),
    RequestPreVote: st.builds(RequestPreVote, numbers, numbers, numbers),
    PreVote: st.builds(PreVote, numbers),
    TimeoutNow: st.builds(TimeoutNow, numbers),
    AppendEntries: append_entries(),
    AppendReply: st.builds(AppendReply, numbers, numbers, flags, flags, flags),
    SnapshotChunk: snapshot_chunks(),
    SnapshotReply: st.builds(SnapshotReply, numbers, numbers, numbers, flags),
    Propose: st.builds(Propose, numbers, numbers, st.binary(min_size=1, max_size=500)),
    Proposed: st.builds(Proposed, numbers, numbers, numbers),
    NotProposed: st.builds(NotProposed, numbers),
    AskReadIndex: st.builds(AskReadIndex, numbers, numbers),
    ReadIndex: st.builds(ReadIndex, numbers, numbers),
    NoReadIndex: st.builds(NoReadIndex, numbers),
    ConfirmLeader: st.builds(ConfirmLeader, numbers, numbers),
    LeaderConfirmed: st.builds(LeaderConfirmed, numbers, numbers),
    Hello: st.builds(Hello, names, names, incarnations, standings),
    Welcome: st.builds(Welcome, incarnations, standings),
    TurnedAway: st.builds(TurnedAway, st.sampled_from(Refusal)),
}
anything = st.one_of(*ALL.values())

ONE_OF_EACH: tuple[Message, ...] = (
    RequestVote(7, 2, 3, transfer=True),
    Vote(7),
    RequestPreVote(8, 2, 3),
    PreVote(8),
    TimeoutNow(8),
    AppendEntries(9, 4, 1, 1, (Entry(b"\0one", 2, 3), Entry(b"\1", 3, 9))),
    AppendReply(9, 5, success=True, reset=False, counts=False),
    SnapshotChunk(9, 4, 3, 10, 100, b"piece"),
    SnapshotReply(9, 4, 15, refused=True),
    Propose(9, 1, b"batch"),
    Proposed(1, 5, 9),
    NotProposed(2),
    AskReadIndex(9, 3),
    ReadIndex(3, 5),
    NoReadIndex(4),
    ConfirmLeader(9, 6),
    LeaderConfirmed(9, 6),
)
