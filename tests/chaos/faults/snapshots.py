"""Crashes in the midst of a snapshot: while it is written, received, or put in place."""

from collections.abc import Callable, Iterable
from pathlib import Path

from chaos.deed import Deed
from chaos.faults.power import cut_power
from chaos.tools import eventually

WAIT_S = 3.0
"""For a snapshot to be made; when there is none in this time, it happens all the same."""
_LOOK_S = 0.001
_UNDER_WAY = ("snapshot.partial", "snapshot.incoming")


async def power_cut(deed: Deed) -> None:
    """Cut the power of one node, or all, at a moment when (one of) them makes a snapshot."""
    names = await deed.nodes()
    await _moment(deed, names)
    await cut_power(deed.stage, names)
    await deed.hold()
    await deed.start_again(*names)


async def kill(deed: Deed) -> None:
    """SIGKILL them at such a moment."""
    names = await deed.nodes()
    await _moment(deed, names)
    await deed.stage.each(deed.stage.kill, names)
    await deed.hold()
    await deed.start_again(*names)


async def _moment(deed: Deed, names: Iterable[str]) -> None:
    """Stop the nodes (SIGSTOP) at a phase of a snapshot: being written, or just renamed."""
    folders = [deed.stage.data(name) for name in names]
    being_written = deed.dice.random() < 0.6
    look = _written(folders) if being_written else _renamed(folders)
    phase = "written" if being_written else "renamed"

    async def came() -> bool:
        return look()

    try:
        await eventually(came, "a snapshot", WAIT_S, _LOOK_S)
    except TimeoutError:
        phase = "did not come"
    for name in names:
        deed.stage.pause(name)
    deed.target += f", snapshot {phase}"


def _written(folders: list[Path]) -> Callable[[], bool]:
    files = [folder / name for folder in folders for name in _UNDER_WAY]
    return lambda: any(file.exists() for file in files)


def _renamed(folders: list[Path]) -> Callable[[], bool]:
    def seen() -> list[int]:
        files = [folder / "snapshot" for folder in folders]
        return [file.stat().st_ino if file.exists() else 0 for file in files]

    before = seen()
    return lambda: seen() != before
