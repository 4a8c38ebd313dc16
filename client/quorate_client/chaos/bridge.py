"""Cutting two containers off from each other: what their bridge passes on, dropped by rules.

Rule 1. A rule names the bridge of one network, which tells whose rule it is, and the two nodes.
Rule 2. A container that gets another address is no longer cut off.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from quorate_client.chaos import firewall
from quorate_client.chaos.model import Pair
from quorate_client.errors import LocalError

CHAIN = "QUORATE-CHAOS-COMPOSE"
_DEVICES = Path("/sys/class/net")
_FILTERED = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
_RULE = re.compile(r"-i (?P<device>\S+) .*--comment (?P<one>\w+)-(?P<other>\w+)")
_INSTEAD = "cut one node off from all the others instead: `partition NODE`"


class Bridge:
    """The bridge `device` of the nodes' network. Methods raise LocalError."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._chain = firewall.Chain(CHAIN, "DOCKER-USER")

    def cut(self, ends: Mapping[str, str]) -> None:
        """Drop what two nodes, name to address, send each other."""
        if not (_DEVICES / self._device).exists():
            raise LocalError(
                f"the containers' network is not on this machine, or out of sight; {_INSTEAD}"
            )
        if not (_FILTERED.exists() and _FILTERED.read_text().strip() == "1"):
            raise LocalError(
                "iptables does not see what a bridge of this machine passes on (it does with "
                f"`modprobe br_netfilter`); {_INSTEAD}"
            )
        one, other = sorted(ends)
        there, back = (ends[one], ends[other]), (ends[other], ends[one])
        self._chain.add(self._rule((one, other), *each) for each in (there, back))

    def join(self) -> None:
        """Remove all rules of this bridge, and those of bridges that are gone."""
        if not firewall.is_there():
            return
        rules = self._chain.rules()
        gone = [rule for rule in rules if not (_DEVICES / _device_of(rule)).exists()]
        own = [rule for rule in rules if _device_of(rule) == self._device]
        self._chain.remove([*gone, *own])

    def cut_pairs(self) -> list[Pair]:
        """Return which of the nodes are cut off from each other."""
        if not firewall.is_there():
            return []
        matches = [_RULE.search(rule) for rule in self._chain.rules()]
        return sorted(
            {(m["one"], m["other"]) for m in matches if m and m["device"] == self._device}
        )

    def _rule(self, nodes: Pair, source: str, destination: str) -> str:
        where = f"-i {self._device} -o {self._device}"
        comment = "-m comment --comment " + "-".join(nodes)
        return f"-s {source}/32 -d {destination}/32 {where} {comment}"


def _device_of(rule: str) -> str:
    match = _RULE.search(rule)
    return match["device"] if match else ""
