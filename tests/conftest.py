"""Hypothesis profiles: `ci` unless HYPOTHESIS_PROFILE says `long` (then add `--timeout=0`).

And who runs beside whom, where several workers do (pytest-xdist): the tests of a file stay
together, since they share a cluster; so do all that share the one Docker engine. What takes long
begins first.
"""

import os
from pathlib import Path

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from support.lone_member import lone

__all__ = ["lone"]  # a fixture

settings.register_profile(
    "ci",
    derandomize=False,  # every run looks somewhere new; a failure prints how to repeat it
    deadline=None,  # a slow machine is not a wrong one
    max_examples=100,
    stateful_step_count=40,
    print_blob=True,
)
settings.register_profile(
    "long",
    settings.get_profile("ci"),
    max_examples=5_000,
    stateful_step_count=100,
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

TESTS = Path(__file__).parent
LONGEST_FIRST = ("simulation", "compose", "chaos", "cluster", "property", "conformance", "unit")


class Together(LoadFileScheduling):
    """A file to a worker, and all that is about containers to one."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return "compose" if file.startswith("tests/compose/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Together:
    return Together(config, log)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: LONGEST_FIRST.index(item.path.relative_to(TESTS).parts[0]))
