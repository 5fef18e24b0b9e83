"""Losses between numbers: how far `y_pred` is from `y_true`, one value per sample.

All take `y_true` and `y_pred` of one shape (batch, ...) and return shape (batch,).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from backbeat.losses.alignment import match, over_samples

__all__ = [
    "EPSILON",
    "cosine_proximity",
    "huber_loss",
    "kullback_leibler_divergence",
    "logcosh",
    "mean_absolute_error",
    "mean_absolute_percentage_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "poisson",
]

EPSILON = 1e-7
"""Keras' fuzz factor: what keeps logarithms and quotients finite."""


def mean_squared_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `(y_pred - y_true) ** 2`."""
    target, output = match(y_true, y_pred)
    return over_samples((output - target).square())


def mean_absolute_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `|y_pred - y_true|`."""
    target, output = match(y_true, y_pred)
    return over_samples((output - target).abs())


def mean_absolute_percentage_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean error in percent of `|y_true|`, which counts as 1e-7 at least."""
    target, output = match(y_true, y_pred)
    return over_samples(((target - output) / target.abs().clamp(min=EPSILON)).abs()) * 100.0


def mean_squared_logarithmic_error(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `(log(1 + y_pred) - log(1 + y_true)) ** 2`; negative values count as 0."""
    target, output = match(y_true, y_pred)
    difference = output.clamp(min=EPSILON).log1p() - target.clamp(min=EPSILON).log1p()
    return over_samples(difference.square())


def logcosh(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `log(cosh(y_pred - y_true))`: squared for small errors, absolute for large."""
    target, output = match(y_true, y_pred)
    error = output - target
    return over_samples(error + F.softplus(-2.0 * error) - math.log(2.0))


def huber_loss(y_true: Tensor, y_pred: Tensor, delta: float = 1.0) -> Tensor:
    """The mean of half the squared error up to `delta`, growing linearly beyond (Huber, 1964)."""
    target, output = match(y_true, y_pred)
    return over_samples(F.huber_loss(output, target, reduction="none", delta=delta))


def poisson(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The mean of `y_pred - y_true * log(y_pred + 1e-7)`, for counts and their expected values."""
    target, output = match(y_true, y_pred)
    return over_samples(output - target * (output + EPSILON).log())


def kullback_leibler_divergence(y_true: Tensor, y_pred: Tensor) -> Tensor:
    """The sum over the last axis of `y_true * log(y_true / y_pred)`, both held in [1e-7, 1]."""
    target, output = match(y_true, y_pred)
    target, output = target.clamp(EPSILON, 1.0), output.clamp(EPSILON, 1.0)
    return over_samples((target * (target / output).log()).sum(-1))


def cosine_proximity(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> Tensor:
    """Minus the cosine of the angle between both along `axis`: -1 is the same direction."""
    target, output = match(y_true, y_pred)
    return over_samples(-(_unit(target, axis) * _unit(output, axis)).sum(axis))


def _unit(vectors: Tensor, axis: int) -> Tensor:
    """`vectors` at length 1; a vector of zeros stays one."""
    return vectors * torch.rsqrt(vectors.square().sum(axis, keepdim=True).clamp(min=1e-12))
