"""How a callback finds the value it watches, and what it says when that does not come."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from backbeat.callbacks._arguments import check_name
from backbeat.callbacks._values import number
from backbeat.errors import ArgumentTypeError, MonitorError
from backbeat.hooks.host import Direction, as_host
from backbeat.hooks.plan import Plan
from backbeat.registry import nearest
from backbeat.warning import warn

__all__ = ["Monitor", "checked_mode", "guess_direction"]


class Monitor:
    """Watches one name in the logs of the epochs of a run.

    `consequence` ends the warning that the value does not come: what the callback does without it.
    """

    def __init__(self, owner: object, name: Any, *, strict: bool, consequence: str) -> None:
        check_name(owner, "monitor", name)
        self.name: str = name
        self.strict = strict
        self._owner = type(owner).__name__
        self._consequence = consequence
        self._was_checked = False
        self._forget()

    def _forget(self) -> None:
        self.is_expected = False
        """Whether the value is known to come, be it not in every epoch."""
        self.is_missed = False
        """Whether it was said that it does not come."""
        self._told_alias = False

    def check(self, plan: Plan) -> None:
        """Before training: say so if the value cannot come.

        Raises MonitorError instead of warning if strict.
        """
        self._forget()
        self._was_checked = True
        if any(name in plan.epoch_names for name in _spellings(self.name)):
            self.is_expected = True
        elif plan.complete:
            self._miss(plan.epoch_names, "this run logs")

    def begin(self) -> None:
        """A run begins: forget the one before, unless this one's plan was checked already."""
        if not self._was_checked:
            self._forget()
        self._was_checked = False

    def find(self, logs: Mapping[str, Any] | None) -> float | None:
        """The watched value of an epoch, or None if it did not come."""
        logs = {} if logs is None else logs
        name = next((name for name in _spellings(self.name) if name in logs), None)
        if name is None:
            if not (self.is_expected or self.is_missed):
                self._miss(logs, "this epoch logged")
            return None
        if name != self.name and not self._told_alias:
            self._told_alias = True
            self._warn(f"{self._owner} watches {self.name!r}; it is logged as {name!r} here.")
        self.is_expected = True
        return self._as_number(logs[name])

    def direction(self, model: Any, mode: str) -> Direction:
        """Which way is better: as `mode` says, else the metric itself, else a guess, said so."""
        if mode == "min" or mode == "max":
            return mode
        known = None if model is None else as_host(model).direction(self.name)
        if known is not None:
            return known
        guess = guess_direction(self.name)
        if not _speaks_for_itself(self.name) and not self.is_missed:
            better = "smaller" if guess == "min" else "larger"
            self._warn(
                f"{self._owner} takes {better} values of {self.name!r} for better ones: a guess "
                f"from its name. Pass mode='min' or mode='max'."
            )
        return guess

    def _as_number(self, value: Any) -> float:
        as_float = number(value)
        if as_float is None:
            raise ArgumentTypeError(
                f"{self._owner} watches {self.name!r}, which is not one number but {value!r} "
                f"({type(value).__name__}). Log a number under this name, or watch another one."
            )
        return as_float

    def _miss(self, names: Iterable[str], who: str) -> None:
        self.is_missed = True
        names = list(names)
        told = ", ".join(_ordered(names)) or "nothing"
        text = f"{self._owner} watches {self.name!r}, but {who}: {told}. {self._advice(names)}"
        if self.strict:
            raise MonitorError(text)
        self._warn(f"{text} {self._consequence}")

    def _advice(self, names: list[str]) -> str:
        is_of_validation = self.name.startswith("val_")
        if is_of_validation and not any(name.startswith("val_") for name in names):
            watched = self.name.removeprefix("val_")
            closest = _closest(watched, names)
            instead = f", or monitor={closest!r}" if closest else ""
            return f"Pass validation_data=... to fit{instead}."
        closest = _closest(self.name, names)
        return (
            f"Pass monitor={closest!r}." if closest else "Pass the name of a value that is logged."
        )

    def _warn(self, text: str) -> None:
        warn(text)


def checked_mode(owner: object, mode: Any) -> str:
    """`mode`, or `"auto"` with a warning if there is no such mode."""
    if isinstance(mode, str) and mode in ("auto", "min", "max"):
        return mode
    warn(f"{type(owner).__name__}: mode is 'auto', 'min' or 'max'; got {mode!r}, so it is 'auto'.")
    return "auto"


def guess_direction(name: str) -> Direction:
    """The seed's rule: whatever has `acc` in its name should grow, everything else shrink."""
    return "max" if "acc" in name or name.startswith("fmeasure") else "min"


def _speaks_for_itself(name: str) -> bool:
    """Whether the name ends in the word loss, acc or accuracy: then it is no guess."""
    return name.rsplit("_", 1)[-1] in ("loss", "acc", "accuracy")


@lru_cache
def _spellings(name: str) -> tuple[str, ...]:
    """`name`, and the same with `acc` for `accuracy` or the other way round."""
    for one, other in (("accuracy", "acc"), ("acc", "accuracy")):
        renamed = re.sub(rf"(^|_){one}$", rf"\g<1>{other}", name)
        if renamed != name:
            return (name, renamed)
    return (name,)


def _closest(name: str, names: list[str]) -> str | None:
    return name if name in names else nearest(name, names)


def _ordered(names: list[str]) -> list[str]:
    """As they would be told: the loss first, what validation adds last."""
    return sorted(names, key=lambda name: (name.startswith("val_"), "loss" not in name, name))
