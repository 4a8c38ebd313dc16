"""Judges a run by what clients were told, what nodes applied, and the states in the end.

It knows nothing of the workload or of the schedule of faults. What it holds a cluster to:

1. Nothing acknowledged is lost: its effect is in the final state of every node.
2. Nothing happens twice: as many votes as voters, and replaying what was applied gives the state.
3. What was told is what happened: an answer is what the replay answers; a definite "not done" was
   not done, and what was rejected has no effect.
4. Reads are linearizable: all that was acknowledged, or read, before a read began is in it, and
   nothing that was not asked for. What was seen closed stays as it is.
5. One log: whatever applies index i, in whatever life of whichever node, applies the same entry.
6. One leader a term.
7. After the faults have ended all nodes soon serve, and are equal.
8. Nobody stops itself for a reason that was not inflicted on it.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from quorate_replication.state.elections import Elections, decode_batch
from quorate_replication.state.outcome import Outcome
from quorate_replication.state.snapshot import digest
from simulation import facts
from simulation.history import Call, Fact, Fate, History, Read


@dataclass(slots=True)
class Applied:
    """The one log, as nodes apply it; contradictions are noted as they come."""

    entries: dict[int, tuple[int, bytes]] = field(default_factory=dict[int, tuple[int, bytes]])
    """index: term and entry."""
    flaws: list[str] = field(default_factory=list[str])
    leaders: dict[int, str] = field(default_factory=dict[int, str])

    def apply(self, node: str, index: int, term: int, entry: bytes) -> None:
        """Note that a node applies an entry."""
        known = self.entries.setdefault(index, (term, entry))
        if known != (term, entry):
            self.flaws.append(
                f"{node} applied another entry at {index}: term {term} after term {known[0]}"
            )

    def leads(self, node: str, term: int) -> None:
        """Note that a node leads in a term."""
        known = self.leaders.setdefault(term, node)
        if known != node:
            self.flaws.append(f"{node} leads in term {term}, and so does {known}")


@dataclass(slots=True)
class Final:
    """One node when everything was calm again; None: it did not come back."""

    node: str
    applied_index: int
    ready: bool
    state: Elections | None


def check(history: History, applied: Applied, finals: list[Final]) -> list[str]:
    """Return everything that is wrong."""
    replay = _Replay(applied)
    return [
        *applied.flaws,
        *history.expectations,
        *_unconverged(finals),
        *_lost(history, finals),
        *_doubled(finals),
        *_replayed_otherwise(replay, finals),
        *_told_wrongly(history, replay),
        *_rejected_and_done(history, finals),
        *_stale_reads(history),
        *_reopened(history.reads, finals),
    ]


def _unconverged(finals: list[Final]) -> Iterator[str]:
    for final in finals:
        if final.state is None:
            yield f"{final.node} did not come back"
        elif not final.ready:
            yield f"{final.node} did not become ready"
    states = [final for final in finals if final.state is not None]
    if len({final.applied_index for final in states}) > 1:
        indexes = ", ".join(f"{final.node} {final.applied_index}" for final in states)
        yield f"the nodes did not get equally far: {indexes}"
    elif len({digest(final.state) for final in states if final.state is not None}) > 1:
        yield "the nodes' states differ at the same index"


def _lost(history: History, finals: list[Final]) -> Iterator[str]:
    for final in finals:
        if final.state is None:
            continue
        there = facts.of_all(final.state)
        for call in history.told():
            if call.fact not in there:
                yield f"lost on {final.node}: {_words(call.fact)}, acknowledged by {call.node}"
        for read in history.reads:
            if not read.facts <= there:
                for fact in sorted(read.facts - there):
                    yield f"lost on {final.node}: {_words(fact)}, read from {read.node}"


def _doubled(finals: list[Final]) -> Iterator[str]:
    for final in finals:
        if final.state is None:
            continue
        for election in final.state.in_order():
            votes, voters = sum(election.tally), len(election.participation)
            if votes != voters:
                yield f"{election.name} on {final.node}: {votes} votes of {voters} voters"


class _Replay:
    """The state that the applied log makes, and what it answers to each request."""

    def __init__(self, applied: Applied) -> None:
        self.state = Elections()
        self.answers: defaultdict[bytes, list[Outcome]] = defaultdict(list)
        for index in sorted(applied.entries):
            batch = decode_batch(applied.entries[index][1])
            if batch is None:
                continue
            for command, outcome in zip(batch.commands, self.state.apply(batch), strict=True):
                kind = command.WhichOneof("kind")
                request = getattr(command, kind) if kind is not None else None
                self.answers[getattr(request, "request_id", b"")].append(outcome)


def _replayed_otherwise(replay: _Replay, finals: list[Final]) -> Iterator[str]:
    expected = digest(replay.state)
    for final in finals:
        if final.state is not None and digest(final.state) != expected:
            yield f"{final.node} has another state than its log makes"


def _told_wrongly(history: History, replay: _Replay) -> Iterator[str]:
    calls: defaultdict[bytes, list[Call]] = defaultdict(list)
    for call in history.calls:
        calls[call.request_id].append(call)
        answers = replay.answers.get(call.request_id, [])
        if call.outcome is not None and call.outcome not in answers:
            names = ", ".join(answer.name for answer in answers) or "nothing"
            yield f"{call.node} told {call.outcome.name} for {_words(call.fact)}; the log: {names}"
    for request_id, attempts in calls.items():
        definite = all(call.fate is Fate.DEFINITE for call in attempts)
        if definite and request_id in replay.answers:
            yield f"definitely not done, and done: {_words(attempts[0].fact)}"


def _rejected_and_done(history: History, finals: list[Final]) -> Iterator[str]:
    """All attempts of a request were told no, none is open: then it must not be done later."""
    attempts: defaultdict[bytes, list[Call]] = defaultdict(list)
    for call in history.calls:
        attempts[call.request_id].append(call)
    done = frozenset[Fact]().union(*(facts.of_all(f.state) for f in finals if f.state is not None))
    for calls in attempts.values():
        told_no = [call for call in calls if call.outcome is not None and not call.accepted]
        settled = all(call in told_no or call.fate is Fate.DEFINITE for call in calls)
        if told_no and settled and calls[0].fact in done and calls[0].fact.request_id:
            yield f"told {told_no[0].outcome}, and done: {_words(calls[0].fact)}"


def _stale_reads(history: History) -> Iterator[str]:
    reads, told = defaultdict[str, list[Read]](list), defaultdict[str, list[_Told]](list)
    for read in history.reads:
        reads[read.scope].append(read)
        told[read.scope].append((read.end, read.facts, f"read from {read.node}"))
    for call in history.told():
        seen = frozenset({call.fact})
        told[call.fact.scope].append((call.end, seen, f"acknowledged by {call.node}"))
    for scope, those in reads.items():
        yield from _lacking(those, sorted(told[scope], key=lambda entry: entry[0]))
        yield from _unasked(history.calls, those)


_Told = tuple[int, frozenset[Fact], str]
"""When somebody was told, what, and how."""


def _lacking(reads: list[Read], told: list[_Told]) -> Iterator[str]:
    """Whatever was told before a read began must be in it."""
    known, place = set[Fact](), 0
    for read in sorted(reads, key=lambda read: read.start):
        while place < len(told) and told[place][0] < read.start:
            known |= told[place][1]
            place += 1
        for fact in sorted(known - read.facts):
            how = next(how for _, facts_told, how in told if fact in facts_told)
            yield f"stale read from {read.node}: it lacks {_words(fact)}, {how} before"


def _unasked(calls: list[Call], reads: list[Read]) -> Iterator[str]:
    """Nothing is there that nobody has asked for yet."""
    asked: dict[Fact, int] = {}
    for call in calls:
        asked.setdefault(call.fact, call.start)
    fine = set[Fact]()
    for read in sorted(reads, key=lambda read: read.end):
        for fact in read.facts - fine:
            if asked.get(fact, read.end) >= read.end:
                yield f"{read.node} showed {_words(fact)}, which nobody had asked for"
            else:
                fine.add(fact)


def _reopened(reads: list[Read], finals: list[Final]) -> Iterator[str]:
    """Nothing comes into an election that was seen closed, and it stays closed."""
    closed: dict[str, Read] = {}
    for read in sorted(reads, key=lambda read: read.end):
        if read.closed is not None:
            closed.setdefault(read.scope, read)
    for read in reads:
        first = closed.get(read.scope)
        if first is not None and first.end < read.start and read.closed != first.closed:
            yield f"{read.scope} was closed with {first.closed}, then {read.closed}"
    for final in finals:
        for scope, read in closed.items():
            election = final.state and final.state.elections.get(scope)
            if election and tuple(election.tally) != read.closed:
                yield f"{scope} was closed with {read.closed}; {final.node} has {election.tally}"


def _words(fact: Fact) -> str:
    request = f" ({fact.request_id.decode(errors='replace')})" if fact.request_id else ""
    return f"{fact.scope}: {fact.what}{request}"
