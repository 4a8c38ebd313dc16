"""A member in an event loop: every entry into it is guarded, every change is followed by a step.

Rule 1: whatever goes wrong in the member ends the node: a `FailStop`, an OSError of its disk, or
any other exception. To log it and to go on would apply entries twice, or promise what is not so.
Rule 2: steps are coalesced. However many messages and proposals come in one turn of the loop,
one step follows, with one sync.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from typing import ParamSpec

from quorate_replication.background import Background
from quorate_replication.engine import EngineStatus, Settled
from quorate_replication.errors import (
    FailStop,
    NotWelcome,
    as_fail_stop,
)
from quorate_replication.machine import Machine
from quorate_replication.options import RaftOptions
from quorate_replication.raft.member import Member
from quorate_replication.raft.opening import open_disk
from quorate_replication.state.elections import Elections
from quorate_replication.storage.disk import Disk
from quorate_replication.storage.journal import Journal
from quorate_replication.storage.membership import Membership
from quorate_replication.wire.greeting import Greeter
from quorate_replication.wire.messages import Hello, Message, Refusal, Standing, TurnedAway, Welcome
from quorate_replication.wire.network import Network

log = logging.getLogger(__name__)

P = ParamSpec("P")
TICK_S = 0.02  # the longest time between two looks at the member's timers
HAND_OVER_S = 3.0  # how long a leader that stops waits for another to take over
SEGMENT_BYTES = 16 << 20


class Driver:
    """One member's life in one event loop.

    Args:
        options: who and how.
        disk: its data folder.
        network: makes the connections to its peers, given whom to ask about callers.
        background: for what takes long.
        dice: for timeouts, ids and the incarnation.
        on_applied: called after entries were applied; must not block.
        on_failure: called once when the node must end; nothing is done here after it.
        segment_bytes: of the journal.
    """

    def __init__(  # noqa: PLR0913 - each is a different seam
        self,
        options: RaftOptions,
        *,
        disk: Disk,
        network: Callable[[Greeter], Network],
        background: Background,
        dice: random.Random,
        on_applied: Callable[[], None],
        on_failure: Callable[[FailStop], None],
        segment_bytes: int = SEGMENT_BYTES,
    ) -> None:
        self._options = options
        self._disk, self._make_network, self._background = disk, network, background
        self._dice, self._segment_bytes = dice, segment_bytes
        self._on_applied, self._on_failure = on_applied, on_failure
        self._machine = Machine()
        self._journal: Journal
        self._member: Member
        self._membership: Membership
        self._network: Network
        self._loop: asyncio.AbstractEventLoop
        self._timer: asyncio.TimerHandle | None = None
        self._step_is_due = False
        self._new_disks: set[str] = set()
        self._said_hopeless = False
        self._ended = True
        self.status = EngineStatus()
        self.turned_at = 0.0
        """When it last looked at everything, in its loop's time."""

    # ------------------------------------------------------------------ starting and stopping

    async def start(self) -> None:
        """Read the disk, listen and dial. Raises EngineStartError; then nothing runs."""
        self._loop = asyncio.get_running_loop()
        self._open()
        self._ended = False
        self._publish()
        try:
            await self._network.start(self)
        except BaseException:
            self._close()
            raise
        self._tick()

    def _open(self) -> None:
        found = open_disk(self._options, self._disk, self._dice, self._segment_bytes)
        self._membership, self._journal = found.membership, found.journal
        self._machine = found.machine
        self._network = self._make_network(self)
        self._member = Member(
            self._options,
            journal=found.journal,
            store=found.store,
            machine=found.machine,
            network=self._network,
            background=self._background,
            membership=found.membership,
            dice=self._dice,
            on_applied=self._on_applied,
        )

    async def stop(self) -> None:
        """Hand leadership over if it is ours, then end; after a failure only close what is open."""
        if not self._ended:
            await self._hand_over()
        self._guarded(self._member.proposals.give_up, "this node stops")
        self._guarded(self._member.reads.give_up)
        await self._network.stop()
        self._close()

    def _close(self) -> None:
        failed, self._ended = self._ended, True
        if self._timer is not None:
            self._timer.cancel()
        try:
            self._journal.close()
        except FailStop as flaw:
            if not failed:
                self._on_failure(flaw)

    async def _hand_over(self) -> None:
        """Let another take over before we go, so that voters feel no election timeout.

        A transfer may fail, and this member be elected again: then it is tried again. A follower
        stays, to vote, until the leader is known. Without a majority nobody can take over.
        """
        deadline = self._loop.time() + HAND_OVER_S
        while not self._ended and self._loop.time() < deadline:
            self._guarded(self._member.hand_over)
            self._kick()
            if self._ended or not self._options.peers.keys() - {self._options.name}:
                return
            if self.status.leader not in ("", self._options.name):
                return
            if not self._member.raft.hasQuorum:
                return
            await asyncio.sleep(TICK_S)

    # ------------------------------------------------------------------ what others want of it

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        """Propose an entry; `done` is called at most once, perhaps never."""
        self._enter(self._member.proposals.propose, entry, done)

    def read_index(self, ready: Callable[[bool], None]) -> None:
        """Call `ready` once the state here is current, or nobody can tell."""
        self._enter(self._member.reads.read_index, ready)

    def inspect(self, job: Callable[[Elections], None]) -> None:
        """Run `job` on the state; it must not change it or raise."""
        self._guarded(self._inspect, job)

    def _inspect(self, job: Callable[[Elections], None]) -> None:
        self._publish()  # so that the status tells of this very state
        job(self._machine.state)

    # ------------------------------------------------------------------ what the network asks

    def hello(self) -> Hello:
        """Return what this member says when it dials."""
        return self._membership.hello()

    def greet(self, hello: Hello) -> Welcome | TurnedAway:
        """Answer a caller; what is learned of it is durable before this returns."""
        answers: list[Welcome | TurnedAway] = [TurnedAway(Refusal.NOT_A_MEMBER)]
        self._enter(lambda: answers.append(self._membership.greet(hello)))
        self._mention_standing(hello.name, hello.standing)
        return answers[-1]

    def welcomed(self, peer: str, welcome: Welcome) -> bool:
        """Take what a peer answered; False: it is not who we know, hang up."""
        known, asked = [False], self._membership.standing is Standing.ASKING
        self._enter(lambda: known.append(self._membership.welcomed(peer, welcome)))
        if asked and self._membership.counts:
            log.warning("no other member has any data of this one: it begins as new, and empty")
        self._mention_standing(peer, welcome.standing)
        return known[-1]

    def _mention_standing(self, peer: str, standing: Standing) -> None:
        """Say so when too many disks are lost for anybody to catch up."""
        lost = self._new_disks
        (lost.add if standing is Standing.REPLACING else lost.discard)(peer)
        members = len(self._options.peers)
        own = self._membership.standing is Standing.REPLACING
        if own and 2 * (members - len(lost) - 1) <= members and not self._said_hopeless:
            self._said_hopeless = True
            log.error(
                "%d of %d members have new disks: no majority is left to catch up from; waiting "
                "does not help, unless a lost disk is found again",
                len(lost) + 1,
                members,
            )

    # ------------------------------------------------------------------ what the network tells

    def connected(self, peer: str) -> None:
        """Messages to that peer can be sent from now on."""
        log.info("connected to %s", peer)
        self._enter(self._member.connected, peer)

    def disconnected(self, peer: str) -> None:
        """Messages to that peer can't be sent any more."""
        self._enter(self._member.disconnected, peer)

    def received(self, peer: str, message: Message) -> None:
        """A message has come from that peer."""
        self._enter(self._member.received, peer, message)

    def refused(self, why: str) -> None:
        """A peer knows this member with another disk."""
        self._fail(NotWelcome(f"{why} (its data: {self._disk.path})"))

    # ------------------------------------------------------------------ running

    def _enter(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        self._guarded(call, *args, **kwargs)
        self._kick()

    def _guarded(self, call: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Rule 1."""
        if self._ended:
            return
        try:
            call(*args, **kwargs)
        except Exception as flaw:
            if not isinstance(flaw, FailStop | OSError):
                log.exception("a defect in the raft thread")
            self._fail(as_fail_stop(flaw, self._disk.path))

    def guard_job(self, call: Callable[[], object]) -> None:
        """Run what a background job calls when it is done."""
        self._enter(call)

    def _fail(self, flaw: FailStop) -> None:
        if not self._ended:
            self._ended = True
            self._on_failure(flaw)

    def _kick(self) -> None:
        """Rule 2."""
        if not self._step_is_due and not self._ended:
            self._step_is_due = True
            self._loop.call_soon(self._step)

    def _step(self) -> None:
        self._step_is_due = False
        self._guarded(self._step_and_publish)

    def _step_and_publish(self) -> None:
        more = self._member.step()
        self.turned_at = self._loop.time()
        self._publish()
        if more:
            self._kick()

    def _tick(self) -> None:
        if not self._ended:
            self._kick()
            self._timer = self._loop.call_later(TICK_S, self._tick)

    def _publish(self) -> None:
        status, before = self._member.status, self.status
        if status == before:
            return
        self.status = status
        now, then = (
            (view.role, view.term, view.leader, view.standing) for view in (status, before)
        )
        if now != then:
            votes = "" if status.votes else f", {status.standing}: does not vote"
            log.info(
                "%s in term %d, leader %s%s",
                status.role.value,
                status.term,
                status.leader or "?",
                votes,
            )
