"""The values of many batches come from a GPU in one copy, and nobody waits for it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from backbeat.data import Batch
from backbeat.training.parcel import Parcel
from backbeat.training.target import Values

__all__ = ["putting_off"]

# To start a copy takes as long as to start a kernel; the memory is next to nothing.
_MOST_VALUES = 128


def putting_off(run: Callable[[Batch], Values], device: torch.device) -> Callable[[Batch], Values]:
    """`run`, whose values are read later if `device` is a GPU."""
    return _Arrivals(run, device) if device.type == "cuda" else run


class _Arrivals:
    """Puts values off until somebody reads one, or until there are enough of them."""

    def __init__(self, run: Callable[[Batch], Values], device: torch.device) -> None:
        self._run = run
        self._device = device
        self._parcel = Parcel(torch.stack, device)

    def __call__(self, batch: Batch) -> Values:
        """The values of a batch; what is on a GPU is to be read later."""
        values, parcel = self._run(batch), self._parcel
        for name, value in values.items():
            if isinstance(value, Tensor) and value.is_cuda and value.ndim == 0:
                values[name] = parcel.add(value, value)
        if len(parcel) >= _MOST_VALUES:
            parcel.send()
            self._parcel = Parcel(torch.stack, self._device)
        return values
