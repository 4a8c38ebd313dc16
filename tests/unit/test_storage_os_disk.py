"""The real disk: what the seam promises, with system calls that fall short."""

import os
from pathlib import Path

import pytest

from quorate_replication.storage.disk import Disk
from quorate_replication.storage.files import read_whole, replace
from quorate_replication.storage.os_disk import OsDisk


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return OsDisk(tmp_path)


def write(disk: Disk, name: str, content: bytes) -> None:
    file = disk.create(name)
    file.append(content)
    file.close()


def test_what_is_appended_is_read_again(disk: Disk, tmp_path: Path) -> None:
    file = disk.create("a")
    for piece in (b"one", bytearray(b"two"), memoryview(b"three")):
        file.append(piece)
    file.sync()
    assert file.size == 11
    file.close()
    file = disk.append_to("a")
    file.append(b"!")
    assert file.size == 12
    file.close()
    assert (tmp_path / "a").read_bytes() == b"onetwothree!"
    found = disk.open("a")
    assert (found.size, found.read(3, 3), found.read(9, 99)) == (12, b"two", b"ee!")
    found.close()
    found.close()


def test_a_write_that_the_system_cuts_short_is_gone_on_with(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write

    def short(descriptor: int, data: memoryview) -> int:
        return whole(descriptor, data[:3])

    monkeypatch.setattr(os, "write", short)
    write(disk, "a", b"0123456789")
    monkeypatch.undo()
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_files_are_for_their_owner_only_and_not_for_child_processes(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []
    real = os.open

    def watch(path: Path, flags: int, mode: int = 0o777) -> int:
        opened.append(real(path, flags, mode))
        return opened[-1]

    monkeypatch.setattr(os, "open", watch)
    disk.create("a")
    disk.open("a")
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert not any(os.get_inheritable(descriptor) for descriptor in opened)
    for descriptor in opened:
        os.close(descriptor)


def test_only_regular_files_are_named(disk: Disk, tmp_path: Path) -> None:
    write(disk, "b", b"")
    write(disk, "a", b"")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("a")
    assert disk.names() == ["a", "b"]


def test_an_open_file_stays_what_it_is_when_it_is_renamed_over(disk: Disk) -> None:
    write(disk, "a", b"old")
    write(disk, "b", b"new")
    file = disk.open("a")
    disk.rename("b", "a")
    disk.sync_folder()
    assert file.read(0, 9) == b"old"
    file.close()
    assert disk.names() == ["a"]


def test_create_empties_truncate_cuts_and_remove_removes(disk: Disk, tmp_path: Path) -> None:
    write(disk, "a", b"something")
    disk.truncate("a", 4)
    assert (tmp_path / "a").read_bytes() == b"some"
    disk.create("a").close()
    assert (tmp_path / "a").read_bytes() == b""
    disk.remove("a")
    assert disk.names() == []


def test_what_is_not_there_raises_as_the_system_does(disk: Disk) -> None:
    for use in (disk.open, disk.append_to, disk.remove):
        with pytest.raises(FileNotFoundError):
            use("none")


def test_a_file_is_replaced_whole_and_read_within_a_limit(disk: Disk) -> None:
    write(disk, "a", b"old")
    replace(disk, "a", b"newer")
    assert disk.names() == ["a"]
    assert read_whole(disk, "a", 5) == b"newer"
    with pytest.raises(ValueError, match="5 bytes long, 4 are the limit"):
        read_whole(disk, "a", 4)
