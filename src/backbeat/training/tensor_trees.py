"""Trees of values in which tensors stand, as bytes that any file can hold, and back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch

from backbeat.checkpoints import RawTensor
from backbeat.layers.raw_tensors import from_raw, raw_tensor
from backbeat.training.staging import Staging

__all__ = ["with_bytes", "with_tensors"]


def with_bytes(tree: Any, staging: Staging | None = None) -> Any:
    """`tree` with its tensors as RawTensors: copies, as its arrays are, for training goes on.

    The copies of tensors lie in `staging`, until it is used again.

    >>> with_bytes({"w": torch.ones(2, dtype=torch.bfloat16)})["w"].dtype
    'bfloat16'
    """
    staging = Staging() if staging is None else staging

    def copied(leaf: Any) -> Any:
        return staging.hold(leaf, leaf.dtype) if isinstance(leaf, torch.Tensor) else leaf.copy()

    staging.begin()
    copies = _changed(tree, (torch.Tensor, np.ndarray), copied)
    staging.finish()
    # Only now: what comes from a device is there when all of it is.
    return _changed(copies, torch.Tensor, raw_tensor)


def with_tensors(tree: Any) -> Any:
    """`tree` with every RawTensor as a new tensor on the CPU."""
    return _changed(tree, RawTensor, from_raw)


def _changed(tree: Any, kind: type | tuple[type, ...], change: Callable[[Any], Any]) -> Any:
    if isinstance(tree, kind):
        return change(tree)
    if isinstance(tree, Mapping):
        pairs = cast(Mapping[Any, Any], tree).items()
        return {key: _changed(part, kind, change) for key, part in pairs}
    if type(tree) in (list, tuple):
        return type(tree)([_changed(part, kind, change) for part in tree])
    return tree
