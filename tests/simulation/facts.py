"""What a look at the state shows, as facts."""

from collections.abc import Iterator, Sequence

from quorate_replication.state.elections import Elections
from simulation.history import Fact

ROLL = "the roll"

Seen = tuple[frozenset[Fact], tuple[int, ...] | None]
"""The facts of a scope; and the counts, if it is an election that is closed."""


def ballot(election: str, voter: str, request_id: bytes) -> Fact:
    """Return the fact that a ballot is in."""
    return Fact(election, f"{voter} has voted", request_id)


def created(election: str, request_id: bytes) -> Fact:
    """Return the fact that an election was created."""
    return Fact(election, "created", request_id)


def extended(election: str, request_id: bytes) -> Fact:
    """Return the fact that an election was extended."""
    return Fact(election, "extended", request_id)


def key(voter: str, version: int) -> Fact:
    """Return the fact that a voter has had that many keys."""
    return Fact(ROLL, f"{voter} has key {version}")


def of_election(state: Elections, name: str) -> frozenset[Fact]:
    """Return what the state says of an election."""
    election = state.elections.get(name)
    if election is None:
        return frozenset()
    facts = {created(name, election.request_id)}
    facts.update(extended(name, request_id) for request_id in election.extensions)
    facts.update(ballot(name, *cast) for cast in election.participation.items())
    return frozenset(facts)


def of_roll(state: Elections) -> frozenset[Fact]:
    """Return what the state says of the roll."""
    return frozenset(_keys(state))


def _keys(state: Elections) -> Iterator[Fact]:
    for voter in state.roll:
        yield from (key(voter.name, version) for version in range(1, voter.key_version + 1))


def of_all(state: Elections) -> frozenset[Fact]:
    """Return all that the state says."""
    facts = set(of_roll(state))
    for name in state.elections:
        facts |= of_election(state, name)
    return frozenset(facts)


def look(state: Elections, scopes: Sequence[str]) -> dict[str, Seen]:
    """Return what the state shows of each scope."""
    return {scope: _look_at(state, scope) for scope in scopes}


def _look_at(state: Elections, scope: str) -> Seen:
    if scope == ROLL:
        return of_roll(state), None
    election = state.elections.get(scope)
    closed = election is not None and state.is_closed(election)
    counts = tuple(election.tally) if election is not None and closed else None
    return of_election(state, scope), counts
