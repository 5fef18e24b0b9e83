"""How often the prediction is right: one value per sample, between 0 and 1.

All return shape (batch,); further axes, such as time, are averaged.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import torch
from torch import Tensor

from backbeat.errors import DataError
from backbeat.losses.alignment import class_indices, match, over_samples, shapes_differ

__all__ = [
    "binary_accuracy",
    "categorical_accuracy",
    "share_of_hits",
    "shares_of_hits",
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "top_k_categorical_accuracy",
]

_FLOAT32 = struct.Struct("<f")


def binary_accuracy(y_true: Tensor, y_pred: Tensor, threshold: float = 0.5) -> Tensor:
    """The share of outputs on the right side of `threshold`; labels are 0 or 1."""
    target, output = match(y_true, y_pred)
    return over_samples((target == (output > threshold)).float())


def categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the largest output is that of the right class; labels are one-hot."""
    return over_samples(_categorical_hits(y_true, y_pred).float())


def _categorical_hits(y_true: Tensor, y_pred: Tensor) -> Tensor:
    if y_true.shape != y_pred.shape:
        raise shapes_differ(y_true, y_pred, "For class numbers use 'sparse_categorical_accuracy'.")
    _check_classes(y_pred)
    return _class_of(y_true) == y_pred.argmax(-1)


def _class_of(one_hot: Tensor) -> Tensor:
    """The class numbers in one-hot labels; torch finds no largest among booleans."""
    return (one_hot.byte() if one_hot.dtype is torch.bool else one_hot).argmax(-1)


def sparse_categorical_accuracy(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """Whether the largest output is that of the right class; labels are class numbers from 0."""
    return over_samples(_sparse_hits(y_true, y_pred).float())


def _sparse_hits(y_true: Tensor, y_pred: Tensor) -> Tensor:
    _check_classes(y_pred)
    labels, _ = class_indices(y_true, y_pred)
    return labels == y_pred.argmax(-1)


_HITS: tuple[tuple[Callable[..., Tensor], Callable[[Tensor, Tensor], Tensor]], ...] = (
    (categorical_accuracy, _categorical_hits),
    (sparse_categorical_accuracy, _sparse_hits),
)


def share_of_hits(accuracy: object) -> Callable[[Tensor, Tensor], Tensor | float] | None:
    """A shorter way to the mean of `accuracy` over a batch, the same number; None if there is none.

    >>> share = share_of_hits(sparse_categorical_accuracy)
    >>> share(torch.tensor([0, 1]), torch.tensor([[0.9, 0.1], [0.8, 0.2]]))
    0.5
    """
    for known, hits_of in _HITS:
        if known is accuracy:
            return lambda y_true, y_pred: _share(hits_of(y_true, y_pred))
    return None


def _share(hits: Tensor) -> Tensor | float:
    """Counted in one kernel where the count is at hand at once."""
    if hits.ndim != 1:
        return over_samples(hits.float()).mean()
    if hits.device.type != "cpu" or not len(hits):
        return hits.mean(dtype=torch.float32)
    return _rounded(torch.count_nonzero(hits).item() / len(hits))


def shares_of_hits(
    accuracy: object,
) -> Callable[[list[Tensor], list[Tensor]], Tensor] | None:
    """As `share_of_hits`, for several batches of one shape; outputs are (batch, classes).

    >>> shares = shares_of_hits(sparse_categorical_accuracy)
    >>> output = torch.tensor([[0.9, 0.1], [0.8, 0.2]])
    >>> shares([torch.tensor([0, 1]), torch.tensor([0, 0])], [output, output])
    tensor([0.5000, 1.0000])
    """
    for known, hits_of in _HITS:
        if known is accuracy:
            return lambda labels, outputs: _shares(hits_of, labels, outputs)
    return None


def _shares(
    hits_of: Callable[[Tensor, Tensor], Tensor], labels: list[Tensor], outputs: list[Tensor]
) -> Tensor:
    hits = hits_of(torch.cat(labels), torch.cat(outputs)).view(len(labels), -1)
    return torch.count_nonzero(hits, 1).float() / hits.shape[1]


def _rounded(share: float) -> float:
    """As the mean of float32 gives it."""
    return _FLOAT32.unpack(_FLOAT32.pack(share))[0]


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
