"""Backlog: what was given and is not written yet, within bounds."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from numpy.typing import NDArray

from backbeat.event_files.buffers import Buffers

__all__ = ["Backlog", "Build", "Coarse", "Late"]

# The bound on values of which none may be lost easily; about 75 MB of scalars.
FINE_VALUES = 500_000
# The bound on histograms and images, the first to go when the disk does not keep up.
COARSE_BYTES = 64 << 20

Build = Callable[[], tuple[dict[str, Any], int]]
"""Makes the fields of an event, and tells how many numbers in it were not finite."""


class Late(NamedTuple):
    """A value that is read when it is written, at once with all others of the same `fetch`."""

    value: Any
    fetch: Callable[[list[Any]], list[float]]


class Coarse(NamedTuple):
    """A histogram or an image: something large of which one may be missed."""

    size: int
    build: Build
    step: int
    wall_time: float
    copy: NDArray[Any] | None = None
    """Memory that is free again when the value is built."""


class Backlog:
    """Two queues: `fine` values, one small thing each, and coarse ones, bounded by their bytes."""

    def __init__(self) -> None:
        self.fine: deque[tuple[Any, Any, int, float]] = deque()
        """(tag, value, step, wall time) of scalars; (None, a Build, step, wall time) of others."""
        self._coarse: deque[Coarse] = deque()
        self._coarse_bytes = 0
        self._lock = threading.Lock()
        self.buffers = Buffers()

    def __len__(self) -> int:
        return len(self.fine) + len(self._coarse)

    def reserve(self, size: int) -> bool:
        """Whether there is room for so many coarse bytes; if so they are kept free."""
        with self._lock:
            fits = self._coarse_bytes + size <= COARSE_BYTES
            self._coarse_bytes += size if fits else 0
        return fits

    def add_coarse(self, item: Coarse) -> None:
        """Add what `reserve` found room for."""
        self._coarse.append(item)

    def take_fine(self, most: int) -> list[tuple[Any, Any, int, float]]:
        """Take out the oldest fine values."""
        # Only one thread takes out, so what was counted is there.
        take = self.fine.popleft
        return [take() for _ in range(min(most, len(self.fine)))]

    def take_coarse(self) -> Coarse | None:
        """Take out the oldest coarse value; its bytes stay reserved until `release`."""
        return self._coarse.popleft() if self._coarse else None

    def release(self, item: Coarse) -> None:
        """Give back the room of a value that is built."""
        with self._lock:
            self._coarse_bytes -= item.size
        if item.copy is not None:
            self.buffers.give_back(item.copy)

    def clear(self) -> int:
        """Drop everything; returns how many values that were."""
        dropped = len(self)
        self.fine.clear()
        self._coarse.clear()
        self.buffers.clear()
        return dropped
