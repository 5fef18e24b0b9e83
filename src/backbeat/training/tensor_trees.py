"""Trees of values in which tensors stand, as bytes that any file can hold, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import torch

from backbeat.checkpoints import RawTensor
from backbeat.layers.raw_tensors import from_raw, raw_tensor

__all__ = ["with_bytes", "with_tensors"]


def with_bytes(tree: Any) -> Any:
    """`tree` with every torch tensor as a RawTensor of its own: training goes on with the tensor.

    >>> with_bytes({"w": torch.ones(2, dtype=torch.bfloat16)})["w"].dtype
    'bfloat16'
    """
    return _changed(tree, torch.Tensor, _raw)


def with_tensors(tree: Any) -> Any:
    """`tree` with every RawTensor as a new tensor on the CPU."""
    return _changed(tree, RawTensor, from_raw)


def _raw(tensor: torch.Tensor) -> RawTensor:
    # A copy to the host is one already; on the CPU the bytes would be those of the live tensor.
    return raw_tensor(tensor.detach().clone() if tensor.device.type == "cpu" else tensor)


def _changed(tree: Any, kind: type, change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, kind):
        return change(tree)
    if isinstance(tree, Mapping):
        pairs = cast(Mapping[Any, Any], tree).items()
        return {key: _changed(part, kind, change) for key, part in pairs}
    if type(tree) in (list, tuple):
        return type(tree)([_changed(part, kind, change) for part in tree])
    return tree
