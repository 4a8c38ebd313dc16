"""What the nemesis will do, decided beforehand by one seed. Pure.

Rule 1: the same arguments give the same schedule, on every machine.
Rule 2: every kind comes up before any comes up again: all are shuffled, then shuffled anew.
Rule 3: one fault at a time, and in the second half two at once now and then: one that lasts, and
in the midst of it a sudden one.
Rule 4: no two clocks are bent at once, and no power is cut from a disk that is slow or full.
"""

import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from chaos.kinds import Kind, kinds_for

CALM_S = (1.0, 2.5)
RECOVERY_S = 1.5
"""What it usually takes until all are ready again; only the length of the schedule follows it."""
PAIRS = 0.5
"""In the second half: how many of the lasting faults have a sudden one in their midst."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """One fault to come: after `pause_s` of calm, `kind` to `target` for about `seconds`.

    `dice` seeds its finer choices. `beside`: another one, made `beside.pause_s` after this one.
    """

    pause_s: float
    kind: str
    target: str
    seconds: float
    dice: int
    beside: "Planned | None" = None

    @property
    def longest_s(self) -> float:
        """Until both are mended, as planned."""
        other = 0.0 if self.beside is None else self.beside.pause_s + self.beside.seconds
        return max(self.seconds, other)


def schedule(
    seed: int, seconds: float, kinds: Collection[str], nodes: int = 3
) -> tuple[Planned, ...]:
    """Return what to do to `nodes` nodes for `seconds`, using only these `kinds`.

    Raises ValueError for a kind that there isn't.
    """
    known = kinds_for(nodes)
    if unknown := sorted(set(kinds) - known.keys()):
        raise ValueError(f"no such fault: {', '.join(unknown)}; there are {', '.join(known)}")
    return tuple(_plan(seed, seconds, [known[name] for name in sorted(set(kinds))]))


def _plan(seed: int, seconds: float, kinds: list[Kind]) -> Iterator[Planned]:
    dice = random.Random(seed)  # noqa: S311 - it must be predictable
    passed_s = 0.0
    while kinds and passed_s < seconds:
        for kind in dice.sample(kinds, len(kinds)):
            beside = None
            partners = [other for other in kinds if _go_together(kind, other)]
            if passed_s >= seconds / 2 and partners and dice.random() < PAIRS:
                beside = _one(dice.choice(partners), dice, dice.uniform(0.1, 0.8))
            planned = _one(kind, dice, dice.uniform(*CALM_S), beside)
            yield planned
            passed_s += planned.pause_s + planned.longest_s + RECOVERY_S
            if passed_s >= seconds:
                return


def _one(kind: Kind, dice: random.Random, pause_s: float, beside: Planned | None = None) -> Planned:
    return Planned(
        pause_s=round(pause_s, 3),
        kind=kind.name,
        target=dice.choice(kind.targets),
        seconds=round(dice.uniform(*kind.seconds), 3),
        dice=dice.getrandbits(32),
        beside=beside,
    )


def _go_together(lasting: Kind, sudden: Kind) -> bool:
    if (lasting.role, sudden.role) != ("lasting", "sudden"):
        return False
    cuts_power = sudden.name.startswith("power-cut")
    return not (lasting.harms_disk and (cuts_power or "all" in sudden.targets))
