"""Arrivals: the values of many batches come from a GPU in one copy, and nobody waits for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from backbeat.data import Batch
from backbeat.hooks import Fetch, Later
from backbeat.training.target import Values
from backbeat.training.values import fetch as plain_fetch

__all__ = ["putting_off"]

# To start a copy takes as long as to start a kernel; the memory is next to nothing.
_MOST_VALUES = 128


def putting_off(
    run: Callable[[Batch], Values], device: torch.device, fetch: Fetch
) -> Callable[[Batch], Values]:
    """`run`, whose values are read later if `device` is a GPU.

    `fetch` reads those that somebody wants before they were sent.
    """
    if device.type != "cuda":
        return run
    arrivals = _Arrivals(fetch)
    return lambda batch: arrivals.put_off(run(batch))


class _Arrivals:
    """Puts values off until somebody reads one, or until there are enough of them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._parcel: _Parcel | None = None

    def put_off(self, values: Values) -> Values:
        """`values` with what is on a GPU to be read later."""
        parcel = self._parcel
        if parcel is None or parcel.is_sent:
            parcel = self._parcel = _Parcel(self._fetch)
        for name, value in values.items():
            if isinstance(value, Tensor) and value.is_cuda and value.ndim == 0:
                values[name] = parcel.add(value)
        if len(parcel) >= _MOST_VALUES:
            parcel.send()
        return values


class _Parcel:
    """Values that travel together; several threads may read them."""

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch
        self._owner = threading.get_ident()
        self._stream = torch.cuda.current_stream()
        self._lock = threading.Lock()
        self._read: list[float] = []
        self._there: list[Tensor] = []
        self._on_the_way: tuple[Tensor, torch.cuda.Event] | None = None
        self.is_sent = False

    def __len__(self) -> int:
        return len(self._read) + len(self._there)

    def add(self, value: Tensor) -> Later:
        with self._lock:
            self._there.append(value)
            return Later(self._value, len(self) - 1, value)

    def send(self) -> None:
        """Begin to copy what nobody has read so far."""
        with self._lock:
            self.is_sent = True
            if not self._there:
                return
            stacked = torch.stack(self._there)
            host = torch.empty_like(stacked, device="cpu", pin_memory=True)
            host.copy_(stacked, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
            self._there, self._on_the_way = [], (host, arrived)

    def _value(self, index: int) -> float:
        with self._lock:
            if index >= len(self._read):
                self._read += self._arrive()
            return self._read[index]

    def _arrive(self) -> list[float]:
        if self._on_the_way is not None:
            host, arrived = self._on_the_way
            self._on_the_way = None
            # No wait that counts: whatever was begun since keeps the GPU busy meanwhile.
            arrived.synchronize()
            return cast(Any, host).tolist()
        there, self._there = self._there, []
        # A thread that writes holds nobody up.
        fetch = self._fetch if threading.get_ident() == self._owner else plain_fetch
        with torch.cuda.stream(self._stream):
            return fetch(there)
