"""The metrics that are plain functions, by name, with the way that is better."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from torch import Tensor

from backbeat import losses
from backbeat.losses.regression import cosine_proximity
from backbeat.metrics import accuracy
from backbeat.metrics.metric import BatchMetric, Direction, Metric
from backbeat.registry import Registry

__all__ = ["PerSample", "cosine_similarity", "direction_of_function", "from_function", "known"]

PerSample: TypeAlias = Callable[..., Tensor]


def cosine_similarity(y_true: Tensor, y_pred: Tensor, axis: int = -1) -> Tensor:
    """The cosine of the angle between both along `axis`: as a metric, 1 is the same direction."""
    return -cosine_proximity(y_true, y_pred, axis)


_ARGMAX: tuple[PerSample, ...] = (
    accuracy.categorical_accuracy,
    accuracy.sparse_categorical_accuracy,
    accuracy.top_k_categorical_accuracy,
    accuracy.sparse_top_k_categorical_accuracy,
)
_LARGER: tuple[PerSample, ...] = (*_ARGMAX, accuracy.binary_accuracy, cosine_similarity)

known: Registry[PerSample] = Registry("metric", losses.functions)
"""Every metric function by each of its names: the losses too, but the cosine changes its sign."""

known.add(cosine_similarity, "cosine", "cosine_proximity")
for _function in _LARGER:
    known.add(_function, _function.__name__)


def from_function(name: str, function: PerSample) -> Metric:
    """The metric called `name` for one of our functions, or a partial of it."""
    plain = _unwrapped(function)
    direction = direction_of_function(plain)
    mean: Callable[[Tensor, Tensor], Tensor | float] | None = accuracy.share_of_hits(function)
    if direction == "min" and plain is function:
        mean = losses.get(function).mean
    safe = any(plain is each for each in _ARGMAX)
    means = accuracy.shares_of_hits(function)
    return BatchMetric(name, direction, function, mean=mean, means=means, on_logits_safe=safe)


def direction_of_function(function: Any) -> Direction | None:
    """Whether smaller or larger is better for one of our functions; None for any other."""
    plain = _unwrapped(function)
    if any(plain is each for each in _LARGER):
        return "max"
    return "min" if any(plain is each for each in known.values()) else None


def _unwrapped(function: Any) -> Any:
    """The function inside a `functools.partial`."""
    return getattr(function, "func", function)
