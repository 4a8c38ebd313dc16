"""Whether this machine's iptables is there, and ours to change."""

import subprocess

import pytest

from quorate_client.chaos.firewall import Chain
from quorate_client.errors import LocalError


def usable() -> bool:
    try:
        Chain("QUORATE-NONE", "INPUT").rules()
    except LocalError:
        return False
    return True


needs_iptables = pytest.mark.skipif(not usable(), reason="needs root and iptables")


def lines_about(chain: str) -> list[str]:
    """Return every line of the machine's rules that names a chain."""
    ran = subprocess.run(["iptables", "-w", "-S"], capture_output=True, text=True, check=True)
    return [line for line in ran.stdout.splitlines() if chain in line.split()]
