"""A run's calls in order: by election, and by what was asked under one request id.

One call is before another if it ended before the other started; calls that touch overlap.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from chaos.checker.requests import Ballot, Request
from chaos.checker.sights import Sight, sight_of
from chaos.records import UNKNOWN, Op, Run

CLOCKS_DIFFER_S = 2.0
"""How far a node's clock may be off: one further from the members' median serves nobody."""

NO_ID = "#"
"""What begins the name of a request that was made without an id: each call is one of its own."""


@dataclass(slots=True)
class ElectionHistory:
    """All calls about one election, by their start."""

    name: str
    creations: dict[tuple[str, str], Request] = field(
        default_factory=dict[tuple[str, str], Request]
    )
    extensions: dict[tuple[str, str], Request] = field(
        default_factory=dict[tuple[str, str], Request]
    )
    ballots: dict[tuple[str, str], Ballot] = field(default_factory=dict[tuple[str, str], Ballot])
    """By voter and ballot id, as are creations and extensions by voter and request id."""
    sights: list[tuple[Sight, Op]] = field(default_factory=list[tuple[Sight, Op]])
    seen_there: Op | None = None
    """The first call, by its end, that shows that there is such an election."""
    seen_closed: Op | None = None
    """The first call, by its end, that shows that it is closed."""

    @property
    def closed_s(self) -> float:
        """From when on the election was visibly closed; infinite: never seen."""
        return math.inf if self.seen_closed is None else self.seen_closed.end_s

    def by_voter(self) -> Mapping[str, list[Ballot]]:
        """Return every voter's ballots."""
        found: dict[str, list[Ballot]] = {}
        for ballot in self.ballots.values():
            found.setdefault(ballot.voter, []).append(ballot)
        return found

    def _see(self, op: Op) -> None:
        sight = sight_of(op)
        if sight is None:
            return
        self.sights.append((sight, op))
        if sight is not Sight.ABSENT and _sooner(op, self.seen_there):
            self.seen_there = op
        if sight is Sight.CLOSED and _sooner(op, self.seen_closed):
            self.seen_closed = op

    def take(self, op: Op, who: tuple[str, str]) -> None:
        """Put a call where it belongs."""
        self._see(op)
        match op.kind:
            case "create":
                self.creations.setdefault(who, Request("create", self.name, *who)).calls.append(op)
            case "extend":
                self.extensions.setdefault(who, Request("extend", self.name, *who)).calls.append(op)
            case "cast":
                self._ballot(who).calls.append(op)
            case "check":
                self._ballot(who).checks.append(op)
            case "election" | "results" | "register":
                pass

    def settle(self) -> None:
        """Find out what became of each request, when all calls are in."""
        for request in (*self.creations.values(), *self.extensions.values()):
            request.closed_s = self.closed_s
        for ballots in self.by_voter().values():
            for ballot in ballots:
                ballot.closed_s = self.closed_s
                ballot.alone = len(ballots) == 1 and not ballot.request_id.startswith(NO_ID)
                ballot.settle()

    def _ballot(self, who: tuple[str, str]) -> Ballot:
        return self.ballots.setdefault(who, Ballot("cast", self.name, *who))


@dataclass(slots=True)
class History:
    """All that the checker looks at."""

    run: Run
    elections: dict[str, ElectionHistory] = field(default_factory=dict[str, ElectionHistory])
    registrations: dict[tuple[str, str], Request] = field(
        default_factory=dict[tuple[str, str], Request]
    )

    @classmethod
    def of(cls, run: Run) -> "History":
        """Sort a run's calls."""
        history = cls(run)
        owners = {(op.election, op.request_id): op.voter for op in run.ops if op.kind == "cast"}
        for place, op in enumerate(sorted(run.ops, key=lambda op: op.start_s)):
            # whose ballot it is a check may leave out; without an id each call is a request
            voter = op.voter or owners.get((op.election, op.request_id), "")
            history._take(op, (voter, op.request_id or f"{NO_ID}{place}"))
        for election in history.elections.values():
            election.settle()
        return history

    def _take(self, op: Op, who: tuple[str, str]) -> None:
        if op.kind == "register":
            known = self.registrations.setdefault(who, Request("register", "", *who))
            known.calls.append(op)
        else:
            election = self.elections.setdefault(op.election, ElectionHistory(op.election))
            election.take(op, who)

    def requests(self) -> Iterator[Request]:
        """Go through everything that was asked for under an id."""
        yield from self.registrations.values()
        for election in self.elections.values():
            yield from election.creations.values()
            yield from election.extensions.values()
            yield from election.ballots.values()

    def wall_us(self, seconds: float) -> float:
        """Return the wall clock, microseconds since 1970, at a second of the run."""
        return self.run.began_us + seconds * 1e6

    def clock_was_bent(self, op: Op, since_s: float = math.inf) -> bool:
        """Tell whether a node's clock was wrong when a call, begun at `since_s`, took effect."""
        start_s = min(op.start_s, since_s)
        end_s = math.inf if op.outcome == UNKNOWN else op.end_s
        bent = (fault for fault in self.run.faults if "clock" in fault.kind)
        return any(fault.start_s <= end_s and start_s <= fault.end_s for fault in bent)


def _sooner(op: Op, known: Op | None) -> bool:
    return known is None or op.end_s < known.end_s
