"""The nemesis: carries a schedule out, mends what it has broken, and notes what it did.

nemesis = Nemesis(stage, schedule(seed, seconds, stage.kinds, len(stage.names)), now)
await nemesis.run(until)      # may be cancelled: everything is mended all the same
nemesis.faults, nemesis.left_out
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chaos.deed import Deed
from chaos.faults import FAULTS
from chaos.harm import majority_can_work
from chaos.nodes import NodeEnded
from chaos.records import Fault
from chaos.schedule import Planned
from chaos.stage import Stage


@dataclass(frozen=True, slots=True)
class _Made:
    deed: Deed
    start_s: float
    end_s: float

    def overlaps(self, other: "_Made") -> bool:
        return self is not other and self.start_s < other.end_s and other.start_s < self.end_s


class Nemesis:
    """Makes faults on a stage.

    Args:
        stage: whose nodes all run and are ready.
        schedule: what to do; kinds that can't be made here are passed over.
        now: seconds on the run's clock.
    """

    def __init__(self, stage: Stage, schedule: Sequence[Planned], now: Callable[[], float]) -> None:
        self.faults: list[Fault] = []
        """Those that were made and mended, in the order of their beginnings."""
        self.left_out: dict[str, str] = stage.left_out
        self._stage = stage
        self._schedule = schedule
        self._now = now
        self._claimed: set[str] = set()

    async def run(self, until: float) -> None:
        """Make faults until the schedule, or the time `until` on the run's clock, is over.

        After each, all nodes run and are ready before the next begins. Raises NodeEnded, with the
        node's last line, if one does not come back. Everything is mended at the end, also on
        cancellation; then nodes that were down are started, and not waited for.
        """
        try:
            for planned in self._schedule:
                possible = self._possible(planned)
                if possible is None:
                    continue
                if self._now() + possible.pause_s + possible.longest_s > until:
                    break
                await asyncio.sleep(possible.pause_s)
                await self._make(possible)
                await self._stage.wait_ready()
        finally:
            await self._stage.heal()
            await self._stage.start_all()

    def _possible(self, planned: Planned) -> Planned | None:
        """Return what of it can be made here."""
        if planned.kind in self.left_out:
            return None
        beside = planned.beside
        lonely = beside is not None and beside.kind in self.left_out
        return replace(planned, beside=None) if lonely else planned

    async def _make(self, planned: Planned) -> None:
        """Make a fault, and the one beside it; note both, also if they go wrong."""
        made: list[_Made] = []
        both = [self._do(planned, made)]
        if planned.beside is not None:
            both.append(self._do_beside(planned.beside, made))
        try:
            for outcome in await asyncio.gather(*both, return_exceptions=True):
                if isinstance(outcome, BaseException):
                    raise outcome
        except TimeoutError as flaw:
            raise NodeEnded(f"{planned.kind}: {flaw}") from None
        finally:
            for one in sorted(made, key=lambda each: each.start_s):
                self.faults.append(self._fault(one, made))

    async def _do_beside(self, planned: Planned, made: list[_Made]) -> None:
        await asyncio.sleep(planned.pause_s)
        await self._do(planned, made)

    async def _do(self, planned: Planned, made: list[_Made]) -> None:
        deed = Deed(self._stage, planned, self._claimed)
        begun = self._now()
        try:
            await FAULTS[planned.kind](deed)
        finally:
            deed.release()
            made.append(_Made(deed, begun, self._now()))

    def _fault(self, one: _Made, made: list[_Made]) -> Fault:
        harms = [one.deed.harms, *(other.deed.harms for other in made if one.overlaps(other))]
        return Fault(
            kind=one.deed.planned.kind,
            target=one.deed.target,
            start_s=one.start_s,
            end_s=one.end_s,
            majority=majority_can_work(self._stage.names, *harms),
        )
