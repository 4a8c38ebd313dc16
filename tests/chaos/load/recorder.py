"""Writing down every call: when it began and ended, and what the cluster said."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from chaos.records import NOT_DONE, UNKNOWN, Kind, Op
from quorate_client import NotDone, NotFound, QuorateError, Unknown
from quorate_client.cli.outcomes import Outcomes, name_of

AGAIN_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A call that is about to be made; the fields are those of `Op`."""

    process: str
    kind: Kind
    election: str = ""
    voter: str = ""
    request_id: bytes = b""
    choice: str = ""
    node: str = ""
    end_us: int = 0


@dataclass(frozen=True, slots=True)
class Said:
    """What the cluster answered, as `Op` tells it."""

    outcome: str
    end_us: int | None = None
    counts: Mapping[str, int] | None = None


class Recorder:
    """The history. `unexpected` are answers that no call should get, a line each."""

    def __init__(self) -> None:
        self.ops: list[Op] = []
        self.unexpected: list[str] = []
        self._began = time.monotonic()
        self.began_us = time.time_ns() // 1000

    def now(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    async def call(self, asked: Asked, answer: Awaitable[Said]) -> str:
        """Await the answer, write the call down, and return its outcome."""
        start_s, said = self.now(), Said(UNKNOWN)
        try:
            said = await answer
        except NotFound:
            said = Said("NOT_FOUND")
        except NotDone:
            said = Said(NOT_DONE)
        except Unknown:
            pass
        except QuorateError as error:
            self.unexpected.append(f"{asked.kind} of {asked.process} at {start_s:.2f} s: {error}")
            said = Said(NOT_DONE)
        finally:  # one that is cancelled may have been carried out, too
            self._write(asked, said, start_s)
        return said.outcome

    def _write(self, asked: Asked, said: Said, start_s: float) -> None:
        self.ops.append(
            Op(
                process=asked.process,
                kind=asked.kind,
                start_s=start_s,
                end_s=self.now(),
                outcome=said.outcome,
                election=asked.election,
                voter=asked.voter,
                request_id=asked.request_id.hex(),
                choice=asked.choice,
                node=asked.node,
                end_us=asked.end_us if said.end_us is None else said.end_us,
                counts=said.counts or {},
            )
        )


def named(outcomes: Outcomes, value: int) -> Said:
    """Return an outcome of a proto enum by its name."""
    return Said(name_of(outcomes, value))


async def until_known(call: Callable[[], Awaitable[str]]) -> str:
    """Make a call, and again (under the same request id) while its outcome is unknown."""
    while True:
        outcome = await call()
        if outcome != UNKNOWN:
            return outcome
        await asyncio.sleep(AGAIN_S)


async def pause(seconds: float, stopping: asyncio.Event) -> bool:
    """Sleep, unless it is time to stop; tell whether to go on."""
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return True
    return False
