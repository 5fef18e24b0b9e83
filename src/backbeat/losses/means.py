"""The batch means of losses in as few kernels as torch allows: for training without weights.

Each function equals the mean of its per-sample twin over the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from backbeat.losses.alignment import match, precise
from backbeat.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    one_hot,
    pick,
    smooth,
    sparse_categorical_crossentropy,
)
from backbeat.losses.regression import huber_loss, mean_absolute_error, mean_squared_error

__all__ = ["MEANS"]


def _squared(y_true: Tensor, y_pred: Tensor) -> Tensor:
    target, output = match(y_true, y_pred)
    return F.mse_loss(output, target)


def _absolute(y_true: Tensor, y_pred: Tensor) -> Tensor:
    target, output = match(y_true, y_pred)
    return F.l1_loss(output, target)


def _huber(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    target, output = match(y_true, y_pred)
    return F.huber_loss(output, target, delta=delta)


def _categorical(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    if not from_logits:
        return categorical_crossentropy(y_true, y_pred, False, label_smoothing).mean()
    target, output = one_hot(y_true, y_pred)
    if output.ndim > 2:
        target, output = target.flatten(0, -2), output.flatten(0, -2)
    return F.cross_entropy(output, target, label_smoothing=label_smoothing)


def _sparse(y_true: Tensor, y_pred: Tensor, from_logits: bool = False) -> Tensor:
    if not from_logits:
        return sparse_categorical_crossentropy(y_true, y_pred).mean()
    return pick(y_true, precise(y_pred), reduction="mean")


def _binary(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    if not from_logits:
        return binary_crossentropy(y_true, y_pred, False, label_smoothing).mean()
    target, output = match(y_true, y_pred)
    return F.binary_cross_entropy_with_logits(output, smooth(target, label_smoothing, 2))


MEANS: dict[Callable[..., Any], Callable[..., Tensor]] = {
    mean_squared_error: _squared,
    mean_absolute_error: _absolute,
    huber_loss: _huber,
    categorical_crossentropy: _categorical,
    sparse_categorical_crossentropy: _sparse,
    binary_crossentropy: _binary,
}
"""A per-sample loss function → its batch mean, with the same arguments."""
