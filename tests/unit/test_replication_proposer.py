"""Group commit against an engine that answers by script."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

import pytest

from quorate_proto.internal import command_pb2 as pb
from quorate_replication import proposer as subject
from quorate_replication.engine import Committed, EngineStatus, Refused, Settled, Unknown
from quorate_replication.errors import NotCommitted, OutcomeUnknown, Overloaded
from quorate_replication.proposer import Proposer
from quorate_replication.state.elections import Elections
from quorate_replication.state.outcome import Outcome

PATIENCE_S = 30.0
SOON_S = 0.05

_serial = count(1)


class Script:
    """An engine with a real state: each submitted batch waits until the test settles it."""

    def __init__(self) -> None:
        self.status = EngineStatus()
        self.state = Elections()
        self.batches: list[pb.Batch] = []
        self._open: asyncio.Queue[tuple[pb.Batch, Callable[[Settled], None]]] = asyncio.Queue()

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def read_index(self, ready: Callable[[bool], None]) -> None:
        ready(True)

    def inspect(self, job: Callable[[Elections], None]) -> None:
        job(self.state)

    def submit(self, entry: bytes, done: Callable[[Settled], None]) -> None:
        batch = pb.Batch.FromString(entry)
        self.batches.append(batch)
        self._open.put_nowait((batch, done))

    async def refuse(self) -> None:
        """Answer the next batch: in no log."""
        _, done = await self._open.get()
        done(Refused("no leader"))

    async def lose(self, *, commit: bool) -> None:
        """Let the next batch's answer be lost, whatever became of the batch."""
        batch, done = await self._open.get()
        if commit:
            self.state.apply(batch)
        done(Unknown("leader changed"))

    async def commit(self) -> None:
        """Commit the next batch."""
        batch, done = await self._open.get()
        done(Committed(self.state.apply(batch)))

    async def take(self) -> tuple[pb.Batch, Callable[[Settled], None]]:
        """Return the next batch, and what answers it."""
        return await self._open.get()


@asynccontextmanager
async def running() -> AsyncGenerator[tuple[Proposer, Script]]:
    script = Script()
    proposer = Proposer(script, "n1", lambda: 1)
    task = asyncio.create_task(proposer.run())
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield proposer, script
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def register(name: str, size: int = 1) -> pb.Command:
    return pb.Command(
        register_voter=pb.RegisterVoter(
            request_id=b"%d" % next(_serial), name=name, group="g" * size, public_key=bytes(32)
        )
    )


def begin(proposer: Proposer, command: pb.Command | None) -> asyncio.Task[Outcome]:
    return asyncio.create_task(proposer.propose(command, PATIENCE_S))


def names(batch: pb.Batch) -> list[str]:
    return [command.register_voter.name for command in batch.commands]


async def test_a_committed_command_returns_its_own_outcome() -> None:
    async with running() as (proposer, script):
        good, bad = begin(proposer, register("Ada")), begin(proposer, register(""))
        await script.commit()
        assert await good is Outcome.ACCEPTED
        assert await bad is Outcome.NAME_INVALID


async def test_a_definite_refusal_is_tried_again_until_it_commits() -> None:
    async with running() as (proposer, script):
        answer = begin(proposer, register("Ada"))
        await script.refuse()
        await script.refuse()
        await script.commit()
        assert await answer is Outcome.ACCEPTED


async def test_what_was_committed_unheard_gets_its_first_answer_when_it_is_repeated() -> None:
    async with running() as (proposer, script):
        answer = begin(proposer, register("Ada"))
        await script.lose(commit=True)
        await script.commit()
        assert await answer is Outcome.ACCEPTED  # REPLACED would be a second registration
        assert script.batches[0].commands == script.batches[1].commands
        voter = script.state.roll.get("Ada")
        assert voter is not None
        assert voter.key_version == 1


async def test_what_was_lost_is_committed_when_it_is_repeated() -> None:
    async with running() as (proposer, script):
        answer = begin(proposer, register("Ada"))
        await script.lose(commit=False)
        await script.commit()
        assert await answer is Outcome.ACCEPTED


async def test_an_engine_that_never_answers_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "BATCH_TIMEOUT_S", 0.0)
    async with running() as (proposer, script):
        answer = begin(proposer, register("Ada"))
        silent, _ = await script.take()
        monkeypatch.undo()
        again, _ = await script.take()
        assert again == silent
        answer.cancel()


async def test_time_up_before_anything_went_out_is_definite(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "MAX_IN_FLIGHT", 1)
    async with running() as (proposer, script):
        ada = begin(proposer, register("Ada"))
        await script.take()  # Bob must wait for it
        with pytest.raises(NotCommitted):
            await proposer.propose(register("Bob"), SOON_S)
        ada.cancel()


async def test_time_up_after_nothing_but_refusals_is_definite() -> None:
    async with running() as (proposer, script):
        refusing = asyncio.create_task(_for_ever(script.refuse))
        with pytest.raises(NotCommitted):
            await proposer.propose(register("Ada"), SOON_S)
        refusing.cancel()


async def test_time_up_while_a_batch_is_out_is_unknown() -> None:
    async with running() as (proposer, _):
        with pytest.raises(OutcomeUnknown):
            await proposer.propose(register("Ada"), SOON_S)


async def test_time_up_after_one_lost_answer_is_unknown_whatever_comes_later() -> None:
    async with running() as (proposer, script):

        async def lose_one_then_refuse() -> None:
            await script.lose(commit=True)
            await _for_ever(script.refuse)

        script_task = asyncio.create_task(lose_one_then_refuse())
        with pytest.raises(OutcomeUnknown):
            await proposer.propose(register("Ada"), SOON_S)
        script_task.cancel()


async def test_time_up_in_the_moment_of_the_answer_is_not_called_definite() -> None:
    async with running() as (proposer, script):
        loop = asyncio.get_running_loop()
        answer = asyncio.create_task(proposer.propose(register("Ada"), SOON_S))
        batch, done = await script.take()
        due = loop.time() + SOON_S

        def answer_with_the_timer() -> None:
            while loop.time() < due:  # so that the caller's timer fires in the next round
                pass
            done(Committed(script.state.apply(batch)))

        loop.call_soon(answer_with_the_timer)
        with pytest.raises(OutcomeUnknown):
            await answer


async def test_requests_gather_while_as_many_batches_are_out_as_may_be() -> None:
    async with running() as (proposer, script):
        first: list[asyncio.Task[Outcome]] = []
        for number in range(subject.MAX_IN_FLIGHT):
            first.append(begin(proposer, register(f"first {number}")))
            while len(script.batches) <= number:  # noqa: ASYNC110 - a turn of the loop, no time
                await asyncio.sleep(0)
        others = [begin(proposer, register(f"voter {number}")) for number in range(50)]
        for _ in range(subject.MAX_IN_FLIGHT + 1):
            await script.commit()
        await asyncio.gather(*first, *others)
        sizes = [len(batch.commands) for batch in script.batches]
        assert sizes == [*[1] * subject.MAX_IN_FLIGHT, 50]


async def test_a_batch_that_waits_holds_up_no_other() -> None:
    async with running() as (proposer, script):
        slow = begin(proposer, register("slow"))
        await script.take()
        quick = begin(proposer, register("quick"))
        await script.commit()
        assert await quick is Outcome.ACCEPTED
        slow.cancel()


async def test_requests_are_committed_in_the_order_of_their_arrival_after_failures_too() -> None:
    async with running() as (proposer, script):
        answers = [begin(proposer, register(name)) for name in "abc"]
        await script.refuse()
        answers += [begin(proposer, register(name)) for name in "de"]
        await script.commit()
        await asyncio.gather(*answers)
        assert names(script.batches[-1]) == ["a", "b", "c", "d", "e"]


async def test_a_batch_is_cut_at_256_kib() -> None:
    async with running() as (proposer, script):
        answers = [begin(proposer, register(f"v{number}", 100_000)) for number in range(5)]
        for _ in range(3):
            await script.commit()
        await asyncio.gather(*answers)
        assert [names(batch) for batch in script.batches] == [["v0", "v1"], ["v2", "v3"], ["v4"]]
        assert all(batch.ByteSize() <= 256 * 1024 for batch in script.batches)


async def test_a_command_longer_than_a_batch_is_refused_at_the_door() -> None:
    async with running() as (proposer, script):
        with pytest.raises(Overloaded, match="larger than"):
            await proposer.propose(register("Ada", 300_000), PATIENCE_S)
        assert script.batches == []


async def test_a_caller_who_left_is_not_sent_again_and_harms_nobody() -> None:
    async with running() as (proposer, script):
        staying, leaving = begin(proposer, register("Ada")), begin(proposer, register("Bob"))
        await asyncio.sleep(0)
        leaving.cancel()
        await script.refuse()
        await script.commit()
        assert await staying is Outcome.ACCEPTED
        assert names(script.batches[-1]) == ["Ada"]


async def test_a_barrier_is_an_entry_without_commands_and_returns_after_it() -> None:
    async with running() as (proposer, script):
        barrier = begin(proposer, None)
        await script.commit()
        assert await barrier is Outcome.ACCEPTED
        (batch,) = script.batches
        assert not batch.commands
        assert (batch.proposer, batch.clock_us) == ("n1", 1)


async def test_barriers_and_commands_share_a_batch_and_keep_their_answers() -> None:
    async with running() as (proposer, script):
        answers = [begin(proposer, command) for command in (None, register(""), None)]
        await script.commit()
        expected = [Outcome.ACCEPTED, Outcome.NAME_INVALID, Outcome.ACCEPTED]
        assert await asyncio.gather(*answers) == expected


async def test_too_many_waiting_requests_are_refused_at_the_door(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(subject, "MAX_WAITING", 3)
    async with running() as (proposer, script):
        answers = [begin(proposer, register(name)) for name in "abc"]
        await asyncio.sleep(0)
        with pytest.raises(Overloaded):
            await proposer.propose(register("d"), PATIENCE_S)
        await script.commit()
        await asyncio.gather(*answers)


def test_an_answer_after_the_loop_is_closed_does_not_raise() -> None:
    async def stop_before_the_answer() -> Callable[[Settled], None]:
        async with running() as (proposer, script):
            caller = begin(proposer, register("Ada"))
            _, done = await script.take()
            caller.cancel()
            return done

    done = asyncio.run(stop_before_the_answer())
    done(Refused("too late"))


async def _for_ever(step: Callable[[], Awaitable[None]]) -> None:
    while True:
        await step()
