"""Hypothesis profiles: `ci` unless HYPOTHESIS_PROFILE says `long` (then add `--timeout=0`).

And who runs beside whom, where several workers do (pytest-xdist): the tests of a file stay
together, since they share a cluster; so do all that share the one Docker engine.
"""

import os

import pytest
from hypothesis import settings

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


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.pluginmanager.hasplugin("xdist"):
        return
    for item in items:
        group = "compose" if "compose" in item.path.parts else str(item.path)
        item.add_marker(pytest.mark.xdist_group(group))
