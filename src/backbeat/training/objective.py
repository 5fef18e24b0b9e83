"""Objective: the loss and metrics of a batch, settled when the first outputs are seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from backbeat import losses, metrics
from backbeat.data import Batch
from backbeat.errors import DataError, StateError
from backbeat.tensors import leaves
from backbeat.training.head import Head

__all__ = ["Objective", "Values"]

Forward = Callable[[Any], Any]
Measure = Callable[[torch.Tensor, torch.Tensor, Any], Any]


class Values(dict[str, Any]):
    """The values of a batch; `weights` says how much some of them count, if not by batch size."""

    weights: Mapping[str, Any] | None = None


class Objective:
    """Turns a batch into its loss, to be differentiated, and its values, to be logged.

    The loss of a batch is the sum of weight x loss over its samples, divided by their number.
    Values on the CPU are floats, those on another device stay there.
    """

    def __init__(
        self,
        loss: losses.LossFunction | None,
        given: Sequence[Any] = (),
        weighted: Sequence[Any] = (),
        *,
        head: nn.Module | None = None,
    ) -> None:
        self._given = list(given)
        self._weighted = list(weighted)
        measured = [*self._given, *self._weighted]
        self.names: tuple[str, ...] = ("loss", *metrics.names_of(measured))
        self.stateful_names = tuple(
            name
            for name, each in zip(self.names[1:], measured, strict=True)
            if metrics.is_stateful(each)
        )
        self._loss = loss
        self._head = None if loss is None else Head.of(head, loss)
        self._measures: list[tuple[str, Measure]] = []
        self._probabilities: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._reset: list[Callable[[], Any]] = []

    def reset(self) -> None:
        """Let metrics that run through an epoch begin anew."""
        for reset in self._reset:
            reset()

    def __call__(self, forward: Forward, batch: Batch) -> tuple[torch.Tensor, Values]:
        """The loss of `batch`, differentiable, and its values by name."""
        head = self._head
        outputs = forward(batch.x) if head is None else head.logits(forward, batch.x)
        loss = self._loss_of(outputs, batch)
        on_host = loss.device.type == "cpu"
        values = Values(loss=loss.item() if on_host else loss.detach())
        if self.names != ("loss",):
            self._measure(outputs.detach(), batch, values, on_host)
        return loss, values

    def _loss_of(self, outputs: Any, batch: Batch) -> torch.Tensor:
        function = self._loss if self._head is None else self._head.loss
        y = _labels(batch)
        if function is None or not isinstance(outputs, torch.Tensor):
            raise StateError(_no_loss(function, outputs))
        if batch.weight is None:
            return function.mean(y, outputs)
        return (function(y, outputs) * batch.weight).mean()

    def _measure(self, outputs: torch.Tensor, batch: Batch, values: Values, on_host: bool) -> None:
        y, plain = _labels(batch), len(self._given)
        measures = self._measures or self._settle(outputs)
        if self._probabilities is not None:
            outputs = self._probabilities(outputs)
        for index, (name, measure) in enumerate(measures):
            value = measure(y, outputs, batch.weight if index >= plain else None)
            values[name] = value.item() if on_host and isinstance(value, torch.Tensor) else value
        if batch.weight is not None and plain < len(measures):
            total = batch.weight.sum()
            names = [name for name, _ in measures[plain:]]
            values.weights = dict.fromkeys(names, total.item() if on_host else total)

    def _settle(self, outputs: torch.Tensor) -> list[tuple[str, Measure]]:
        """Choose the metrics by the loss and the width of the first outputs."""
        given = [*self._given, *self._weighted]
        made = [metrics.get(each, loss=self._loss, output_shape=outputs.shape) for each in given]
        self._reset = [metric.reset for metric in made]
        if self._head is not None and not all(metric.on_logits_safe for metric in made):
            self._probabilities = self._head.activation
        self._measures = list(zip(self.names[1:], map(_measure_of, made), strict=True))
        self.reset()
        return self._measures


class _Running:
    """The value of a metric that runs through the epoch, computed only if somebody reads it."""

    def __init__(self, metric: metrics.RunningMetric) -> None:
        self._metric = metric

    def __float__(self) -> float:
        return float(self._metric.compute())


def _measure_of(metric: metrics.Metric) -> Measure:
    if not isinstance(metric, metrics.RunningMetric):
        return metric.update
    running = _Running(metric)

    def measure(y: torch.Tensor, outputs: torch.Tensor, weight: Any) -> _Running:
        metric.accumulate(y, outputs, weight)
        return running

    return measure


def _labels(batch: Batch) -> torch.Tensor:
    y = batch.y
    if isinstance(y, torch.Tensor):
        return y
    parts = list(leaves(y))
    if len(parts) != 1:
        raise DataError(
            f"The model has one output, but the data have {len(parts) or 'no'} labels. Pass y, or "
            "batches (x, y)."
        )
    return parts[0]


def _no_loss(function: Any, outputs: Any) -> str:
    if function is None:
        return "The model was compiled without a loss; call model.compile(optimizer, loss)."
    return (
        f"The model's output is a {type(outputs).__name__}; a loss needs one tensor. Return one "
        "from forward."
    )
