"""A data folder belongs to one process of one member of one cluster."""

import json
from pathlib import Path

import pytest

from quorate_node.data_folder import LOCK_FILE, MEMBER_FILE, open_data_folder
from quorate_node.errors import SetupError
from quorate_node.secrets_file import read_secret

CLUSTER = "0" * 32


def test_a_new_folder_is_made_its_owners_only_and_says_whose_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "data"
    with open_data_folder(folder, CLUSTER, "n1"):
        assert folder.stat().st_mode & 0o077 == 0
        owner = json.loads((folder / MEMBER_FILE).read_text())
    assert owner == {"cluster_id": CLUSTER, "name": "n1"}
    assert {path.name for path in folder.iterdir()} == {MEMBER_FILE, LOCK_FILE}


def test_it_is_opened_by_one_at_a_time_and_again_after(tmp_path: Path) -> None:
    with (
        open_data_folder(tmp_path, CLUSTER, "n1"),
        pytest.raises(SetupError, match="another process is using"),
    ):
        open_data_folder(tmp_path, CLUSTER, "n1")
    open_data_folder(tmp_path, CLUSTER, "n1").close()


@pytest.mark.parametrize(("cluster", "name"), [(CLUSTER, "n2"), ("1" * 32, "n1")])
def test_it_is_not_opened_for_another_member_or_cluster_and_stays_as_it_was(
    tmp_path: Path, cluster: str, name: str
) -> None:
    open_data_folder(tmp_path, CLUSTER, "n1").close()
    before = (tmp_path / MEMBER_FILE).read_bytes()
    with pytest.raises(SetupError, match="belongs to another node or cluster"):
        open_data_folder(tmp_path, cluster, name)
    assert (tmp_path / MEMBER_FILE).read_bytes() == before
    open_data_folder(tmp_path, CLUSTER, "n1").close()  # the refused one let go of the lock


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b'{"name": "n1"}'])
def test_a_damaged_member_file_is_never_taken_for_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / MEMBER_FILE).write_bytes(content)
    with pytest.raises(SetupError):
        open_data_folder(tmp_path, CLUSTER, "n1")
    assert (tmp_path / MEMBER_FILE).read_bytes() == content


def test_what_a_crash_left_half_written_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / MEMBER_FILE).with_suffix(".partial").write_bytes(b"{")
    open_data_folder(tmp_path, CLUSTER, "n1").close()


def test_a_path_that_can_be_no_folder_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for path in (file, file / "below"):
        with pytest.raises(SetupError, match=f"cannot use the data folder {path}"):
            open_data_folder(path, CLUSTER, "n1")


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
