"""Optimizer state in files: read back where it fits."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from os import PathLike
from typing import Any

import numpy as np

from backbeat.checkpoints import read_weights
from backbeat.errors import BackbeatWarning, DataError
from backbeat.layers.keras_layout import KerasWeight
from backbeat.optimizers import Optimizer

__all__ = ["restore_optimizer"]

NamedArrays = Sequence[tuple[str, "np.ndarray[Any, Any]"]]


def restore_optimizer(
    optimizer: Optimizer, weights: Sequence[KerasWeight], path: str | PathLike[str]
) -> None:
    """Take over the optimizer state in `path`; with a warning, start afresh if it does not fit."""
    saved = read_weights(path).optimizer_weights
    if not saved:
        return
    try:
        optimizer.load_state_arrays(weights, _in_keras2_order(saved, len(weights)))
    except DataError as error:
        warnings.warn(
            f"{path}: the optimizer state was left out, so it starts afresh: {error}",
            BackbeatWarning,
            stacklevel=4,
        )


def _in_keras2_order(saved: NamedArrays, count: int) -> Any:
    """The arrays by slot; Keras 3 interleaves the slots and stores the rate among them."""
    arrays = [array for _, array in saved]
    if not any(name.endswith("learning_rate") for name, _ in saved):
        return dict(saved)
    iterations, _, *slots = arrays
    kinds = len(slots) // count if count else 0
    ordered = [slots[index] for kind in range(kinds) for index in range(kind, len(slots), kinds)]
    return [iterations, *ordered]
