"""Dropping packets: a chain of our own in this machine's iptables.

Rule 1. Rules are added to and deleted from our own chain only; it is removed when it is empty.
Rule 2. A rule is known by its text. Whoever asks for it to be deleted needs to know nothing else.
Rule 3. What belongs together is added, or deleted, all at once.
"""

import os
import shutil
import subprocess
from collections.abc import Collection, Iterable

from quorate_client.errors import LocalError

_PATHS = "/usr/sbin:/sbin:/usr/local/sbin"  # where they are, whatever PATH a user has
_WAIT_S = "5"  # for another one who changes the rules just now


class Chain:
    """Our chain `name`, entered from the chain `entered_from`.

    A rule is its text as `iptables -S` prints it, without the target, which is DROP. Every method
    raises LocalError where iptables is missing or not for us.
    """

    def __init__(self, name: str, entered_from: str) -> None:
        self._name = name
        self._entrance = f"{entered_from} -j {name}"

    def rules(self) -> list[str]:
        """Return the rules in it."""
        prefix, suffix = f"-A {self._name} ", " -j DROP"
        return [
            line.removeprefix(prefix).removesuffix(suffix)
            for line in self._everything()
            if line.startswith(prefix) and line.endswith(suffix)
        ]

    def add(self, rules: Iterable[str]) -> None:
        """Add those that are not there."""
        everything = self._everything()
        changes = [] if f"-N {self._name}" in everything else [f"-N {self._name}"]
        if f"-A {self._entrance}" not in everything:
            changes.append(f"-I {self._entrance}")
        wanted = (f"-A {self._name} {rule} -j DROP" for rule in rules)
        self._change([*changes, *(rule for rule in wanted if rule not in everything)])

    def remove(self, rules: Collection[str]) -> None:
        """Delete these, and the chain if no other rule is in it."""
        everything = self._everything()
        ours = {f"-A {self._name} {rule} -j DROP" for rule in rules}
        inside = [line for line in everything if line.startswith(f"-A {self._name} ")]
        changes = [f"-D{line.removeprefix('-A')}" for line in inside if line in ours]
        if f"-N {self._name}" in everything and ours.issuperset(inside):
            entrances = everything.count(f"-A {self._entrance}")
            changes += [f"-D {self._entrance}"] * entrances + [f"-X {self._name}"]
        self._change(changes)

    def _everything(self) -> list[str]:
        return _run(["iptables", "-w", _WAIT_S, "-S"]).splitlines()

    def _change(self, lines: Collection[str]) -> None:
        if lines:
            script = "\n".join(["*filter", *lines, "COMMIT", ""])
            _run(["iptables-restore", "-w", _WAIT_S, "--noflush"], script)


def is_there() -> bool:
    """Tell whether this machine has iptables at all."""
    return _found("iptables") is not None


def _found(tool: str) -> str | None:
    return shutil.which(tool) or shutil.which(tool, path=_PATHS)


def _run(command: list[str], stdin: str = "") -> str:
    tool = _found(command[0])
    if tool is None:
        raise LocalError("a cut is made with iptables, which this machine has not; install it")
    if os.geteuid() != 0:
        raise LocalError("a cut is made with iptables, which needs root; run this with sudo")
    ran = subprocess.run(  # noqa: S603  no shell
        [tool, *command[1:]], input=stdin, capture_output=True, text=True, check=False
    )
    if ran.returncode != 0:
        raise LocalError(f"{command[0]} refused: {' '.join(ran.stderr.split()) or ran.returncode}")
    return ran.stdout
