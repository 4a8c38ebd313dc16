"""Hypothesis profiles: `ci` unless HYPOTHESIS_PROFILE says `long` (then add `--timeout=0`)."""

import os

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
