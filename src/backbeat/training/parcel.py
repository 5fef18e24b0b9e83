"""Parcel: values of many batches that are computed and fetched together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from backbeat.hooks import Later

__all__ = ["Parcel"]

Make = Callable[[list[Any]], Tensor]


class Parcel:
    """Keeps what the values are made of until somebody reads one, or until it is sent.

    `make` turns everything that was added into one tensor of values, shape (added,). On a GPU that
    tensor is copied to the host without waiting. Several threads may read.
    """

    def __init__(self, make: Make, device: torch.device) -> None:
        self._make = make
        self.device = device
        self._stream = torch.cuda.current_stream(device) if device.type == "cuda" else None
        self._lock = threading.Lock()
        self.known: list[float] = []
        """The values that were read so far."""
        self._kept: list[Any] = []
        self._on_the_way: tuple[Tensor, torch.cuda.Event] | None = None
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, part: Any, on_device: Tensor | None = None) -> Later:
        """One more value, to be made of `part`; `on_device` is the value itself, if it is known."""
        with self._lock:
            self._kept.append(part)
            self._count += 1
        return Later(self, self._count - 1, on_device)

    def send(self) -> None:
        """Compute what nobody has read so far; nothing may be added any more."""
        with self._lock:
            if not self._kept:
                return
            if self._stream is None:
                self.known += self._compute()
                return
            values = self._make(self._kept)
            host = torch.empty_like(values, device="cpu", pin_memory=True)
            host.copy_(values, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
            self._kept, self._on_the_way = [], (host, arrived)

    def value(self, index: int) -> float:
        """That value, for which the others are computed too."""
        if index >= len(self.known):
            with self._lock:
                if index >= len(self.known):
                    self.known += self._arrive()
        return self.known[index]

    def is_awaited(self, index: int) -> bool:
        """Whether reading it makes a GPU finish first; what was sent comes by itself."""
        return self._stream is not None and not self._on_the_way and index >= len(self.known)

    def _arrive(self) -> list[float]:
        if self._on_the_way is not None:
            (host, arrived), self._on_the_way = self._on_the_way, None
            arrived.synchronize()
            return cast(Any, host).tolist()
        if self._stream is None:
            return self._compute()
        with torch.cuda.stream(self._stream):
            return self._compute()

    def _compute(self) -> list[float]:
        kept, self._kept = self._kept, []
        return cast(Any, self._make(kept)).tolist()
