"""A network of this process's own, so that dropped packets are nobody else's.

`enter()` is to be called first of all, before the event loop and before any thread: as root, and
with the tools, it starts this program again under `unshare` (new network and mounts; everything
that is mounted in it is gone when the last process of it has ended). Otherwise it does nothing,
and `why_not()` says what is missing.
"""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

_TOOLS = ("unshare", "ip", "iptables", "iptables-restore")
_UNSHARE = ("unshare", "--net", "--mount", "--propagation", "private", "--")
_PROBE = (
    "ip link set lo up && iptables -A INPUT -p tcp -m multiport --ports 1,2"
    " -m statistic --mode random --probability 0.5 -j DROP"
)
_LEFT = "QUORATE_CHAOS_LEFT_NETWORK"  # the machine's network, as the kernel calls it
_BEGIN = 'ip link set lo up && exec "$0" "$@"'


def enter() -> None:
    """Go on in a private namespace: starts this program again in one, if that is possible."""
    if not is_private() and not _cannot_make():
        os.environ[_LEFT] = _network()
        again = ["sh", "-c", _BEGIN, sys.executable, *sys.orig_argv[1:]]
        os.execvp(_UNSHARE[0], [*_UNSHARE, *again])  # noqa: S606 - without a shell of ours


def is_private() -> bool:
    """Tell whether this process, or the one that started it, has entered a network of its own."""
    return os.environ.get(_LEFT, _network()) != _network()


def why_not() -> str:
    """Return why no packets can be dropped in this process; empty if they can."""
    if flaw := _cannot_make():
        return flaw
    return "" if is_private() else "the network is shared: namespace.enter() was not called"


def _network() -> str:
    return str(Path("/proc/self/ns/net").readlink())


@cache
def _cannot_make() -> str:
    if os.geteuid() != 0:
        return "needs root"
    missing = [tool for tool in _TOOLS if shutil.which(tool) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    probe = subprocess.run([*_UNSHARE, "sh", "-c", _PROBE], capture_output=True, check=False)
    if probe.returncode:
        said = probe.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"]
        return f"no private network with iptables here: {said[-1]}"
    return ""
