"""Plan: what is known about a run before its first batch."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["Plan"]


@dataclass(frozen=True)
class Plan:
    """What the callbacks may count on, so that a mistake shows before training does."""

    epoch_names: frozenset[str] = field(default_factory=lambda: frozenset[str]())
    """The names that the logs of an epoch will hold, as far as they are known."""
    complete: bool = False
    """Whether `epoch_names` is all there will be: no callback of the user's may add to it."""
    epochs: int = 1
