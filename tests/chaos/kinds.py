"""The kinds of fault: what each is called, whom it may befall, how long it lasts. Pure.

A target is a rule, decided when the fault is made: `leader` is the leader of that moment;
`follower 1`, `follower 2` the others by name; `node 1` any by name; `minority`, `majority` and
`all` are as many; `links` are the connections between nodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Need = Literal["disks", "packets", "clocks"]
"""Disks that can be cut, filled and frozen; packets that can be dropped; clocks that bend."""

Role = Literal["lasting", "sudden", "alone"]
"""Of two faults at once, the first lasts and the second is sudden; `alone` is never combined."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fault; `seconds` are the shortest and the longest that it is kept up."""

    name: str
    targets: tuple[str, ...]
    seconds: tuple[float, float] = (0.5, 3.0)
    needs: frozenset[Need] = frozenset()
    role: Role = "sudden"
    harms_disk: bool = False  # the disk of a node that runs: no power may be cut meanwhile


def _followers(count: int) -> tuple[str, ...]:
    return tuple(f"follower {number}" for number in range(1, count + 1))


def _any(count: int) -> tuple[str, ...]:
    return ("leader", *_followers(count))


def _partitions(prefix: str, needs: frozenset[Need]) -> Iterator[Kind]:
    for name, targets in (
        ("leader", ("leader",)),
        ("halves", ("leader in minority", "leader in majority")),
        ("bridge", ("leader on the bridge", "leader beside the bridge")),
        ("one-way", ("leader to follower", "leader from follower", "leader to all")),
        ("flapping", ("leader", "follower 1")),
    ):
        yield Kind(f"{prefix}-{name}", targets, (1.0, 3.5), needs, "lasting")


_DISKS: frozenset[Need] = frozenset({"disks"})
_PACKETS: frozenset[Need] = frozenset({"packets"})
_CLOCKS: frozenset[Need] = frozenset({"clocks"})


def kinds_for(nodes: int) -> dict[str, Kind]:
    """Return every kind that makes sense with so many nodes, by name."""
    followers, one = _followers(nodes - 1), _any(nodes - 1)
    every = [
        Kind("kill-follower", followers),
        Kind("kill-leader", ("leader",)),
        Kind("kill-majority", ("majority",), (0.3, 2.0)),
        Kind("kill-all", ("all",), (0.2, 1.5)),
        Kind("pause-follower", followers, (0.2, 4.0)),
        Kind("pause-leader", ("leader",), (0.2, 4.0)),
        Kind("restart-storm", (*followers, "leader", "all"), (1.0, 3.0)),
        Kind("rolling-restart", ("all",), (0.1, 0.5), role="alone"),
        Kind("leader-transfer", ("leader",), (0.1, 0.8)),
        *_partitions("partition", frozenset()),
        *_partitions("packets", _PACKETS),
        Kind("packet-loss", ("links", *one), (1.5, 4.0), _PACKETS, "lasting"),
        Kind("latency", ("links", *one), (1.5, 4.0), role="lasting"),
        Kind("connection-resets", ("links", *one), (0.8, 3.0)),
        Kind("clock-jump", one, (1.5, 4.0), _CLOCKS, "lasting"),
        Kind("clock-skew", one, (2.0, 4.0), _CLOCKS, "lasting"),
        Kind("slow-disk", one, (1.5, 4.0), _DISKS, "lasting", harms_disk=True),
        Kind("stalled-disk", one, (1.0, 4.0), _DISKS, "lasting", harms_disk=True),
        Kind("full-disk", one, (1.0, 3.0), _DISKS, "lasting", harms_disk=True),
        Kind("truncated-tail", followers, (0.1, 1.0), role="alone"),
        Kind("power-cut-one", one, (0.1, 1.5), _DISKS),
        Kind("power-cut-all", ("all",), (0.1, 1.0), _DISKS),
        Kind("power-cut-in-snapshot", (*one, "all"), (0.1, 1.0), _DISKS, "alone"),
        Kind("kill-in-snapshot", (*one, "all"), (0.1, 1.0), role="alone"),
    ]
    return {kind.name: kind for kind in every}
