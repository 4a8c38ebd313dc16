"""A cluster of this machine, run by `quorate up`."""

import contextlib
import shlex
import signal
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from quorate_client.chaos import firewall
from quorate_client.chaos.model import Broken, Mended, NodeState, Pair, pairs_of, partners
from quorate_client.chaos.peers import Peer, check_distinct, cut_pairs, read_peers, rules_of
from quorate_client.chaos.processes import is_stopped, running, send
from quorate_client.errors import LocalError, NotDone
from quorate_client.profile import Profile

CHAIN = "QUORATE-CHAOS"


class Machine:
    """See `model.Cluster`. `mend` is the command that mends it, for people."""

    def __init__(self, folder: Path, profile: Profile, mend: str) -> None:
        self._folder = folder
        self._mend = mend
        self._chain = firewall.Chain(CHAIN, "INPUT")
        self.names = [node.name for node in profile.nodes]

    def check_running(self) -> None:
        """See `model.Cluster`."""
        if not running(self._folder):
            folder = shlex.quote(str(self._folder))
            raise LocalError(f"no node of {folder} runs; start them with `quorate up {folder}`")

    def kill(self, name: str) -> Broken:
        """See `model.Cluster`."""
        pid = self._pid(name)
        send(name, pid, signal.SIGKILL)
        return Broken(
            "kill",
            (name,),
            f"killed {name} (pid {pid})",
            "`quorate up --restart` starts it again; a plain `up` leaves it down",
        )

    def pause(self, name: str) -> Broken:
        """See `model.Cluster`."""
        pid = self._pid(name)
        send(name, pid, signal.SIGSTOP)
        follows = f"it answers nothing and keeps its connections until: {self._mend}"
        return Broken("pause", (name,), f"paused {name} (pid {pid})", follows)

    def cut(self, one: str, other: str) -> Broken:
        """See `model.Cluster`."""
        pair = next(pair for pair in self._rules if {one, other} == set(pair))
        return self._drop([pair], (one, other), f"cut {one} off from {other}")

    def cut_off(self, name: str) -> Broken:
        """See `model.Cluster`."""
        pairs = [pair for pair in self._rules if name in pair]
        return self._drop(pairs, (name,), f"cut {name} off from all the others")

    def heal(self) -> Mended:
        """See `model.Cluster`."""
        pids = running(self._folder)
        paused = [name for name in self.names if name in pids and is_stopped(pids[name])]
        for name in paused:
            with contextlib.suppress(NotDone):  # it has ended since
                send(name, pids[name], signal.SIGCONT)
        try:
            cut = self._cut_now()
        except LocalError as flaw:
            unknown = f"whether there are cuts was not looked at: {flaw}"
            return Mended(resumed=tuple(paused), unknown=unknown)
        if cut:
            self._chain.remove({rule for rules in self._rules.values() for rule in rules})
        return Mended(resumed=tuple(paused), joined=tuple(cut))

    def states(self) -> Sequence[NodeState]:
        """See `model.Cluster`."""
        pids = running(self._folder)
        try:
            cut = self._cut_now()
        except LocalError:
            cut = None
        return [
            NodeState(
                name,
                "down" if name not in pids else "paused" if is_stopped(pids[name]) else "running",
                None if cut is None else partners(name, cut),
            )
            for name in self.names
        ]

    def _pid(self, name: str) -> int:
        self.check_running()
        pid = running(self._folder).get(name)
        if pid is None:
            raise NotDone(f"{name} is down already; nothing was done")
        return pid

    @cached_property
    def _peers(self) -> dict[str, Peer]:
        peers = read_peers(self._folder / "nodes" / self.names[0] / "node.toml")
        if missing := [name for name in self.names if name not in peers]:
            raise LocalError(f"{self._folder}: its node.toml files know no {missing[0]}")
        return peers

    @cached_property
    def _rules(self) -> dict[Pair, frozenset[str]]:
        return {
            (one, other): rules_of(self._peers[one], self._peers[other])
            for one, other in pairs_of(self.names)
        }

    def _drop(self, pairs: Sequence[Pair], nodes: tuple[str, ...], what: str) -> Broken:
        check_distinct(self._peers, self._folder)
        self._chain.add(rule for pair in pairs for rule in sorted(self._rules[pair]))
        follows = f"clients reach all nodes as before; the cut stays until: {self._mend}"
        return Broken("partition", nodes, what, follows)

    def _cut_now(self) -> list[Pair]:
        """Return the pairs that are cut off from each other. Raises LocalError."""
        if not firewall.is_there():
            return []
        return cut_pairs(self._chain.rules(), self._rules)
