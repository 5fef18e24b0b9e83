"""From whatever names a metric to the `Metric` that training uses; which way is better."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, cast

from backbeat import losses
from backbeat.errors import ArgumentTypeError
from backbeat.metrics.choice import CHOICES, chosen
from backbeat.metrics.functions import PerSample, direction_of_function, from_function, known
from backbeat.metrics.metric import BatchMetric, Direction, Metric
from backbeat.metrics.names import name_of
from backbeat.metrics.running import RunningMetric, is_running

__all__ = ["direction_of", "get", "is_stateful"]

# Keras 3's metrics say "up" and "down".
_DIRECTIONS: Mapping[Any, Direction] = {"min": "min", "max": "max", "down": "min", "up": "max"}


def get(
    identifier: Any,
    *,
    loss: Any = None,
    output_shape: Sequence[int | None] | None = None,
) -> Metric:
    """The metric meant by a name, a function, an object with a state, or a loss.

    `'accuracy'`, `'acc'`, `'crossentropy'` and `'ce'` choose by the model's `loss` and by
    `output_shape`, of which only the last number counts: binary for a width of 1 or a binary
    cross-entropy, sparse for a sparse one, categorical otherwise. What is not known beforehand
    is seen from the first batch.

    >>> get("acc", loss="binary_crossentropy", output_shape=(None, 3)).name
    'acc'
    """
    name = name_of(identifier)
    if isinstance(identifier, Metric):
        return identifier
    if is_running(identifier):
        return RunningMetric(name, direction_of(identifier), identifier)
    if isinstance(identifier, str):
        if identifier in CHOICES:
            return chosen(name, None if loss is None else losses.get(loss), output_shape)
        if identifier not in known:
            raise known.miss(identifier, CHOICES)
        return from_function(name, known[identifier])
    thing: Any = cast(object, identifier)
    if inspect.isclass(thing) or not callable(thing):
        raise ArgumentTypeError(
            f"the metric {thing!r} is a {type(thing).__name__}: give a name such as 'accuracy', a "
            "function of (y_true, y_pred), or an object such as one of torchmetrics."
        )
    if direction_of_function(thing) is not None:
        return from_function(name, cast(PerSample, thing))
    measured = losses.get(thing)
    return BatchMetric(name, direction_of(thing), measured, mean=measured.mean)


def direction_of(identifier: Any) -> Direction | None:
    """Whether smaller or larger is better for a metric, or None if it is not known.

    Objects and functions of yours say it with an attribute: `direction` ('min' or 'max'), or
    torchmetrics' `higher_is_better`.
    """
    if isinstance(identifier, str):
        if identifier in CHOICES:
            return CHOICES[identifier]
        return direction_of_function(known[identifier]) if identifier in known else None
    said = getattr(identifier, "direction", None) or getattr(identifier, "_direction", None)
    if said in _DIRECTIONS:
        return _DIRECTIONS[said]
    higher = getattr(identifier, "higher_is_better", None)
    if isinstance(higher, bool):
        return "max" if higher else "min"
    return "min" if _is_loss(identifier) else direction_of_function(identifier)


def is_stateful(identifier: Any) -> bool:
    """Whether the metric's value runs through the epoch instead of belonging to one batch."""
    return identifier.stateful if isinstance(identifier, Metric) else is_running(identifier)


def _is_loss(identifier: Any) -> bool:
    if isinstance(identifier, (losses.Loss, losses.LossFunction)):
        return True
    return type(cast(object, identifier)).__module__ == "torch.nn.modules.loss"
