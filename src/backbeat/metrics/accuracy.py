"""How often the prediction is right: one value per sample, between 0 and 1.

All return shape (batch,); further axes, such as time, are averaged.
"""

from __future__ import annotations

import torch
from torch import Tensor

from backbeat.errors import DataError
from backbeat.losses.alignment import class_indices, match, over_samples, shapes_differ

__all__ = [
    "binary_accuracy",
    "categorical_accuracy",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]


def binary_accuracy(y_true: Tensor, y_pred: Tensor, threshold: float = 0.5) -> Tensor:
    """The share of outputs on the right side of `threshold`; labels are 0 or 1."""
    target, output = match(y_true, y_pred)
    return over_samples((target == (output > threshold)).float())


def categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the largest output is that of the right class; labels are one-hot."""
    if y_true.shape != y_pred.shape:
        raise shapes_differ(y_true, y_pred, "For class numbers use 'sparse_categorical_accuracy'.")
    _check_classes(y_pred)
    return over_samples((_class_of(y_true) == y_pred.argmax(-1)).float())


def _class_of(one_hot: Tensor) -> Tensor:
    """The class numbers in one-hot labels; torch finds no largest among booleans."""
    return (one_hot.byte() if one_hot.dtype is torch.bool else one_hot).argmax(-1)


def sparse_categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the largest output is that of the right class; labels are class numbers from 0."""
    _check_classes(y_pred)
    labels, _ = class_indices(y_true, y_pred)
    return over_samples((labels == y_pred.argmax(-1)).float())


def top_k_categorical_accuracy(y_true: Tensor, y_pred: Tensor, k: int = 5) -> Tensor:
    """Whether the right class is among the `k` largest outputs; labels are one-hot."""
    if y_true.shape != y_pred.shape:
        raise shapes_differ(
            y_true, y_pred, "For class numbers use 'sparse_top_k_categorical_accuracy'."
        )
    _check_classes(y_pred)
    return over_samples(_in_top(_class_of(y_true), y_pred, k))


def sparse_top_k_categorical_accuracy(y_true: Tensor, y_pred: Tensor, k: int = 5) -> Tensor:
    """Whether the right class is among the `k` largest outputs; labels are class numbers from 0."""
    _check_classes(y_pred)
    labels, _ = class_indices(y_true, y_pred)
    return over_samples(_in_top(labels, y_pred, k))


def _in_top(labels: Tensor, y_pred: Tensor, k: int) -> Tensor:
    """1 where fewer than `k` outputs exceed the right one, so that ties count as hits."""
    right = torch.gather(y_pred, -1, labels.unsqueeze(-1))
    # Written as "not smaller or equal", so that NaN outputs are misses.
    better = (~(y_pred <= right)).sum(-1)
    return (better < k).float()


def _check_classes(y_pred: Tensor) -> None:
    if y_pred.ndim < 2:
        raise DataError(
            f"y_pred has shape {tuple(y_pred.shape)}: a categorical accuracy needs "
            "(batch, classes). For one yes-or-no output use 'binary_accuracy'."
        )
