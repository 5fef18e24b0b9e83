"""The three cross-entropies: of one-hot labels, of class numbers, of independent yes and no.

`y_pred` holds probabilities, or with `from_logits=True` the values before the softmax or sigmoid.
Each returns one value per sample: shape (batch,).
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from backbeat.errors import DataError
from backbeat.losses.alignment import class_indices, match, over_samples, precise
from backbeat.losses.regression import EPSILON

__all__ = [
    "binary_crossentropy",
    "categorical_crossentropy",
    "one_hot",
    "pick",
    "smooth",
    "sparse_categorical_crossentropy",
]

# torch skips labels of -100 by default; here every label counts, as in Keras.
_SKIP_NOTHING = -(2**62)


def categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    """Minus the sum of `y_true * log(y_pred)` over the last axis; labels are one-hot.

    Probabilities are scaled to add up to 1 and held in [1e-7, 1 - 1e-7]. `label_smoothing` gives
    that share of every label to all classes alike. Shapes: (batch, ..., classes).
    """
    target, output = one_hot(y_true, y_pred)
    target = smooth(target, label_smoothing, output.shape[-1])
    if from_logits:
        return over_samples(-(target * F.log_softmax(output, -1)).sum(-1))
    shares = (output / output.sum(-1, keepdim=True)).clamp(EPSILON, 1.0 - EPSILON)
    return over_samples(-(target * shares.log()).sum(-1))


def sparse_categorical_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False
) -> Tensor:
    """Minus the logarithm of the right class's probability; labels are class numbers from 0.

    Shapes: `y_pred` (batch, ..., classes); `y_true` the same without the last axis, or with one
    of length 1. A label without its class, or with a fraction, raises `DataError` on a CPU.
    """
    output = precise(y_pred)
    # Keras 2 clips first and scales afterwards here, the other way round than above.
    logits = output if from_logits else output.clamp(EPSILON, 1.0 - EPSILON).log()
    return over_samples(pick(y_true, logits, reduction="none"))


def binary_crossentropy(
    y_true: Tensor, y_pred: Tensor, from_logits: bool = False, label_smoothing: float = 0.0
) -> Tensor:
    """The mean of `-y_true * log(y_pred) - (1 - y_true) * log(1 - y_pred)`.

    Probabilities are held in [1e-7, 1 - 1e-7]. `label_smoothing` moves labels that far towards 0.5.
    """
    target, output = match(y_true, y_pred)
    target = smooth(target, label_smoothing, 2)
    if from_logits:
        losses = F.binary_cross_entropy_with_logits(output, target, reduction="none")
        return over_samples(losses)
    output = output.clamp(EPSILON, 1.0 - EPSILON)
    return over_samples(-(target * output.log() + (1.0 - target) * (-output).log1p()))


def one_hot(y_true: Tensor, y_pred: Tensor) -> tuple[Tensor, Tensor]:
    """Both matched, after making sure that there are classes to choose from."""
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        raise DataError(
            f"categorical_crossentropy was given y_pred of shape {tuple(y_pred.shape)}: it needs "
            "(batch, classes) with two classes or more, because over a single one it is always 0. "
            "For one yes-or-no output use 'binary_crossentropy' after a sigmoid."
        )
    return match(
        y_true,
        y_pred,
        "One-hot labels are needed: for class numbers use 'sparse_categorical_crossentropy' or "
        "utils.to_categorical(y).",
    )


def smooth(target: Tensor, amount: float, classes: int) -> Tensor:
    """`target` with the share `amount` of it spread over `classes`."""
    return target if not amount else target * (1.0 - amount) + amount / classes


def pick(y_true: Tensor, logits: Tensor, reduction: str) -> Tensor:
    """torch's cross-entropy of class numbers: of shape `logits.shape[:-1]`, or its mean."""
    labels, poison = class_indices(y_true, logits)
    flat, wanted = logits, labels
    if logits.ndim != 2:
        flat, wanted = logits.reshape(-1, logits.shape[-1]), labels.reshape(-1)
    try:
        losses = F.cross_entropy(flat, wanted, ignore_index=_SKIP_NOTHING, reduction=reduction)
    except IndexError:
        raise DataError(
            f"the class numbers in y_true run from {int(labels.min())} to {int(labels.max())}, but "
            f"y_pred has {flat.shape[1]} classes: they must lie between 0 and {flat.shape[1] - 1}."
        ) from None
    if reduction == "none":
        losses = losses.reshape(labels.shape)
        return losses if poison is None else losses + poison
    return losses if poison is None else losses + poison.mean()
