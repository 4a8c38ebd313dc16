"""The supervisor, with stand-ins for nodes: what dies, what comes back, what is left."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from quorate_client.errors import LocalError
from quorate_client.profile import Node, Profile
from quorate_client.up import Supervisor
from quorate_client.up.backoff import Backoff
from quorate_client.up.events import Died, Event, Started, Stopped, Unfit

PROFILE = Profile((Node("n1", "127.0.0.1:1"), Node("n2", "127.0.0.1:2")), lab=True, cluster_id="ab")
THREE = Profile((*PROFILE.nodes, Node("n3", "127.0.0.1:3")), lab=True, cluster_id="ab")
SLEEPS = "import time; time.sleep(600)"
WIPED = "import sys; sys.stderr.write('error: wiped; see --replace\\n'); sys.exit(6)"
DIES_ONCE = """
import pathlib, sys, time
mark = pathlib.Path(sys.argv[1])
if mark.exists(): time.sleep(600)
mark.touch()
sys.exit('out of luck')
"""


class NoPause(Backoff):
    def pause_s(self, lived_s: float) -> float:
        super().pause_s(lived_s)
        return 0.0


class Events(list[Event]):
    """The reported events, and a way to wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self._news = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.append(event)
        self._news.set()

    async def wait_for(self, wanted: Callable[[Event], bool], times: int = 1) -> Event:
        while len(found := [event for event in self if wanted(event)]) < times:
            self._news.clear()
            await self._news.wait()
        return found[-1]

    def pids(self) -> list[int]:
        return [event.pid for event in self if isinstance(event, Started)]


def supervisor(
    folder: Path,
    events: Events,
    code: str,
    *arguments: str,
    restart: bool = False,
    grace_s: float = 10.0,
) -> Supervisor:
    def command(node: Node) -> Sequence[str]:
        return [sys.executable, "-c", code if node.name == "n1" else SLEEPS, *arguments]

    return Supervisor(
        folder, PROFILE, events, restart=restart, command=command, pauses=NoPause, grace_s=grace_s
    )


def run_pids(folder: Path) -> list[int | None]:
    return [node["pid"] for node in json.loads((folder / "run.json").read_text())["nodes"]]


def gone(pids: Sequence[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def died(event: Event) -> bool:
    return isinstance(event, Died)


def started(event: Event) -> bool:
    return isinstance(event, Started)


def unfit(event: Event) -> bool:
    return isinstance(event, Unfit)


async def test_nothing_is_left_at_the_end(tmp_path: Path) -> None:
    events = Events()
    async with supervisor(tmp_path, events, SLEEPS) as running:
        assert run_pids(tmp_path) == events.pids()
        assert running.running("n1")
    assert gone(events.pids())
    assert not (tmp_path / "run.json").exists()
    assert [type(event) for event in events] == [Started, Started, Stopped]


async def test_nothing_is_left_after_an_error(tmp_path: Path) -> None:
    events = Events()
    with pytest.raises(ZeroDivisionError):
        async with supervisor(tmp_path, events, SLEEPS):
            raise ZeroDivisionError
    assert gone(events.pids())
    assert not (tmp_path / "run.json").exists()


async def test_nothing_is_left_when_a_later_node_cannot_be_started(tmp_path: Path) -> None:
    events = Events()

    def command(node: Node) -> Sequence[str]:
        program = sys.executable if node.name == "n1" else str(tmp_path / "missing")
        return [program, "-c", SLEEPS]

    with pytest.raises(LocalError, match="missing"):
        async with Supervisor(tmp_path, PROFILE, events, restart=True, command=command):
            raise AssertionError
    assert len(events.pids()) == 1
    assert gone(events.pids())
    assert not (tmp_path / "run.json").exists()


async def test_a_death_is_told_with_the_last_words(tmp_path: Path) -> None:
    events = Events()
    async with supervisor(tmp_path, events, "raise SystemExit('out of [red]luck')"):
        event = await events.wait_for(died)
        assert event == Died("n1", "exit status 1", "out of [red]luck", None)
        assert run_pids(tmp_path) == [None, events.pids()[1]]


async def test_what_died_comes_back_if_asked_for(tmp_path: Path) -> None:
    events = Events()
    mark = str(tmp_path / "mark")
    async with supervisor(tmp_path, events, DIES_ONCE, mark, restart=True) as running:
        await events.wait_for(started, times=3)
        assert events[2] == Died("n1", "exit status 1", "out of luck", 0.0)
        assert run_pids(tmp_path) == [events.pids()[2], events.pids()[1]]
        assert running.running("n1")
    assert gone(events.pids())


async def test_a_node_that_is_held_stays_down_until_released(tmp_path: Path) -> None:
    events = Events()
    async with supervisor(tmp_path, events, SLEEPS, restart=True) as running:
        running.kill("n1")
        assert await events.wait_for(died) == Died("n1", "SIGKILL", "", None)
        os.kill(events.pids()[1], signal.SIGKILL)  # another one, by hand: it comes back
        await events.wait_for(lambda event: isinstance(event, Started) and event.name == "n2", 2)
        assert not running.running("n1")
        running.release("n1")
        await events.wait_for(lambda event: isinstance(event, Started) and event.name == "n1", 2)


async def test_a_bad_configuration_is_not_tried_again(tmp_path: Path) -> None:
    events = Events()
    code = "import sys; sys.stderr.write('error: port 1 is taken\\n'); sys.exit(6)"
    with pytest.raises(LocalError, match=r"^n1 did not start: port 1 is taken$"):
        async with supervisor(tmp_path, events, code, restart=True) as running:
            await running.failed()
    assert gone(events.pids())


def unfit_by_its_disk(folder: Path, name: str) -> Unfit:
    to_do = f"stop this and run: quorate up {folder} --replace {name}"
    return Unfit(name, "wiped; see --replace", to_do)


def three(folder: Path, events: Events, *unfit: str, needed: int | None = None) -> Supervisor:
    """A supervisor of three nodes, some of which can't run."""

    def command(node: Node) -> Sequence[str]:
        return [sys.executable, "-c", WIPED if node.name in unfit else SLEEPS]

    return Supervisor(
        folder, THREE, events, restart=True, needed=needed, command=command, pauses=NoPause
    )


async def test_a_node_that_is_unfit_stays_down_with_its_reason_and_the_others_go_on(
    tmp_path: Path,
) -> None:
    events = Events()
    async with three(tmp_path, events, "n2") as running:
        assert await events.wait_for(unfit) == unfit_by_its_disk(tmp_path, "n2")
        assert [running.running(name) for name in ("n1", "n2", "n3")] == [True, False, True]
        assert run_pids(tmp_path)[1] is None
        os.kill(events.pids()[0], signal.SIGKILL)  # the others are still looked after
        again = await events.wait_for(started, times=4)
        assert isinstance(again, Started)
        assert again.name == "n1"
    assert [event.name for event in events if isinstance(event, Started)].count("n2") == 1


async def test_a_node_that_is_unfit_for_another_reason_is_not_to_be_replaced(
    tmp_path: Path,
) -> None:
    events = Events()
    code = "import sys; sys.stderr.write('error: port 1 is taken\\n'); sys.exit(6)"

    def command(node: Node) -> Sequence[str]:
        return [sys.executable, "-c", code if node.name == "n1" else SLEEPS]

    async with Supervisor(tmp_path, THREE, events, restart=True, command=command):
        assert await events.wait_for(unfit) == Unfit("n1", "port 1 is taken", "")


async def test_a_node_is_told_to_replace_its_disk_at_its_first_start_only(tmp_path: Path) -> None:
    events = Events()
    code = f"""
import pathlib, sys, time
with pathlib.Path({str(tmp_path)!r}, sys.argv[1]).open("a") as told: print(sys.argv[2:], file=told)
time.sleep(600 if sys.argv[1] != "n1" else 0)
sys.exit(3)
"""

    def command(node: Node) -> Sequence[str]:
        return [sys.executable, "-c", code, node.name]

    async with Supervisor(
        tmp_path, THREE, events, restart=True, replace=["n1"], command=command, pauses=NoPause
    ):
        await events.wait_for(lambda event: isinstance(event, Died), times=3)
        while not (tmp_path / "n2").exists():  # noqa: ASYNC110  a file has no event
            await asyncio.sleep(0.01)
    told = (tmp_path / "n1").read_text().splitlines()
    assert told[:3] == ["['--replace']", "[]", "[]"]
    assert (tmp_path / "n2").read_text().startswith("[]")


async def test_all_is_over_when_no_majority_is_fit_to_run(tmp_path: Path) -> None:
    events = Events()
    with pytest.raises(LocalError, match=r"^n[12] did not start: wiped; see --replace$"):
        async with three(tmp_path, events, "n1", "n2") as running:
            await running.failed()
    assert gone(events.pids())


async def test_one_unfit_node_is_too_many_where_all_are_needed(tmp_path: Path) -> None:
    events = Events()
    with pytest.raises(LocalError, match=r"^n3 did not start"):
        async with three(tmp_path, events, "n3", needed=3) as running:
            await running.failed()
    assert gone(events.pids())


async def test_a_node_that_becomes_unfit_later_is_not_started_again_either(tmp_path: Path) -> None:
    events = Events()
    code = f"""
import os, pathlib, signal
mark = pathlib.Path({str(tmp_path / "mark")!r})
if not mark.exists():
    mark.touch()
    os.kill(os.getpid(), signal.SIGKILL)
{WIPED}
"""

    def command(node: Node) -> Sequence[str]:
        return [sys.executable, "-c", code if node.name == "n1" else SLEEPS]

    async with Supervisor(
        tmp_path, THREE, events, restart=True, command=command, pauses=NoPause
    ) as running:
        assert await events.wait_for(unfit) == unfit_by_its_disk(tmp_path, "n1")
        assert not running.running("n1")
    assert [event.how for event in events if isinstance(event, Died)] == ["SIGKILL"]


@pytest.mark.parametrize(("status", "words"), [(74, "disk refused to write"), (70, "be wrong")])
async def test_a_node_that_stopped_itself_comes_back_after_growing_pauses(
    tmp_path: Path, status: int, words: str
) -> None:
    events = Events()
    pauses: list[float] = []

    class Noted(Backoff):
        def pause_s(self, lived_s: float) -> float:
            pauses.append(super().pause_s(lived_s))
            return 0.0

    code = f"import sys; sys.stderr.write('CRITICAL the disk is full\\n'); sys.exit({status})"

    def command(node: Node) -> Sequence[str]:
        return [sys.executable, "-c", code if node.name == "n1" else SLEEPS]

    async with Supervisor(tmp_path, PROFILE, events, restart=True, command=command, pauses=Noted):
        event = await events.wait_for(died, times=4)
    assert isinstance(event, Died)
    assert event.how.startswith(f"exit status {status} (")
    assert words in event.line
    assert "the disk is full" in event.line
    assert pauses[:4] == [1, 2, 4, 8]


async def test_a_held_node_is_not_down_for_good(tmp_path: Path) -> None:
    events = Events()
    async with supervisor(tmp_path, events, "raise SystemExit(1)") as running:
        running.kill("n2")
        waiting = asyncio.create_task(running.failed())
        await events.wait_for(died, times=2)
        assert not waiting.done()  # n2 is only held
        waiting.cancel()
    assert gone(events.pids())


async def test_one_that_ignores_sigterm_is_killed_when_hurried(tmp_path: Path) -> None:
    events = Events()
    code = "import signal, time; signal.signal(15, 1); print('up', flush=True); time.sleep(600)"
    log = tmp_path / "logs" / "n1.log"
    running = supervisor(tmp_path, events, code, grace_s=600)
    async with running:
        while not log.exists() or "up" not in log.read_text():  # noqa: ASYNC110  a file
            await asyncio.sleep(0.01)
        running.hurry()
    assert gone(events.pids())


def test_pauses_double_up_to_half_a_minute_and_begin_anew_after_a_long_life() -> None:
    backoff = Backoff()
    assert [backoff.pause_s(0.1) for _ in range(7)] == [1, 2, 4, 8, 16, 30, 30]
    assert [backoff.pause_s(3600), backoff.pause_s(1)] == [1, 2]
