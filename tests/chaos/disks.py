"""The disk under one node's data: an ext4 file system of its own on an image, behind a loop device.

So its power can be cut (what was not synced is gone), it can be filled, and frozen. Without root
it is a plain folder, and can do none of that. Nothing is mounted here that a caller of `close`
would not see unmounted again; a frozen one thaws even if this program is killed.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from chaos.tools import ToolError, eventually, missing, run

SIZE_MB = 256  # an hour's snapshots, two at a time; sparse
_TOOLS = ("mount", "umount", "losetup", "mkfs.ext4", "fsfreeze")
_MKFS = ("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0")
# Only a sync writes: else the kernel commits every five seconds, and cuts lose less.
_OPTIONS = "loop,noatime,commit=300"
# $0: the mount point; then pairs of seconds: frozen, thawed. It thaws however it ends.
_FREEZE = """
trap 'fsfreeze -u "$0" 2>/dev/null' EXIT
trap 'exit 0' TERM INT HUP
while [ $# -gt 1 ]; do
    fsfreeze -f "$0" || exit 1
    sleep "$1"
    fsfreeze -u "$0"
    sleep "$2"
    shift 2
done
"""


@cache
def why_not() -> str:
    """Return why nodes get no disks of their own here; empty if they do."""
    if flaw := missing(_TOOLS):
        return flaw
    probe = subprocess.run(["losetup", "--find"], capture_output=True, check=False)
    return "no loop devices here" if probe.returncode else ""


def unmount_below(folder: Path) -> None:
    """Thaw and unmount whatever an earlier run that was killed left mounted below `folder`."""
    table = Path("/proc/self/mountinfo")
    if not table.exists():
        return
    points = [line.split()[4] for line in table.read_text().splitlines()]
    for point in reversed([point for point in points if Path(point).is_relative_to(folder)]):
        subprocess.run(["fsfreeze", "-u", point], capture_output=True, check=False)
        subprocess.run(["umount", "--lazy", point], capture_output=True, check=False)


class Disk:
    """One node's disk; `real` if it is one, else a folder."""

    def __init__(self, folder: Path) -> None:
        self.real = not why_not()
        self.data = folder / "mount" / "data"
        self._point = folder / "mount"
        self._image, self._copy = folder / "disk.img", folder / "cut.img"
        self._ballast = self._point / "ballast"

    async def make(self) -> None:
        """Make it, empty, with a folder for the data. Raises ToolError."""
        self._point.mkdir(parents=True)
        if self.real:
            await run("truncate", f"--size={SIZE_MB}M", str(self._image))
            await run(*_MKFS, str(self._image))
            await self._mount()
        self.data.mkdir(0o700)

    async def cut(self) -> None:
        """Keep what the disk holds at this moment; whatever runs on it must be stopped."""

        async def copied_at_one_moment() -> bool:
            before = self._writes()
            await run("cp", "--sparse=always", str(self._image), str(self._copy))
            return self._writes() == before

        await eventually(copied_at_one_moment, "a disk is copied without a write in between")

    async def restore(self) -> None:
        """Mount what `cut` kept in place of what there is; nothing may run on it."""
        await self._unmount()
        self._copy.replace(self._image)
        await self._mount()

    async def freeze(self, rhythm: Sequence[tuple[float, float]]) -> None:
        """Let every write wait: for pairs of seconds, frozen and thawed. It ends thawed."""
        seconds = [f"{second:.3f}" for pair in rhythm for second in pair]
        process = await asyncio.create_subprocess_exec(
            *("sh", "-c", _FREEZE, str(self._point), *seconds),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            if await process.wait():
                raise ToolError(f"fsfreeze -f {self._point} failed")
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            await process.wait()

    def fill(self) -> None:
        """Leave no room on it."""
        with self._ballast.open("wb") as file:
            for size in (1 << 20, 1 << 16, 1 << 12):
                with contextlib.suppress(OSError):  # that it is full now
                    while True:
                        end = file.seek(0, os.SEEK_END)
                        os.posix_fallocate(file.fileno(), end, size)

    def make_room(self) -> None:
        """Undo `fill`."""
        self._ballast.unlink(missing_ok=True)

    def device(self) -> str:
        """Return the device that is mounted, `/dev/loop0`."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        mounted = [line for line in lines if line.split()[4] == str(self._point)]
        return mounted[-1].partition(" - ")[2].split()[1]

    async def close(self) -> None:
        """Unmount it, which also lets go of the device."""
        if self.real:
            await asyncio.to_thread(unmount_below, self._point)

    async def _mount(self) -> None:
        await run("mount", "-t", "ext4", "-o", _OPTIONS, str(self._image), str(self._point))

    async def _unmount(self) -> None:
        async def unmounted() -> bool:
            with contextlib.suppress(ToolError):  # busy: what ran there is not quite gone
                await run("umount", str(self._point))
                return True
            return False

        await eventually(unmounted, f"{self._point} can be unmounted")

    def _writes(self) -> tuple[str, str]:
        """Writes that were completed, and requests under way: kernel's Documentation/block/stat."""
        stat = Path(f"/sys/block/{Path(self.device()).name}/stat").read_text().split()
        return stat[4], stat[8]
