"""Waits: how often a run waited for its device to hand over values, and for whom."""

from __future__ import annotations

import os
import sys
from typing import Any

from backbeat.hooks.bell import Bell
from backbeat.warning import warn

__all__ = ["Waits"]

_SWITCH = "BACKBEAT_WAITS"


class Waits(dict[str, int]):
    """Counts by cause, such as `"TerminateOnNaN.on_train_batch_end"`.

    Values that are on the host cost no wait. With BACKBEAT_WAITS=1 in the environment the first
    wait of each cause is also warned of.

    >>> waits = Waits()
    >>> waits.note()
    >>> waits
    {'the training loop': 1}
    """

    def __init__(self) -> None:
        super().__init__()
        self._warns = os.environ.get(_SWITCH, "0") not in ("", "0")

    def note(self) -> None:
        """Count one; whoever is calling has to wait now."""
        cause = _cause()
        first = cause not in self
        self[cause] = self.get(cause, 0) + 1
        if first and self._warns:
            warn(
                f"{cause} reads values that are still on the device, so the device has to finish "
                "and stands idle meanwhile. Read them less often, or at the end of the epoch."
            )


def _cause() -> str:
    """The outermost callback that is being called, and its hook: the one who reads."""
    found = "the training loop"
    frame: Any = sys._getframe(2)  # pyright: ignore[reportPrivateUsage] the documented way to a frame
    while frame is not None:
        bell = frame.f_locals.get("self")
        if isinstance(bell, Bell):
            found = bell.called(frame.f_locals) or found
        frame = frame.f_back
    return found
