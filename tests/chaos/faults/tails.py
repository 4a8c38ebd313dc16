"""The end of a journal, cut off while its node is down.

What docs/REPLICATION.md promises to survive is an unfinished write, and one lost copy of what is
on a majority. So before the cut every other node has all that was committed when this one died,
and has its term: nothing acknowledged was on it alone, and no election can want its lost vote.
The newest segment keeps its header and first record; a node refuses to start without them.
"""

import asyncio
import os
from pathlib import Path

from chaos.deed import Deed
from chaos.stage import Stage
from chaos.tools import eventually

MOST_BYTES = 4096
KEPT_BYTES = 512
"""More than a segment's header and first record are (storage/recovery.py)."""


async def truncate(deed: Deed) -> None:
    """SIGKILL a follower, cut up to 4 KiB off its journal, start it, wait until it is ready."""
    name, stage = await deed.node(), deed.stage
    before = await stage.status(name)
    await stage.kill(name)
    await _others_have_all(stage, name, 0 if before is None else before.term)
    newest = max(stage.data(name).glob("journal-*"))
    lost = min(deed.dice.randint(1, MOST_BYTES), newest.stat().st_size - KEPT_BYTES)
    if lost > 0:
        await asyncio.to_thread(_cut, newest, lost)
    deed.target += f", {max(0, lost)} bytes"
    await deed.hold()
    await stage.start(name)
    await stage.wait_ready(name)


async def _others_have_all(stage: Stage, name: str, term: int) -> None:
    others = [each for each in stage.names if each != name]

    async def committed() -> int | None:
        """Return the leader's commit index, once it has committed in its own term."""
        leader = await stage.find_leader()
        status = await stage.status(leader) if leader else None
        return status.commit_index if status is not None and status.term >= term else None

    index = await eventually(committed, "a leader commits")

    async def have_it() -> bool:
        views = [await stage.status(each) for each in others]
        return all(v is not None and v.applied_index >= index and v.term >= term for v in views)

    await eventually(have_it, f"{', '.join(others)} have all that {name} had")


def _cut(file: Path, lost: int) -> None:
    with file.open("r+b") as journal:
        journal.truncate(journal.seek(0, os.SEEK_END) - lost)
        os.fsync(journal.fileno())
