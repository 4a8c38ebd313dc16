"""A data folder belongs to one process at a time."""

from pathlib import Path

import pytest

from quorate_node.data_folder import LOCK_FILE, open_data_folder
from quorate_node.errors import SetupError
from quorate_node.secrets_file import read_secret


def test_a_new_folder_is_made_its_owners_only_and_stays_empty_but_for_the_lock(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "data"
    with open_data_folder(folder):
        assert folder.stat().st_mode & 0o077 == 0
        assert [path.name for path in folder.iterdir()] == [LOCK_FILE]


def test_what_a_new_folder_would_be_in_is_not_made_but_named(tmp_path: Path) -> None:
    missing = tmp_path / "not-mounted" / "quorate"
    with pytest.raises(SetupError, match=f"{missing} does not exist"):
        open_data_folder(missing / "data")
    assert not list(tmp_path.iterdir())


def test_it_is_opened_by_one_at_a_time_and_again_after(tmp_path: Path) -> None:
    with (
        open_data_folder(tmp_path),
        pytest.raises(SetupError, match="another process is using"),
    ):
        open_data_folder(tmp_path)
    open_data_folder(tmp_path).close()


def test_a_path_that_can_be_no_folder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(SetupError, match=f"cannot use the data folder {path}"):
            open_data_folder(path)


# ------------------------------------------------------------------ the secret


def test_the_secret_is_32_bytes_in_hex_and_may_end_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    for text in ("ab" * 32, "AB" * 32 + "\n"):
        path.write_text(text)
        assert read_secret(path) == b"\xab" * 32


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 33, "zz" * 32, "hunter2", "ä" * 64])
def test_a_bad_secret_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(SetupError) as caught:
        read_secret(path)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o644, 0o666, 0o601])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    path.write_text("ab" * 32)
    path.chmod(mode)
    with pytest.raises(SetupError, match="chmod 600"):
        read_secret(path)
