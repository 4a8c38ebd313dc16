"""Packets that are really dropped: iptables on ports of the loopback interface.

Only in a network of this process's own (see `namespace.py`).
"""

from collections.abc import Iterable, Mapping

from chaos import namespace
from chaos.tools import run

_PORTS_A_RULE = 15  # the limit of iptables' multiport


class Packets:
    """What is dropped now: of each port, to it and from it, with which probability."""

    def __init__(self) -> None:
        self._dropped: dict[int, float] = {}

    async def drop(self, ports: Iterable[int], probability: float = 1.0) -> None:
        """Drop packets of these ports from now on."""
        self._dropped |= dict.fromkeys(ports, probability)
        await self._load()

    async def pass_all(self, ports: Iterable[int]) -> None:
        """Drop no packets of these ports any more; those of others still."""
        gone = self._dropped.keys() & set(ports)
        for port in gone:
            del self._dropped[port]
        if gone:
            await self._load()

    async def _load(self) -> None:
        if flaw := namespace.why_not():
            raise RuntimeError(f"no packets are dropped here: {flaw}")
        await run("iptables-restore", stdin=_rules(self._dropped).encode())


def _rules(dropped: Mapping[int, float]) -> str:
    lines = ["*filter", ":INPUT ACCEPT [0:0]", ":FORWARD ACCEPT [0:0]", ":OUTPUT ACCEPT [0:0]"]
    for probability in sorted(set(dropped.values())):
        ports = sorted(port for port, each in dropped.items() if each == probability)
        chance = (
            ""
            if probability >= 1
            else f"-m statistic --mode random --probability {probability:.4f} "
        )
        for first in range(0, len(ports), _PORTS_A_RULE):
            some = ",".join(str(port) for port in ports[first : first + _PORTS_A_RULE])
            lines.append(f"-A INPUT -i lo -p tcp -m multiport --ports {some} {chance}-j DROP")
    return "\n".join([*lines, "COMMIT", ""])
