"""Later: a value on the host that nobody has computed yet."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["Later"]


class Later:
    """One of many values that are computed together, as soon as somebody wants one of them.

    `Logs` read it as they read what is on a device; reading it makes nobody wait.

    >>> float(Later([0.25, 0.5].__getitem__, 1))
    0.5
    """

    __slots__ = ("_index", "_values")

    ndim = 0
    """A single number, for those who ask."""

    def __init__(self, values: Callable[[int], float], index: int) -> None:
        self._values = values
        self._index = index

    def __float__(self) -> float:
        return self._values(self._index)
