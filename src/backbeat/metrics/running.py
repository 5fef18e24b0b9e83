"""Metrics that run through an epoch: objects that keep a state, torchmetrics' or Keras' kind."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

from backbeat.errors import ArgumentError, DataError
from backbeat.losses.torch_losses import suit
from backbeat.metrics.metric import Direction, Metric

__all__ = ["RunningMetric", "is_keras_like", "is_running", "is_torch_like"]

_WEIGHT_NAMES = ("sample_weight", "weight", "weights")


def is_torch_like(thing: Any) -> bool:
    """Whether it has `update(preds, target)`, `compute()` and `reset()`, as in torchmetrics."""
    return _has(thing, "update", "compute", "reset")


def is_keras_like(thing: Any) -> bool:
    """Whether it has `update_state(y_true, y_pred)` and `result()`, as in Keras."""
    return _has(thing, "update_state", "result") and (
        _has(thing, "reset_state") or _has(thing, "reset_states")
    )


def is_running(thing: Any) -> bool:
    """Whether it is an object (no class) of either kind."""
    return not inspect.isclass(thing) and (is_torch_like(thing) or is_keras_like(thing))


class RunningMetric(Metric):
    """A metric object with a state, whose value is that of the epoch so far.

    `update` measures a batch and gives the running value; where computing that is costly, call
    `accumulate` for each batch and `compute` when the value is wanted.
    """

    stateful = True

    def __init__(self, name: str, direction: Direction | None, source: Any) -> None:
        super().__init__(name, direction)
        self.source = source
        """The object itself."""
        self._keras = is_keras_like(source)
        self._accumulate: Callable[..., Any] = source.update_state if self._keras else source.update
        self._compute: Callable[[], Any] = source.result if self._keras else source.compute
        self._reset: Callable[[], Any] = _reset_of(source)
        self._weight_name = _weight_name(self._accumulate)
        self._wants_integers = ".classification" in type(source).__module__ and not self._keras
        self._device: torch.device | None = None

    def accumulate(self, y_true: Tensor, y_pred: Tensor, weight: Tensor | None = None) -> None:
        """Take a batch into account."""
        if y_pred.device != self._device:
            self._follow(y_pred.device)
        target = self._suited(y_true, y_pred)
        pair = (target, y_pred) if self._keras else (y_pred, target)
        if weight is None:
            self._accumulate(*pair)
        elif self._weight_name is None:
            raise ArgumentError(
                f"the metric {self.name!r} was given sample weights, but its update takes none: "
                "list it in `metrics` instead of `weighted_metrics`."
            )
        else:
            self._accumulate(*pair, **{self._weight_name: weight})

    def compute(self) -> Any:
        """The value of all batches since `reset`: a float or a scalar tensor."""
        value = self._compute()
        if isinstance(value, Tensor) and value.numel() == 1:
            return value.detach().reshape(())
        try:
            return float(value)
        except (TypeError, ValueError, RuntimeError):
            raise DataError(
                f"the metric {self.name!r} gave {_described(value)}: a metric has one number; list "
                "the metrics of a collection one by one, or average over the classes."
            ) from None

    def update(self, y_true: Tensor, y_pred: Tensor, weight: Tensor | None = None) -> Any:
        """Take a batch into account and give the running value."""
        self.accumulate(y_true, y_pred, weight)
        return self.compute()

    def reset(self) -> None:
        """Forget every batch."""
        self._reset()

    def _suited(self, y_true: Tensor, y_pred: Tensor) -> Tensor:
        if not self._wants_integers:
            return suit(y_true, y_pred)
        # torchmetrics' classification takes class numbers as integers, and without a last axis
        # of length 1 where the predictions have classes there.
        target = suit(y_true, y_pred)
        if target.ndim == y_pred.ndim and target.shape[-1] == 1 < y_pred.shape[-1]:
            target = target.squeeze(-1)
        return target.long() if target.is_floating_point() else target

    def _follow(self, device: torch.device) -> None:
        self._device = device
        if isinstance(self.source, nn.Module):
            self.source.to(device)


def _has(thing: Any, *methods: str) -> bool:
    return all(callable(getattr(thing, method, None)) for method in methods)


def _reset_of(source: Any) -> Callable[[], Any]:
    for name in ("reset_state", "reset_states", "reset"):
        found = getattr(source, name, None)
        if callable(found):
            return cast(Callable[[], Any], found)
    raise ArgumentError(f"the metric {source!r} has no reset().")


def _weight_name(accumulate: Callable[..., Any]) -> str | None:
    try:
        names = inspect.signature(accumulate).parameters
    except (TypeError, ValueError):
        return None
    return next((name for name in _WEIGHT_NAMES if name in names), None)


def _described(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return f"a {type(value).__name__}" + ("" if shape is None else f" of shape {tuple(shape)}")
