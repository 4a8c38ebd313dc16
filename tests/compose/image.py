"""The image under test, built as anybody would build it.

BASE_IMAGE and BUILD_IMAGE say what of. Else the public image is taken or, where it can't be pulled,
one that is made of Debian's packages. Base images stay here, and so does what was built: it is what
the next build begins with.
"""

import os
import re

import pytest

from compose.engine import ROOT, compose_command, run

IMAGE = "quorate-test:local"
PULL_S = "60"


def build() -> dict[str, str]:
    """Build IMAGE; return the variables that Compose was told."""
    variables = _base() | {"QUORATE_IMAGE": IMAGE, "COMPOSE_PROJECT_NAME": "quorate-test-build"}
    run(*compose_command(), "build", "init", environment=variables)
    return variables


def _base() -> dict[str, str]:
    if "BASE_IMAGE" in os.environ:
        return {}
    [public] = re.findall(r"^ARG BASE_IMAGE=(.+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    for command in (
        ("docker", "image", "inspect", public),
        ("timeout", PULL_S, "docker", "pull", public),
    ):
        if run(*command, check=False).returncode == 0:
            return {"BASE_IMAGE": public}
    made = run(ROOT / "scripts/make-base-image", check=False)
    if made.returncode:
        pytest.skip(
            f"{public} can't be pulled, and no base image made: {made.stderr.strip()[-300:]}"
        )
    return dict(re.findall(r"^export (\w+)=(.+)$", made.stdout, re.MULTILINE))
