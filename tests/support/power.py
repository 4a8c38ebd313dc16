"""Disks that can fail: a small one that fills up, and one whose power can be cut.

Both are real file systems of this machine, so they need root and `mount`; without those the tests
that use them are skipped.
"""

import os
import shutil
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from support.cluster import eventually

_TOOLS = ("mount", "umount", "losetup", "mkfs.ext4")


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def needs_mount() -> None:
    """Skip the test where nothing can be mounted."""
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if os.geteuid() != 0 or missing:
        pytest.skip(f"needs root and {', '.join(_TOOLS)}")


@contextmanager
def small_disk(folder: Path, size: str) -> Generator[Path]:
    """Mount a file system of `size` (as mount's option) at `folder`, an existing folder."""
    needs_mount()
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "quorate-test", str(folder))
    except subprocess.CalledProcessError as flaw:
        pytest.skip(f"cannot mount here: {flaw.stderr}")
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


class PoweredDisk:
    """An ext4 file system on an image file: what was not synced is gone when the power is cut.

    Whatever runs on it must be stopped (SIGSTOP) for `cut`, and be dead before `restore`.
    """

    def __init__(self, folder: Path, mount_point: Path, size: str = "96M") -> None:
        needs_mount()
        self.path = mount_point
        self._image, self._copy = folder / "disk.img", folder / "cut.img"
        self._device = ""
        mount_point.mkdir()
        _run("truncate", f"--size={size}", str(self._image))
        _run("mkfs.ext4", "-q", str(self._image))
        self._mount()

    def _mount(self) -> None:
        try:
            self._device = _run("losetup", "--find", "--show", str(self._image))
            # Only a sync writes: else the kernel commits every five seconds, and cuts lose less.
            _run("mount", "-t", "ext4", "-o", "commit=300", self._device, str(self.path))
        except subprocess.CalledProcessError as flaw:
            self.close()
            pytest.skip(f"cannot mount here: {flaw.stderr}")

    def cut(self) -> None:
        """Keep what the disk holds at this moment, as it is there: mounted, not unmounted."""

        def copied_at_one_moment() -> bool:
            before = self._writes()
            _run("cp", "--sparse=always", str(self._image), str(self._copy))
            return self._writes() == before

        eventually(copied_at_one_moment, "the image is copied without a write in between")

    def restore(self) -> None:
        """Mount what `cut` kept in place of what there is."""
        _run("umount", str(self.path))
        _run("losetup", "--detach", self._device)
        self._copy.replace(self._image)
        self._mount()

    def _writes(self) -> tuple[str, str]:
        """Writes that were completed, and requests under way: kernel's Documentation/block/stat."""
        stat = Path(f"/sys/block/{Path(self._device).name}/stat").read_text().split()
        return stat[4], stat[8]

    def close(self) -> None:
        """Unmount it and let go of the device."""
        subprocess.run(["umount", "--lazy", str(self.path)], check=False, capture_output=True)
        if self._device:
            subprocess.run(["losetup", "--detach", self._device], check=False, capture_output=True)
