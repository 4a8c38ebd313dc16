"""A node that breaks one promise on purpose: the chaos run must find it out.

    python -m chaos.broken_node MUTATION --config node.toml

Everything else is the real node. `BROKEN` tells which promises can be broken, and how.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from quorate_node.__main__ import main
from quorate_proto.internal import command_pb2 as pb
from quorate_replication import Elections, Outcome, Replica
from quorate_replication.state.sorted_map import SortedMap
from quorate_replication.storage import os_disk

T = TypeVar("T")


def acknowledge_before_commit() -> None:
    """Say that a change was made when it is only on its way."""
    propose = Replica.propose
    under_way: set[asyncio.Task[Outcome]] = set()

    async def at_once(self: Replica, command: pb.Command, timeout_s: float) -> Outcome:
        task = asyncio.create_task(propose(self, command, timeout_s))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        return Outcome.ACCEPTED

    Replica.propose = at_once  # type: ignore[method-assign]


def no_dedup() -> None:
    """Count a ballot again when it comes again, or another one of the same voter."""
    cast = Elections.apply

    def apply(self: Elections, batch: pb.Batch) -> list[Outcome]:
        for command in batch.commands:
            if command.WhichOneof("kind") == "cast_ballot":
                _forget(self, command.cast_ballot)
        return cast(self, batch)

    Elections.apply = apply  # type: ignore[method-assign]


def _forget(state: Elections, ballot: pb.CastBallot) -> None:
    election = state.elections.get(ballot.election_name)
    if election is None or ballot.bearer.voter_name not in election.participation:
        return
    forgetful = replace(election.copy(), participation=SortedMap[bytes]())
    state.elections[election.name] = forgetful


def stale_reads() -> None:
    """Answer from what this node has, however far it is behind."""

    async def read_latest(self: Replica, look: Callable[[Elections], T], timeout_s: float) -> T:
        del timeout_s
        return await self.read(look)

    Replica.read_latest = read_latest  # type: ignore[method-assign]


def no_sync() -> None:
    """Call bytes durable that the disk may still forget."""
    setattr(os_disk, "os", _Careless())  # noqa: B010 - a module attribute that has a type


class _Careless:
    """The module os, but for what takes long."""

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def fdatasync(self, _: int) -> None: ...

    def fsync(self, _: int) -> None: ...


BROKEN: dict[str, Callable[[], None]] = {
    "acknowledge-before-commit": acknowledge_before_commit,
    "no-dedup": no_dedup,
    "stale-reads": stale_reads,
    "no-sync": no_sync,
}


if __name__ == "__main__":
    BROKEN[sys.argv.pop(1)]()
    sys.exit(main())
