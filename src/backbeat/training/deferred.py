"""Deferred: a metric of small batches, measured for many of them at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from backbeat.metrics import BatchMetric
from backbeat.training.parcel import Parcel

__all__ = ["Deferred"]

# What waits has to stay in the processor's cache.
_MOST_BATCHES = 32
_MOST_BYTES = 16 * 1024
_DEVICES = ("cpu", "cuda")

Many = Callable[[list[Tensor], list[Tensor]], Tensor]


class Deferred:
    """Keeps labels and outputs until somebody reads a value, or until there are enough of them.

    Between the large kernels of a batch every small one costs several times what it costs in a
    row, because nothing of it is in the caches; on a GPU each takes the host as long as a large
    one. The first batch is measured at once, so that a mistake shows where it is made.
    """

    def __init__(self, metric: BatchMetric, many: Many, *, copies: bool) -> None:
        """`copies`: whether somebody else might write into an output later."""
        self._each, self._many, self._copies = metric.update, many, copies
        self._parcel: Parcel | None = None
        self._number = 0
        """How many batches are in the parcel."""
        self._forms: Any = None
        self._is_lasting = False
        self._places: list[Tensor] = []

    def reset(self, *, lasting: bool) -> None:
        """A new epoch begins; `lasting`: nobody writes into the labels of a batch after it."""
        self._leave()
        self._is_lasting = lasting

    def _leave(self) -> None:
        """Nothing more comes into the parcel, and the places of what is in it are needed."""
        parcel, self._parcel = self._parcel, None
        if parcel is not None and self._places:
            parcel.send()

    def measure(self, y: Tensor, output: Tensor, weight: Any) -> Any:
        """The value of a batch: a number, or one to be read later."""
        parcel = self._parcel
        if weight is not None or parcel is None or _forms(y, output) != self._forms:
            return self._measure_now(y, output, weight)
        number = self._number
        if number == _MOST_BATCHES:
            parcel.send()
            parcel, number = self._begin(output.device), 0
        self._number = number + 1
        if self._places:
            # Small memory that is held from batch to batch drives the large one of the inputs,
            # which is given back after each, to ever new places that are in no cache.
            output = self._places[number].copy_(output)
        elif self._copies:
            output = output.clone()
        return parcel.add((y, output))

    def _begin(self, device: torch.device) -> Parcel:
        parcel = self._parcel = Parcel(self._make, device)
        self._number = 0
        return parcel

    def _measure_now(self, y: Tensor, output: Tensor, weight: Any) -> Any:
        value = self._each(y, output, weight)
        self._leave()
        if self._is_lasting and _is_small(output) and _is_small(y):
            self._begin(output.device)
            self._make_places(y, output)
        return value

    def _make_places(self, y: Tensor, output: Tensor) -> None:
        if self._forms != (forms := _forms(y, output)):
            self._forms = forms
            is_on_host = output.device.type == "cpu"
            many = (_MOST_BATCHES, *output.shape)
            self._places = list(output.new_empty(many).unbind()) if is_on_host else []

    def _make(self, batches: list[tuple[Tensor, Tensor]]) -> Tensor:
        return self._many([y for y, _ in batches], [output for _, output in batches])


def _forms(y: Tensor, output: Tensor) -> Any:
    """What is the same for batches that are measured together."""
    return y.shape, output.shape, y.dtype, output.dtype, output.device


def _is_small(tensor: Tensor) -> bool:
    size = tensor.numel() * tensor.itemsize
    return tensor.device.type in _DEVICES and tensor.ndim < 3 and 0 < size <= _MOST_BYTES
