"""The real driver, looked on as it works, and the engine that stands in for the raft thread.

The checker hears what each node applies and in which terms it leads; nothing is changed by that.
In production the engine hands calls over to the raft loop; here that loop is the only one.
"""

from collections.abc import Callable

from quorate_replication import EngineStatus
from quorate_replication.engine import Settled
from quorate_replication.raft.driver import Driver
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome
from simulation.checker import Applied
from simulation.loop import VirtualLoop
from simulation.trace import Trace


class WatchedDriver(Driver):
    """The real driver; the checker hears what it applies, and where it leads."""

    def watch(self, name: str, applied: Applied, trace: Trace) -> None:
        """Say to whom it belongs, and who wants to know."""
        self._owner, self._applied, self._trace = name, applied, trace

    def _open(self) -> None:
        super()._open()
        machine, raft = self._machine, self._member.raft
        really_apply = machine.apply

        def apply(entry: bytes) -> list[Outcome]:
            index = raft.applied_index + 1
            term = raft.log[index - raft.log[0].index].term
            self._applied.apply(self._owner, index, term, entry)
            return really_apply(entry)

        machine.apply = apply  # type: ignore[method-assign]  # to look on, not to change it

    @property
    def state(self) -> Elections:
        """The state as it is."""
        return self._machine.state

    def _publish(self) -> None:
        super()._publish()
        if self._member.raft.leads:
            self._applied.leads(self._owner, self._member.raft.term)


class Engine:
    """What `RaftEngine` is in production: calls go over to the raft loop, which is this one."""

    def __init__(self, loop: VirtualLoop, driver: Driver) -> None:
        self._loop, self._driver = loop, driver

    @property
    def status(self) -> EngineStatus:
        """What the driver says of itself."""
        return self._driver.status

    async def start(self) -> None:
        """Open what is on disk, and take part."""
        await self._driver.start()

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        """Propose an entry."""
        self._loop.call_soon(self._driver.submit, entry, done)

    def read_index(self, ready: Callable[[bool], None]) -> None:
        """Ask to be told when the state is recent enough for a read."""
        self._loop.call_soon(self._driver.read_index, ready)

    def inspect(self, job: Callable[[Elections], None]) -> None:
        """Have the state shown to `job`."""
        self._loop.call_soon(self._driver.inspect, job)

    async def stop(self) -> None:
        """Take part no more."""
        await self._driver.stop()
