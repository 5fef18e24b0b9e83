"""Optimizer state ↔ files: Keras' own in Keras 2's order, torch's as it is."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor

from backbeat.checkpoints import SavedWeights
from backbeat.errors import BackbeatError, DataError
from backbeat.layers.keras_weight import KerasWeight
from backbeat.optimizers import Optimizer, TorchOptimizer
from backbeat.tensors import to_tensor
from backbeat.warning import warn

__all__ = ["optimizer_arrays", "restore_optimizer"]

NamedArrays = Sequence[tuple[str, "np.ndarray[Any, Any]"]]

# How Keras 3 ends the names of what it keeps for each weight; the longer ones first.
_KINDS = ("velocity_hat", "velocity", "momentum", "accumulator", "average_gradient")


def optimizer_arrays(optimizer: Optimizer, weights: Sequence[KerasWeight]) -> NamedArrays | None:
    """What a file holds of a bound optimizer that has taken steps; None of any other."""
    if not optimizer.bound or optimizer.iterations == 0:
        return None
    if isinstance(optimizer, TorchOptimizer):
        return _torch_arrays(optimizer, weights)
    return list(optimizer.state_arrays(weights).items())


def restore_optimizer(
    optimizer: Optimizer, weights: Sequence[KerasWeight], saved: SavedWeights
) -> None:
    """Take over the optimizer state in `saved`, rate included.

    If it does not fit the optimizer starts afresh, with a warning.
    """
    if not saved.optimizer_weights:
        return
    rate = _rate(saved)
    try:
        if isinstance(optimizer, TorchOptimizer):
            _load_torch_arrays(optimizer, weights, saved.optimizer_weights)
        else:
            optimizer.load_state_arrays(weights, _in_keras2_order(saved.optimizer_weights))
    except (BackbeatError, ValueError, TypeError, IndexError) as error:
        warn(f"{saved.path}: the optimizer state was left out, so it starts afresh: {error}")
        return
    if rate is not None:
        optimizer.lr = rate


def _rate(saved: SavedWeights) -> float | None:
    """The learning rate when the file was written; None if it has none, or a schedule."""
    try:
        described: Any = json.loads(saved.training_config or "{}")
        for part in ("optimizer_config", "config"):
            described = described.get(part) or {}
        rate = float(described.get("learning_rate", described.get("lr")))
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    return rate if math.isfinite(rate) and rate >= 0 else None


def _in_keras2_order(saved: NamedArrays) -> Any:
    """The arrays by slot; Keras 3 interleaves the slots and stores the rate among them."""
    if not saved[0][0].endswith("/iteration"):
        return dict(saved)
    (_, iterations), *slots = saved
    kinds: dict[str, list[Any]] = {}
    for name, array in slots:
        if name.endswith("/learning_rate"):
            continue
        kind = next((each for each in _KINDS if name.endswith(each)), "")
        kinds.setdefault(kind, []).append(array)
    return [iterations, *(array for arrays in kinds.values() for array in arrays)]


# torch's optimizers keep what they like for each parameter, by names of their own.


def _torch_arrays(optimizer: TorchOptimizer, weights: Sequence[KerasWeight]) -> NamedArrays:
    kind = type(optimizer.torch).__name__
    arrays = [(f"{kind}/iterations", np.asarray(optimizer.iterations, np.int64))]
    for number, weight in enumerate(weights):
        for name, value in optimizer.torch.state.get(weight.tensor, {}).items():
            if isinstance(value, (Tensor, int, float)):
                held = value if isinstance(value, Tensor) else np.asarray(value)
                arrays.append((f"{kind}/{number}/{name}", weight.to_keras(held)))
    return arrays


def _load_torch_arrays(
    optimizer: TorchOptimizer, weights: Sequence[KerasWeight], saved: NamedArrays
) -> None:
    kind = type(optimizer.torch).__name__
    iterations = int(saved[0][1])
    held: dict[str, dict[str, Tensor]] = {}
    for name, array in saved[1:]:
        owner, number, key = (*name.split("/", 2), "", "")[:3]
        if owner != kind or not number.isdecimal() or int(number) >= len(weights):
            raise DataError(f"it holds {name!r}, which is nothing of torch.optim.{kind}.")
        weight = weights[int(number)]
        fits = array.ndim == 0 or array.shape == weight.shape
        if not fits:
            raise DataError(f"{name!r} has shape {array.shape}, the weight has {weight.shape}.")
        held.setdefault(number, {})[key] = (
            weight.from_keras(array) if array.ndim else to_tensor(np.array(array))
        )
    _put(optimizer, {id(weights[int(number)].tensor): state for number, state in held.items()})
    optimizer.iterations = iterations


def _put(optimizer: TorchOptimizer, held: dict[int, dict[str, Tensor]]) -> None:
    """Let torch itself place each parameter's state: types and devices differ by its kernels."""
    groups = optimizer.torch.param_groups
    parameters = [parameter for group in groups for parameter in group["params"]]
    state = {n: held[id(each)] for n, each in enumerate(parameters) if id(each) in held}
    described = optimizer.torch.state_dict()["param_groups"]
    optimizer.torch.load_state_dict({"state": state, "param_groups": described})
