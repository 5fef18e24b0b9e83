"""Is this better? The one decision that all callbacks which watch a value share."""

from __future__ import annotations

import math

from backbeat.hooks.host import Direction

__all__ = ["is_better", "worsened", "worst"]


def worst(direction: Direction) -> float:
    """What any finite value is better than."""
    return math.inf if direction == "min" else -math.inf


def is_better(current: float, best: float, direction: Direction) -> bool:
    """Whether `current` is strictly better than `best`; what is not finite never is.

    >>> is_better(0.4, 0.5, "min"), is_better(0.5, 0.5, "min"), is_better(math.nan, 0.5, "min")
    (True, False, False)
    """
    if not math.isfinite(current):
        return False
    return current < best if direction == "min" else current > best


def worsened(value: float, amount: float, direction: Direction) -> float:
    """`value`, worse by `amount`; a negative amount makes it better."""
    return value + amount if direction == "min" else value - amount
