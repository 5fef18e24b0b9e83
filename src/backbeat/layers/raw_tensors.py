"""Torch tensors as bytes and back, in every type that torch has."""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor

from backbeat.checkpoints.checkpoint import RawTensor
from backbeat.errors import ArgumentError
from backbeat.layers._arguments import dtype_name

__all__ = ["from_raw", "raw_tensor"]


def raw_tensor(tensor: Tensor) -> RawTensor:
    """`tensor` as dtype, shape and bytes; shares memory with an ordinary CPU tensor.

    >>> raw_tensor(torch.ones(2, dtype=torch.bfloat16)).dtype
    'bfloat16'
    """
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    data = memoryview(cast(Any, flat.view(torch.uint8).numpy()))
    return RawTensor(dtype_name(tensor.dtype), tuple(tensor.shape), data)


def from_raw(raw: RawTensor) -> Tensor:
    """The tensor on the CPU, as its own memory.

    Raises ArgumentError if this torch has no such type.
    """
    dtype = getattr(torch, raw.dtype, None)
    if not isinstance(dtype, torch.dtype):
        raise ArgumentError(f"this torch has no type {raw.dtype}; a newer one may have it.")
    if not len(raw.data):
        return torch.empty(raw.shape, dtype=dtype)
    return torch.frombuffer(bytearray(raw.data), dtype=dtype).reshape(raw.shape)
