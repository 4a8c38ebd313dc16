"""The locks that the image is built from: `scripts/lock` makes them of pyproject.toml."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ["requirements.lock", "requirements-build.lock"]


def locked(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ]+)", (ROOT / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    ("name", "table", "key"),
    [(LOCKS[0], "project", "dependencies"), (LOCKS[1], "build-system", "requires")],
)
def test_a_lock_has_what_the_project_asks_for(name: str, table: str, key: str) -> None:
    versions = locked(name)
    for each in map(Requirement, PROJECT[table][key]):
        assert each.name in versions, f"{each.name} is not in {name}: run scripts/lock"
        assert each.specifier.contains(versions[each.name]), f"{each} is not met: run scripts/lock"


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_of_a_lock_has_hashes_and_none_an_address(name: str) -> None:
    text = (ROOT / name).read_text()
    entries = re.findall(r"^[a-z].*(?:\n .*)*", text, re.MULTILINE)
    assert len(entries) == len(locked(name))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert not re.search(r"://|--index|--find-links|@", text)
