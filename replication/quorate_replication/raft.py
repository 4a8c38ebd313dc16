"""The raft thread: one thread per node that owns the log and the state."""

import logging
import socket
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from quorate_replication.core import RaftCore
from quorate_replication.engine import EngineStartError, EngineStatus, Role, Settled
from quorate_replication.machine import Machine, fail_stop
from quorate_replication.options import RaftOptions
from quorate_replication.state.elections import Elections

log = logging.getLogger(__name__)

TICK_S = 0.02  # the longest time between two looks at PySyncObj's own timers
HAND_OVER_S = 3.0  # how long a leader that stops waits for another to take over


class RaftEngine:
    """The raft thread: it alone touches the log and the state. See `engine.Engine`.

    Args:
        options: who and where.
        on_applied: called in the raft thread after entries were applied; must not block.
    """

    def __init__(self, options: RaftOptions, on_applied: Callable[[], None]) -> None:
        self._options = options
        self._on_applied = on_applied
        self._machine = Machine()
        self._jobs: deque[Callable[[RaftCore], None]] = deque()
        self._waker, self._woken = socket.socketpair()
        self._started = threading.Event()
        self._start_error: EngineStartError | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="raft", daemon=True)
        self.status = EngineStatus()

    # ------------------------------------------------------------------ from any thread

    def start(self) -> None:
        """Start the thread; return once it listens to its peers. Raises EngineStartError."""
        self._thread.start()
        self._started.wait()
        if self._start_error is not None:
            raise self._start_error

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        """Propose an entry; `done` is called at most once, perhaps never."""
        self._post(lambda core: core.propose(entry, done))

    def inspect(self, job: Callable[[Elections], None]) -> None:
        """Run `job` on the state, between two entries; it must not change it or raise."""
        self._post(lambda _: job(self._machine.state))

    def stop(self) -> None:
        """Hand leadership over if it is ours, then end."""
        self._stopping.set()
        self._wake()
        self._thread.join()
        self._close_wakers()

    def _post(self, job: Callable[[RaftCore], None]) -> None:
        self._jobs.append(job)
        self._wake()

    def _wake(self) -> None:
        with suppress(BlockingIOError, OSError):  # full: it will wake anyway; closed: it ended
            self._waker.send(b"\0")

    # ------------------------------------------------------------------ in the raft thread

    def _run(self) -> None:
        core = self._start_core()
        self._started.set()
        if core is None:
            self._close_wakers()
            return
        try:
            while not self._stopping.is_set():
                self._turn(core)
            self._hand_over(core)
            core.destroy()
        except Exception:  # noqa: BLE001 - stock would log it and apply the entry again
            fail_stop("the raft thread raised")

    def _start_core(self) -> RaftCore | None:
        try:
            core = RaftCore(self._options, self._machine)
            for end in (self._waker, self._woken):
                end.setblocking(False)
            core.watch(self._woken.fileno(), self._on_wake)
            core.step()  # loads the snapshot, so that nobody sees the state without it
        except EngineStartError as flaw:
            self._start_error = flaw
            return None
        except Exception as flaw:  # whoever waits for the start must hear of it
            log.exception("PySyncObj does not start")
            self._start_error = EngineStartError(f"PySyncObj does not start: {flaw!r}")
            return None
        self._publish(core)
        return core

    def _close_wakers(self) -> None:
        self._waker.close()
        self._woken.close()

    def _on_wake(self) -> None:
        with suppress(BlockingIOError):
            while self._woken.recv(4096):
                pass

    def _turn(self, core: RaftCore) -> None:
        while self._jobs:
            self._jobs.popleft()(core)
        more = core.step()
        self._publish(core)
        if not more and not self._jobs:
            core.wait(TICK_S)
            self._publish(core)  # a snapshot may have come

    def _publish(self, core: RaftCore) -> None:
        status = EngineStatus(
            role=core.role,
            term=core.term,
            leader=core.leader_name,
            commit_index=core.commit_index,
            applied_index=core.applied_index,
            caught_up=core.caught_up,
        )
        if status != self.status:
            if (status.role, status.term, status.leader) != (
                self.status.role,
                self.status.term,
                self.status.leader,
            ):
                log.info(
                    "%s in term %d, leader %s", status.role.value, status.term, status.leader or "?"
                )
            applied = self.status.applied_index
            self.status = status
            if applied != status.applied_index:
                self._on_applied()

    def _hand_over(self, core: RaftCore) -> None:
        """Let another take over before we go, so that voters feel no election timeout.

        A transfer may fail, and this member be elected again: then it is tried again. A follower
        stays, to vote, until the leader is known. Without a quorum nobody can take over.
        """
        deadline = core.now() + HAND_OVER_S
        core.leaving = True
        self._jobs.clear()
        alone = len(self._options.peers) == 1
        while not self._another_leads(core) and not alone:
            if not core.hasQuorum or core.now() >= deadline:
                return
            if core.role is Role.LEADER:
                core.transferLeadership()
            pause = core.now() + 5 * TICK_S
            while not self._another_leads(core) and core.now() < pause:
                self._turn(core)

    def _another_leads(self, core: RaftCore) -> bool:
        return core.leader_name not in ("", self._options.name)
