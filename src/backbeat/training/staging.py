"""Staging: host memory into which tensors are copied, to be written later by another thread."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from backbeat.checkpoints import Draft

__all__ = ["Hold", "Staging", "alias", "captured"]

Hold = Callable[[Tensor, torch.dtype], Tensor]
"""Gives a tensor on the host that may be read until the file is written, in the type asked for."""


def alias(tensor: Tensor, dtype: torch.dtype) -> Tensor:
    """The values themselves where they lie on the host: for a file that is written at once."""
    return tensor.detach().cpu().to(dtype)


class Staging:
    """Copies of tensors, in memory that the next copies use again.

    Memory that was there before takes a copy about five times as fast as new memory, because the
    system has to give and clear every new page first.
    """

    def __init__(self) -> None:
        self._buffers: list[Tensor] = []
        self._used = 0
        self._streams: dict[torch.device, torch.cuda.Stream] = {}

    def begin(self) -> None:
        """From here on earlier copies are overwritten."""
        self._used = 0
        self._streams = {}

    def hold(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        """A copy of `tensor` on the host; complete only after `finish`."""
        source = tensor.detach()
        copy = self._buffer(source, dtype).copy_(source, non_blocking=source.is_cuda)
        if source.is_cuda:
            self._streams[source.device] = torch.cuda.current_stream(source.device)
        return copy

    def finish(self) -> None:
        """Wait for the copies that come from a device, and let go of memory nobody needed."""
        for stream in self._streams.values():
            stream.synchronize()
        del self._buffers[self._used :]

    def _buffer(self, tensor: Tensor, dtype: torch.dtype) -> Tensor:
        """The memory for the next copy."""
        position = self._used
        self._used += 1
        if position < len(self._buffers):
            kept = self._buffers[position]
            if kept.dtype is dtype and kept.shape == tensor.shape:
                return kept
            del self._buffers[position:]
        fresh = torch.empty(tensor.shape, dtype=dtype, pin_memory=tensor.is_cuda)
        self._buffers.append(fresh)
        return fresh


def captured(make: Callable[[Hold], Draft], reuse: Draft | None) -> Draft:
    """What `make` gives, with every tensor copied; the memory of `reuse` is overwritten."""
    memory = None if reuse is None else reuse.memory
    staging = memory if isinstance(memory, Staging) else Staging()
    staging.begin()
    draft = make(staging.hold)
    staging.finish()
    return replace(draft, memory=staging)
