"""The stop latch: once somebody asks a run to stop it stays asked, with who and why."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from backbeat.hooks.callback import Callback

__all__ = ["Stop", "StopLatch"]


@dataclass(frozen=True)
class Stop:
    """Who ended a run early, why and where; `epoch` and `batch` count from 0."""

    by: str
    reason: str
    epoch: int | None = None
    batch: int | None = None


class StopLatch:
    """Holds a request to stop until the next run clears it.

    >>> latch = StopLatch()
    >>> latch.request("patience is over", by="EarlyStopping")
    >>> latch.requested, latch.by
    (True, 'EarlyStopping')
    """

    __slots__ = ("by", "reason", "requested")

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Forget the request, as the beginning of a run does."""
        self.requested = False
        self.reason = ""
        self.by = ""

    def put_aside(self) -> tuple[str, str] | None:
        """Forget the request; returns its reason and who asked, or None if there is none."""
        held = (self.reason, self.by) if self.requested else None
        self.clear()
        return held

    def request(self, reason: str, *, by: object) -> None:
        """Ask to stop. The first one who asks is the one who is named."""
        if not self.requested:
            self.by = by if isinstance(by, str) else type(by).__name__
            self.reason = reason
            self.requested = True

    def set(self, value: bool) -> None:
        """What `stop_training = value` does: True latches, False never takes a request back."""
        if value:
            self.request("stop_training was set to True", by=_caller())


def _caller() -> str:
    """The callback in whose method we are; it alone knows who wrote `stop_training = True`."""
    frame = sys._getframe(1)  # pyright: ignore[reportPrivateUsage] the documented way to a frame
    while frame is not None:
        owner = frame.f_locals.get("self")
        if isinstance(owner, Callback):
            return type(owner).__name__
        frame = frame.f_back
    return "stop_training"
