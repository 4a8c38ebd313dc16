"""Reading files that people name: only regular ones, and not more than makes sense."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from quorate_client import LocalError, Profile
from quorate_client.files import MAX_BYTES, read_file
from quorate_client.keys import load_private_key, load_public_key


def test_a_file_is_read_up_to_the_limit(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x" * MAX_BYTES)
    assert len(read_file(tmp_path / "file")) == MAX_BYTES


@pytest.mark.timeout(10)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "huge", "missing", "nul\0"])
@pytest.mark.parametrize(
    "reader",
    [load_private_key, load_public_key, Profile.load, read_file],
    ids=["private key", "public key", "profile", "any"],
)
def test_what_is_no_small_regular_file_is_one_line_at_once(
    tmp_path: Path, kind: str, reader: Callable[[Path], object]
) -> None:
    path = tmp_path / f"{kind}.toml"
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "folder":
            path.mkdir()
        case "huge":
            path.write_bytes(b"x" * (MAX_BYTES + 1))
        case _:
            pass
    with pytest.raises(LocalError) as caught:
        reader(path)
    assert kind[:3] in str(caught.value)
    assert "\n" not in str(caught.value)
