"""`'accuracy'` and `'crossentropy'`: which one is meant follows from the loss and the output."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor

from backbeat.losses import LossFunction
from backbeat.losses.crossentropy import (
    binary_crossentropy,
    categorical_crossentropy,
    sparse_categorical_crossentropy,
)
from backbeat.metrics.accuracy import (
    binary_accuracy,
    categorical_accuracy,
    sparse_categorical_accuracy,
)
from backbeat.metrics.functions import PerSample, from_function
from backbeat.metrics.metric import BatchMetric, Direction, Metric

__all__ = ["CHOICES", "chosen"]

CHOICES: dict[str, Direction] = {
    "accuracy": "max",
    "acc": "max",
    "crossentropy": "min",
    "ce": "min",
}
"""The names whose meaning depends on the model, and the way that is better."""


def chosen(
    name: str, loss: LossFunction | None, output_shape: Sequence[int | None] | None
) -> Metric:
    """The metric that `name` means for outputs of this shape and this loss, by Keras' rule.

    Binary for a width of 1 or a binary cross-entropy, sparse for a sparse one, else categorical.
    A loss that does not say its labels (torch's, yours) leaves that to the shapes of the batch.
    """
    labels = None if loss is None else loss.labels
    on_logits = loss is not None and loss.from_logits
    width = None if output_shape is None else _width(output_shape)
    if width == 1 or labels == "binary":
        return from_function(name, _binary(name, on_logits))
    if width is not None and labels is not None:
        return from_function(name, _categorical(name, labels == "sparse", on_logits))
    batch: Callable[[Tensor, Tensor], Tensor] = partial(_seen, name, labels, on_logits)
    direction = CHOICES[name]
    safe = direction == "max" and width is not None
    return BatchMetric(name, direction, batch, on_logits_safe=safe)


def _width(shape: Sequence[int | None]) -> int | None:
    """How many values a sample has in the last axis; outputs of shape (batch,) have one."""
    return 1 if len(shape) < 2 else shape[-1]


def _seen(name: str, labels: str | None, on_logits: bool, y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The choice made from the batch itself."""
    if _width(y_pred.shape) == 1:
        return _binary(name, on_logits)(y_true, y_pred)
    sparse = y_true.shape != y_pred.shape if labels is None else labels == "sparse"
    return _categorical(name, sparse, on_logits)(y_true, y_pred)


def _binary(name: str, on_logits: bool) -> PerSample:
    if CHOICES[name] == "min":
        return partial(binary_crossentropy, from_logits=on_logits)
    # A probability of 0.5 is a logit of 0.
    return partial(binary_accuracy, threshold=0.0) if on_logits else binary_accuracy


def _categorical(name: str, sparse: bool, on_logits: bool) -> PerSample:
    if CHOICES[name] == "max":
        return sparse_categorical_accuracy if sparse else categorical_accuracy
    function = sparse_categorical_crossentropy if sparse else categorical_crossentropy
    return partial(function, from_logits=on_logits)
