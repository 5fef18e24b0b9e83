"""Later: a value that nobody has computed or fetched yet."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Later"]


class Later:
    """One of many values that are computed together, as soon as somebody wants one of them.

    `Logs` read it as they read what is on a device. `on_device` is the value where it lies, if that
    is not the host.

    >>> float(Later([0.25, 0.5].__getitem__, 1))
    0.5
    """

    __slots__ = ("_index", "_values", "on_device")

    ndim = 0
    """A single number, for those who ask."""

    def __init__(self, values: Callable[[int], float], index: int, on_device: Any = None) -> None:
        self._values = values
        self._index = index
        self.on_device = on_device

    def __float__(self) -> float:
        return self._values(self._index)
