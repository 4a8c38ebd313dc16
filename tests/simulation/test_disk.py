"""The simulated disk keeps what a real one must, and may lose all else."""

import errno

import pytest

from simulation.dice import dice_of
from simulation.disk import SimDisk
from simulation.life import Crash, Ending, Life
from simulation.platter import SECTOR, Platter

TRIES = 60
"""Of each power cut: chance decides what is left."""


def _mounted(platter: Platter, seed: int = 0) -> SimDisk:
    return SimDisk(platter, Life("n1", lambda: 0.0), dice_of(f"disk {seed}"))


def _content(platter: Platter, name: str) -> bytes | None:
    inode = platter.names.get(name)
    return None if inode is None else bytes(inode.data)


def _after_power_cuts(prepare: object, name: str = "file") -> set[bytes | None]:
    """Return everything that a file was found to be after power cuts."""
    found = set[bytes | None]()
    for seed in range(TRIES):
        platter = Platter(dice_of(f"platter {seed}"))
        assert callable(prepare)
        prepare(_mounted(platter, seed))
        platter.power_cut()
        found.add(_content(platter, name))
    return found


def test_what_was_synced_survives_every_power_cut() -> None:
    def prepare(disk: SimDisk) -> None:
        file = disk.create("file")
        file.append(b"durable")
        file.sync()
        disk.sync_folder()
        file.append(b" and not")

    assert all(c is not None and c.startswith(b"durable") for c in _after_power_cuts(prepare))


def test_of_what_was_not_synced_any_part_may_survive() -> None:
    data = b"a" * SECTOR + b"b" * SECTOR + b"c" * SECTOR

    def prepare(disk: SimDisk) -> None:
        disk.create("file").append(data)
        disk.sync_folder()

    found = {content for content in _after_power_cuts(prepare) if content is not None}
    assert {b"", data} <= found
    assert any(0 < len(content) < len(data) for content in found)
    assert any(bytes(SECTOR) in content and content.strip(b"\0") for content in found)


def test_a_name_that_was_not_synced_may_be_gone_or_not() -> None:
    def prepare(disk: SimDisk) -> None:
        file = disk.create("file")
        file.append(b"content")
        file.sync()

    assert _after_power_cuts(prepare) == {None, b"content"}


def test_a_rename_that_was_not_synced_leaves_the_old_file_or_the_new_one() -> None:
    def prepare(disk: SimDisk) -> None:
        for name in ("file", "partial"):
            file = disk.create(name)
            file.append(name.encode())
            file.sync()
        disk.sync_folder()
        disk.rename("partial", "file")

    assert _after_power_cuts(prepare) == {b"file", b"partial"}


def test_names_change_in_order() -> None:
    def prepare(disk: SimDisk) -> None:
        disk.create("one").sync()
        disk.create("two").sync()

    for seed in range(TRIES):
        platter = Platter(dice_of(f"order {seed}"))
        prepare(_mounted(platter))
        platter.power_cut()
        assert sorted(platter.names) in ([], ["one"], ["one", "two"])


def test_a_killed_process_leaves_all_that_it_wrote() -> None:
    platter = Platter(dice_of("killed"))
    disk = _mounted(platter)
    disk.create("file").append(b"written")
    disk.life.end(Ending.KILLED)
    assert _content(platter, "file") == b"written"


def test_the_dead_write_nothing() -> None:
    disk = _mounted(Platter(dice_of("dead")))
    file = disk.create("file")
    disk.life.end(Ending.KILLED)
    with pytest.raises(Crash):
        file.append(b"from beyond")


def test_a_reader_keeps_its_file_when_the_name_is_renamed_over() -> None:
    disk = _mounted(Platter(dice_of("reader")))
    disk.create("file").append(b"old")
    disk.create("partial").append(b"new")
    reader = disk.open("file")
    disk.rename("partial", "file")
    assert reader.read(0, 10) == b"old"
    assert disk.open("file").read(0, 10) == b"new"


def test_a_full_disk_takes_nothing() -> None:
    platter = Platter(dice_of("full"))
    disk = _mounted(platter)
    file = disk.create("file")
    platter.full = True
    with pytest.raises(OSError, match="No space left") as caught:
        file.append(b"too much")
    assert caught.value.errno == errno.ENOSPC
    platter.full = False
    file.append(b"fits")


def test_a_process_crashes_at_the_ordered_operation() -> None:
    disk = _mounted(Platter(dice_of("ordered")))
    disk.faults.crash_in = 2
    file = disk.create("file")
    with pytest.raises(Crash):
        file.append(b"second")
    assert disk.life.ending is Ending.POWER_CUT


def test_a_platter_that_forgets_loses_what_a_failed_sync_should_have_kept() -> None:
    platter = Platter(dice_of("forgets"))
    platter.forgets = True
    disk = _mounted(platter)
    file = disk.create("file")
    disk.sync_folder()
    file.append(b"lost")
    disk.faults.fail_in = 1
    with pytest.raises(OSError, match="Input/output"):
        file.sync()
    disk.faults.fail_in = None
    file.append(b"kept")
    file.sync()
    platter.power_cut()
    assert _content(platter, "file") == bytes(4) + b"kept"


def test_a_slow_sync_keeps_its_process_busy() -> None:
    disk = _mounted(Platter(dice_of("slow")))
    disk.faults.sync_s = lambda: 1.5
    disk.create("file").sync()
    assert disk.life.now() == pytest.approx(1.5)
