"""The raft thread: a member with real parts, in an event loop and a thread of its own.

The node's own loop hands over with `call_soon_threadsafe`; answers come back the same way. So
neither a slow disk nor a slow client holds up the other.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from quorate_replication.background import Background, Job
from quorate_replication.ending import end_process
from quorate_replication.engine import EngineStatus, Role, Settled
from quorate_replication.errors import FailStop, as_fail_stop
from quorate_replication.options import RaftOptions
from quorate_replication.raft.driver import Driver
from quorate_replication.state.elections import Elections
from quorate_replication.storage.os_disk import OsDisk
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.network import Network
from quorate_replication.wire.tls_network import TlsNetwork

log = logging.getLogger(__name__)

T = TypeVar("T")
HUNG_S = 1.0  # fifty times as long as the thread sleeps at most


class RaftEngine:
    """The raft thread; see `engine.Engine`.

    Args:
        options: who and where.
        on_applied: called in the raft thread after entries were applied; must not block.
        on_failure: called in the raft thread when the node must end; by default it does.
    """

    def __init__(
        self,
        options: RaftOptions,
        on_applied: Callable[[], None],
        on_failure: Callable[[FailStop], None] = end_process,
    ) -> None:
        self._loop = asyncio.new_event_loop()
        self._background = _Worker(self._loop, options.data, self._job_done, self._job_failed)
        self._on_failure = on_failure
        self._driver = Driver(
            options,
            disk=OsDisk(options.data),
            network=partial(_network, options),
            background=self._background,
            dice=random.SystemRandom(),
            on_applied=on_applied,
            on_failure=on_failure,
        )
        self._thread = threading.Thread(target=self._run, name="raft", daemon=True)

    @property
    def status(self) -> EngineStatus:
        """The latest view; a thread that hangs, on its disk perhaps, knows no leader."""
        status = self._driver.status
        if time.monotonic() - self._driver.turned_at > HUNG_S:
            return replace(status, role=Role.FOLLOWER, leader="", caught_up=False)
        return status

    async def start(self) -> None:
        """Start the thread; return once it listens to its peers. Raises EngineStartError."""
        self._thread.start()
        try:
            await self._in_thread(self._driver.start())
        except BaseException:
            await self._end_thread()
            raise

    async def stop(self) -> None:
        """Hand leadership over if it is ours, then end."""
        await self._in_thread(self._driver.stop())
        await self._end_thread()

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        """Propose an entry; `done` is called at most once, perhaps never."""
        self._post(partial(self._driver.submit, entry, done))

    def read_index(self, ready: Callable[[bool], None]) -> None:
        """Call `ready` once the state here is current, or nobody can tell."""
        self._post(partial(self._driver.read_index, ready))

    def inspect(self, job: Callable[[Elections], None]) -> None:
        """Run `job` on the state, between two entries; it must not change it or raise."""
        self._post(partial(self._driver.inspect, job))

    # ------------------------------------------------------------------ the thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()

    async def _in_thread(self, coroutine: Coroutine[object, object, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(coroutine, self._loop))

    async def _end_thread(self) -> None:
        await asyncio.to_thread(self._background.close)
        self._post(self._loop.stop)
        await asyncio.to_thread(self._thread.join)

    def _post(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            log.debug("the raft thread has ended")

    def _job_done(self, call: Callable[[], object]) -> None:
        self._driver.guard_job(call)

    def _job_failed(self, flaw: FailStop) -> None:
        self._on_failure(flaw)


class _Worker(Background):
    """One thread for what takes long; see `background.Background`."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        folder: Path,
        on_done: Callable[[Callable[[], object]], None],
        on_failure: Callable[[FailStop], None],
    ) -> None:
        self._loop, self._folder = loop, folder
        self._on_done, self._on_failure = on_done, on_failure
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="raft-background")
        self._closed = False

    def run(self, job: Job[T], done: Callable[[T], None]) -> None:
        """Run `job` through, then call `done` in the raft thread."""
        self._pool.submit(self._run, job, done)

    def _run(self, job: Job[T], done: Callable[[T], None]) -> None:
        try:
            while not self._closed:
                next(job)
            job.close()
        except StopIteration as end:
            self._post(partial(self._on_done, partial(done, end.value)))
        except Exception as flaw:  # noqa: BLE001 - whatever it is ends the node
            self._post(partial(self._on_failure, as_fail_stop(flaw, self._folder)))

    def _post(self, call: Callable[[], object]) -> None:
        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            log.debug("a job ended after the raft thread")

    def close(self) -> None:
        """Give up the job under way at its next step; start no other."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)


def _network(options: RaftOptions, greeter: Greeter) -> Network:
    return TlsNetwork(options.name, dict(options.peers), options.bind, options.tls, greeter)
