"""Rehearsal: one save before training, under another name, that leaves nothing."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from backbeat import files
from backbeat.checkpoints.checkpoint import Draft
from backbeat.errors import BackbeatError

__all__ = ["Rehearsal", "rehearse", "room_warning"]

# While a file is written there is the old one and the new one, and some more for what grows.
_ROOM = 2.2


@dataclass(frozen=True)
class Rehearsal:
    """What one save takes."""

    size: int
    """Bytes."""
    seconds: float
    """From the copy in memory to the disk."""


def rehearse(path: str, capture: Callable[[str], Draft | None]) -> Rehearsal | None:
    """Save once as if to `path`, and remove it again; None if the host saves in its own way.

    Raises what would stand in the way of the save.
    """
    # The end of the name chooses the format; the target itself must not come into being.
    trial = files.trial_path(path, f".rehearsal.{Path(path).name[-48:]}")
    draft = capture(trial)
    if draft is None:
        return None
    began = time.perf_counter()
    try:
        draft.write(trial)
    finally:
        with contextlib.suppress(BackbeatError):
            files.remove(trial)
    return Rehearsal(draft.size, time.perf_counter() - began)


def room_warning(path: str, size: int) -> str | None:
    """What to say if the disk has little room for files of `size` bytes; None if it has enough."""
    try:
        free = files.free_bytes(path)
    except BackbeatError:
        return None
    if free >= _ROOM * size:
        return None
    return (
        f"has little room for {path}: {free / 1e6:.1f} MB are free, one save takes "
        f"{size / 1e6:.1f} MB, and twice as much while it replaces an older one."
    )
