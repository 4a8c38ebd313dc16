"""Wall clocks that can be bent, one node's at a time: Debian's `faketime`, preloaded.

Every node reads how far its clock is off from a file of its own each time it looks at the clock,
so it can be set while it runs. The monotonic clock stays true.
"""

import contextlib
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108 - where faketime keeps its own


@cache
def _library() -> str:
    """Return what faketime preloads; empty if it isn't installed."""
    if shutil.which("faketime") is None:
        return ""
    said = subprocess.run(["faketime", "-f", "+0", "env"], capture_output=True, check=False)
    settings = dict(line.split("=", 1) for line in said.stdout.decode().splitlines() if "=" in line)
    return settings.get("LD_PRELOAD", "")


def why_not() -> str:
    """Return why no clock can be bent here; empty if they can."""
    return "" if _library() else "needs faketime"


class Clocks:
    """The clocks of the nodes, each true unless set otherwise."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def environment(self, name: str) -> Mapping[str, str]:
        """Return with what a node must be started so that its clock can be bent."""
        if why_not():
            return {}
        file = self._file(name)
        if not file.exists():
            self.set(name, 0.0)
        return {
            "LD_PRELOAD": _library(),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",  # else timed waits are wrong: threads spin
            "NO_FAKE_STAT": "1",
        }

    def set(self, name: str, offset_s: float) -> None:
        """Set a node's clock so far off the true time, now."""
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self._file(name).with_suffix(".new")
        new.write_text(f"{offset_s:+.6f}\n")
        new.replace(self._file(name))

    def mend(self) -> None:
        """Set all clocks right."""
        for file in self._folder.glob("*.clock"):
            self.set(file.stem, 0.0)

    @staticmethod
    def forget(pid: int) -> None:
        """Remove what a killed node leaves; else the next process of that number won't start."""
        for name in (f"faketime_shm_{pid}", f"sem.faketime_sem_{pid}"):
            with contextlib.suppress(OSError):
                (_MEMORY / name).unlink()

    @classmethod
    def forget_the_dead(cls) -> None:
        """Remove what nodes of a run that was killed have left."""
        for file in _MEMORY.glob("faketime_shm_*"):
            pid = file.name.rpartition("_")[2]
            if pid.isdecimal() and not Path(f"/proc/{pid}").exists():
                cls.forget(int(pid))

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.clock"
