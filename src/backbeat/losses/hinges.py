"""Losses of the hinge family, for labels -1 and 1 (`categorical_hinge`: one-hot)."""

from __future__ import annotations

from torch import Tensor

from backbeat.losses.alignment import match, over_samples

__all__ = ["categorical_hinge", "hinge", "squared_hinge"]


def hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `max(0, 1 - y_true * y_pred)`; labels are -1 or 1, as in Keras 2."""
    target, output = match(y_true, y_pred)
    return over_samples((1.0 - target * output).clamp(min=0.0))


def squared_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `max(0, 1 - y_true * y_pred) ** 2`; labels are -1 or 1, as in Keras 2."""
    target, output = match(y_true, y_pred)
    return over_samples((1.0 - target * output).clamp(min=0.0).square())


def categorical_hinge(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """By how much the best wrong class comes within 1 of the right one; labels are one-hot."""
    target, output = match(y_true, y_pred)
    right = (target * output).sum(-1)
    wrong = ((1.0 - target) * output).amax(-1)
    return over_samples((wrong - right + 1.0).clamp(min=0.0))
