"""Values on their way into the logs: floats where reading is free, else left on the device."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch

from backbeat.hooks import Fetch, Later, Waits
from backbeat.tensors import to_numpy

__all__ = ["counted", "fetch", "settle"]


def settle(values: Mapping[str, Any], *, wait: bool = False) -> dict[str, Any]:
    """`values` ready for logs: numbers on the host become floats, device tensors are detached.

    With `wait`, device tensors are read too.
    """
    return {name: _settled(value, wait) for name, value in values.items()}


def _settled(value: Any, wait: bool) -> Any:
    if isinstance(value, torch.Tensor):
        if value.device.type != "cpu" and not wait:
            # A copy, because the caller's own loop may write into its tensor again.
            copy = value.detach().clone()
            return copy.reshape(()) if copy.numel() == 1 else copy
        return value.item() if value.numel() == 1 else to_numpy(value)
    if not wait and _is_away(value):
        return value
    if isinstance(value, np.ndarray):
        array = cast(Any, value)
        return array.item() if array.size == 1 else array
    return float(value) if hasattr(value, "__float__") and not isinstance(value, str) else value


def _is_away(value: Any) -> bool:
    """Whether `value`, of whatever library, is on another device than the CPU."""
    if type(value) is Later:  # many at a time
        return value.device != "cpu"
    device = getattr(value, "device", None)
    return device is not None and getattr(device, "type", str(device)) != "cpu"


def counted(waits: Waits) -> Fetch:
    """`fetch`, which tells `waits` whenever the device has to be waited for."""

    def read(values: list[Any]) -> list[Any]:
        if any(map(_is_away, values)):
            waits.note()
        return fetch(values)

    return read


def fetch(values: list[Any]) -> list[Any]:
    """Read `values`: everything that waits on one device comes over in one transfer."""
    waiting = [value for value in values if isinstance(value, torch.Tensor) and value.numel() == 1]
    if len(waiting) < 2:
        return [float(v) if type(v) is Later else _settled(v, wait=True) for v in values]
    alike = len({value.dtype for value in waiting}) == 1
    scalars = [value.detach().reshape(()) for value in waiting]
    stacked = torch.stack(scalars if alike else [value.double() for value in scalars])
    read: Iterator[float] = iter(cast(Any, stacked).tolist())
    return [
        next(read)
        if isinstance(value, torch.Tensor) and value.numel() == 1
        else _settled(value, wait=True)
        for value in values
    ]
