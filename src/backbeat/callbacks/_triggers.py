"""Triggers: when a save is due, by epochs, steps, samples or time."""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from backbeat.errors import ArgumentError

__all__ = ["Triggers", "Unit"]

Unit = Literal["epochs", "steps", "samples", "seconds"]

_UNITS: dict[str, tuple[Unit, float]] = {
    "epoch": ("epochs", 1),
    "step": ("steps", 1),
    "batch": ("steps", 1),
    "batche": ("steps", 1),
    "sample": ("samples", 1),
    "s": ("seconds", 1),
    "sec": ("seconds", 1),
    "second": ("seconds", 1),
    "min": ("seconds", 60),
    "minute": ("seconds", 60),
    "h": ("seconds", 3600),
    "hour": ("seconds", 3600),
}
_WORDS = re.compile(r"(?:(?P<amount>\d+(?:\.\d+)?)\s*)?(?P<unit>[a-z]+)")


@dataclass
class _Interval:
    """So much of a unit from one save to the next."""

    unit: Unit
    amount: float
    done: float = 0.0

    def add(self, amount: float) -> bool:
        """Whether the interval is full with `amount` more; then the next one begins."""
        self.done += amount
        if self.done < self.amount:
            return False
        # Time that passed while nobody asked is not made up for.
        self.done = 0.0 if self.unit == "seconds" else self.done % self.amount
        return True


class Triggers:
    """What `every=` says: one interval or several; a save is due when any of them is full.

    >>> triggers = Triggers("ModelCheckpoint", ["100 steps", "2 epochs"])
    >>> triggers.hear_batches
    True
    >>> [triggers.epoch_ended(epoch, 0) for epoch in range(4)]
    [False, True, False, True]
    """

    def __init__(self, owner: str, every: Any, argument: str = "every") -> None:
        listed: list[Any] = (
            list(cast(Sequence[Any], every)) if isinstance(every, (list, tuple)) else [every]
        )
        self._intervals = [_interval(f"{owner}: {argument}", each) for each in listed]
        if not self._intervals:
            raise ArgumentError(
                f"{owner}: {argument} is an empty list; leave it out, or name a moment."
            )
        self._asked = time.monotonic()

    @property
    def hear_batches(self) -> bool:
        """Whether the end of batches matters."""
        return any(each.unit != "epochs" for each in self._intervals)

    def begin(self) -> None:
        """Count from here."""
        self._asked = time.monotonic()
        for each in self._intervals:
            each.done = 0.0

    def batch_ended(self, samples: int) -> bool:
        """Whether a save is due after a batch of so many samples."""
        now = time.monotonic()
        amounts = {"epochs": 0, "steps": 1, "samples": samples, "seconds": now - self._asked}
        self._asked = now
        full = [each.add(amounts[each.unit]) for each in self._intervals]
        return any(full)

    def epoch_ended(self, epoch: int, first: int) -> bool:
        """Whether a save is due after `epoch`, of a run that began with `first`."""
        count = epoch - first + 1
        return any(count % each.amount == 0 for each in self._intervals if each.unit == "epochs")

    def state(self) -> list[float]:
        """How full each interval is."""
        return [each.done for each in self._intervals]

    def load_state(self, state: Sequence[float]) -> None:
        """Go on counting; other intervals than those of before begin afresh."""
        if len(state) == len(self._intervals):
            for each, done in zip(self._intervals, state, strict=True):
                each.done = done


def _interval(who: str, every: Any) -> _Interval:
    if isinstance(every, str):
        words = _WORDS.fullmatch(every.strip().lower())
        known = words and (_UNITS.get(words["unit"]) or _UNITS.get(words["unit"].removesuffix("s")))
        if words and known:
            unit, factor = known
            amount = float(words["amount"] or 1) * factor
            if amount > 0 and (unit == "seconds" or amount == int(amount)):
                return _Interval(unit, amount)
    elif isinstance(every, int) and not isinstance(every, bool):
        if every < 1:
            raise ArgumentError(f"{who} is a number of steps of at least 1; got {every}.")
        return _Interval("steps", every)
    raise ArgumentError(
        f"{who} is 'epoch', a number of steps, a text such as '3 epochs', '500 steps', "
        f"'5000 samples', '90 s', '10 min' or '2 h', or a list of these; got {every!r}."
    )
