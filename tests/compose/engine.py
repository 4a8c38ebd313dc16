"""The Docker engine and the Compose that are here, and running them.

QUORATE_COMPOSE chooses a Compose: `docker-compose` for 1.29 where v2 is there as well.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VARIABLE = "QUORATE_COMPOSE"
V2, V1 = ("docker", "compose"), ("docker-compose",)


def run(
    *command: str | Path, environment: Mapping[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command; fail with all that it printed if it ends badly."""
    ran = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    told = f"{' '.join(map(str, command))}: exit status {ran.returncode}"
    assert not check or ran.returncode == 0, f"{told}\n{ran.stdout}\n{ran.stderr}"
    return ran


def docker(*arguments: str) -> str:
    """Return what docker says."""
    return run("docker", *arguments).stdout.strip()


@cache
def compose_command() -> tuple[str, ...]:
    """Return how Compose is called here; empty if it is not there."""
    wanted = os.environ.get(VARIABLE, "").split()
    for command in [tuple(wanted)] if wanted else [V2, V1]:
        if shutil.which(command[0]) and run(*command, "version", check=False).returncode == 0:
            return command
    return ()


@cache
def why_not() -> str:
    """Say why there can be no containers here; nothing if there can."""
    if shutil.which("docker") is None:
        return "no docker command here"
    if run("docker", "info", check=False).returncode != 0:
        return "no Docker engine here, or none that is ours to use (docker info fails)"
    if not compose_command():
        return "neither `docker compose` nor docker-compose here"
    return ""


needs_engine = [
    pytest.mark.compose,
    pytest.mark.skipif(bool(why_not()), reason=why_not()),
    pytest.mark.timeout(900),  # the first one waits for the image
]
"""For `pytestmark`."""
