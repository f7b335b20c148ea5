"""Chance that does not depend on who comes first: every decision is a hash of the seed and the name of what is decided.

`dice.chance(0.2, "bkash", "execute", reference, 3)` is the same in every run with this seed, whatever happened between,
in whatever order requests arrived. There is no state, so there is nothing that concurrency could disturb. What Haat draws for itself is
no name: an order of the play is called by its number in it (`names`).
"""

import hashlib
from collections.abc import Mapping
from statistics import NormalDist
from typing import TypeVar

Choice = TypeVar("Choice")
NORMAL = NormalDist()


class Dice:
    """All the chance of one world."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def roll(self, *names: object) -> float:
        """Uniform in [0, 1), 53 bits of it."""
        told = "\x1f".join(map(str, (self.seed, *names))).encode()
        return (int.from_bytes(hashlib.blake2b(told, digest_size=8).digest()) >> 11) / (1 << 53)

    def chance(self, probability: float, *names: object) -> bool:
        return self.roll(*names) < probability

    def between(self, least: int, most: int, *names: object) -> int:
        """A whole number from `least` to `most`, both included."""
        return least + int(self.roll(*names) * (most - least + 1))

    def pick(self, weights: Mapping[Choice, float], *names: object) -> Choice:
        """One of the keys, by its weight. The order of the mapping counts, so keep it."""
        left = self.roll(*names) * sum(weights.values())
        for choice, weight in weights.items():
            left -= weight
            if left < 0:
                return choice
        return list(weights)[-1]

    def spread(self, median: float, factor: float, *names: object) -> float:
        """Log-normal around `median`: two thirds lie between median / factor and median × factor."""
        deviation = NORMAL.inv_cdf(min(max(self.roll(*names), 1e-9), 1 - 1e-9))
        return median * float(factor**deviation)
