"""Deferred: a metric of small batches, measured for many of them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from torch import Tensor

from backbeat.hooks import Later
from backbeat.metrics import BatchMetric

__all__ = ["Deferred"]

# What waits has to stay in the processor's cache.
_MOST_BATCHES = 32
_MOST_BYTES = 16 * 1024

Many = Callable[[list[Tensor], list[Tensor]], list[float]]


class Deferred:
    """Keeps labels and outputs until somebody reads a value, or until there are enough of them.

    Between the large kernels of a batch every small one costs several times what it costs in a
    row, because nothing of it is in the caches. Only what lies on the host is deferred. The first
    batch is measured at once, so that a mistake shows where it is made.
    """

    def __init__(self, metric: BatchMetric, many: Many, *, copies: bool) -> None:
        """`copies`: whether somebody else might write into an output later."""
        self._each, self._many, self._copies = metric.update, many, copies
        self._block: _Block | None = None
        self._is_lasting = False

    def reset(self, *, lasting: bool) -> None:
        """A new epoch begins; `lasting`: nobody writes into the labels of a batch after it."""
        self._block = None
        self._is_lasting = lasting

    def measure(self, y: Tensor, output: Tensor, weight: Any) -> Any:
        """The value of a batch: a number, or one to be read later."""
        block = self._block
        if weight is not None or block is None or not block.takes(y, output):
            return self._measure_now(y, output, weight)
        if block.is_full:
            block.settle()
            block = self._block = _Block(self._many, y, output)
        return block.add(y, output.clone() if self._copies else output)

    def _measure_now(self, y: Tensor, output: Tensor, weight: Any) -> Any:
        value = self._each(y, output, weight)
        if self._is_lasting and _is_small(output) and _is_small(y):
            self._block = _Block(self._many, y, output)
        return value


def _is_small(tensor: Tensor) -> bool:
    size = tensor.numel() * tensor.itemsize
    return tensor.device.type == "cpu" and tensor.ndim < 3 and 0 < size <= _MOST_BYTES


class _Block:
    """Batches of one shape; several threads may read its values."""

    def __init__(self, many: Many, y: Tensor, output: Tensor) -> None:
        self._many = many
        self._forms = y.shape, output.shape, y.dtype, output.dtype
        self._labels: list[Any] = []
        self._outputs: list[Any] = []
        self._values: list[float] = []
        self._lock = threading.Lock()

    @property
    def is_full(self) -> bool:
        return len(self._outputs) >= _MOST_BATCHES

    def takes(self, y: Tensor, output: Tensor) -> bool:
        return (y.shape, output.shape, y.dtype, output.dtype) == self._forms

    def add(self, y: Tensor, output: Tensor) -> Later:
        self._labels.append(y)
        self._outputs.append(output)
        return Later(self._value, len(self._outputs) - 1)

    def _value(self, index: int) -> float:
        if index >= len(self._values):
            self.settle()
        return self._values[index]

    def settle(self) -> None:
        """Measure what waits, and let go of it."""
        with self._lock:
            done, count = len(self._values), len(self._outputs)
            if done == count:
                return
            self._values += self._many(self._labels[done:count], self._outputs[done:count])
            nothing = [None] * (count - done)
            self._labels[done:count], self._outputs[done:count] = nothing, nothing
