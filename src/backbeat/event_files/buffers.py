"""Buffers: memory for copies, kept to be used again."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Buffers"]

# Smaller copies are as fast anywhere; of the larger ones so many bytes are kept.
_SMALLEST = 256 << 10
_MOST_BYTES = 32 << 20


class Buffers:
    """Copies arrays into memory of earlier copies of the same size.

    The system hands out new memory page by page, as it is filled for the first time; that takes
    about ten times as long as the copy itself.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[NDArray[Any]]] = {}
        self._free_bytes = 0
        self._lock = threading.Lock()

    def copy(self, array: NDArray[Any]) -> NDArray[Any]:
        """A copy of `array`, contiguous, to be given back when it is no longer needed."""
        with self._lock:
            fitting = self._free.get(array.nbytes)
            memory = fitting.pop() if fitting else None
            self._free_bytes -= 0 if memory is None else memory.nbytes
        if memory is None:
            return array.copy()
        mine = memory.view(array.dtype).reshape(array.shape)
        np.copyto(mine, array)
        return mine

    def give_back(self, mine: NDArray[Any]) -> None:
        """Keep the memory of a copy for the next one, if there is not too much of it already."""
        if mine.nbytes < _SMALLEST:
            return
        with self._lock:
            if self._free_bytes + mine.nbytes <= _MOST_BYTES:
                self._free.setdefault(mine.nbytes, []).append(mine.reshape(-1).view(np.uint8))
                self._free_bytes += mine.nbytes

    def clear(self) -> None:
        """Give all that is kept back to the system."""
        with self._lock:
            self._free.clear()
            self._free_bytes = 0
