"""Chance that can be had again: one seed, split into as many dice as there are who roll."""

import random


def dice_of(seed: str) -> random.Random:
    """Return the dice of a seed."""
    return random.Random(seed)  # noqa: S311 - it must be predictable


def split(dice: random.Random) -> random.Random:
    """Return dice of their own, so that who rolls more often moves nobody else's."""
    return random.Random(dice.getrandbits(64))  # noqa: S311 - it must be predictable
