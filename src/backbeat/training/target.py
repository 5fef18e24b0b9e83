"""Target: the loss and metrics of one output of a model, settled when it is first seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import nn

from backbeat import losses, metrics
from backbeat.errors import StateError
from backbeat.hooks import Later
from backbeat.layers import Dense
from backbeat.training.deferred import Deferred
from backbeat.training.head import Head

__all__ = ["Target", "Values"]

Measure = Callable[[torch.Tensor, torch.Tensor, Any], Any]

# Their outputs are memory of their own, which nobody writes into later.
_MAKING_ANEW = (Dense, nn.Linear)


class Values(dict[str, Any]):
    """The values of a batch; `weights` says how much some of them count, if not by batch size."""

    weights: Mapping[str, Any] | None = None
    late: dict[str, Later] | None = None
    """Those that are computed when they are read."""


class Target:
    """One output: what it is held against, and what is measured of it.

    `name` comes before the names of its metrics where a model has several outputs; `head` is the
    layer whose activation is the last thing that happens to this output, if that is known.
    """

    def __init__(
        self,
        loss: losses.LossFunction | None,
        given: Sequence[Any] = (),
        weighted: Sequence[Any] = (),
        *,
        name: str = "",
        head: nn.Module | None = None,
    ) -> None:
        self.name = name
        self.head = None if loss is None else Head.of(head, loss)
        self._measured = [*given, *weighted]
        self._plain = len(given)
        own = metrics.names_of(self._measured)
        self.names = tuple(f"{name}_{each}" for each in own) if name else own
        self.stateful_names = tuple(
            known
            for known, each in zip(self.names, self._measured, strict=True)
            if metrics.is_stateful(each)
        )
        self._chosen = loss
        self._loss = loss if self.head is None else self.head.loss
        self._measures: list[tuple[str, Measure]] = []
        self._probabilities: Callable[[torch.Tensor], torch.Tensor] | None = None
        self._reset: list[Callable[[], Any]] = []
        self._deferred: list[Deferred] = []
        self._is_lasting = False
        self._makes_anew = type(head) in _MAKING_ANEW and not _is_hooked(head)
        self._running: list[metrics.RunningMetric] = []
        self._counts: Sequence[Any] = ()

    @property
    def has_loss(self) -> bool:
        """Whether `compile` was given a loss for it."""
        return self._loss is not None

    @property
    def needs_labels(self) -> bool:
        """Whether it is held against anything."""
        return self.has_loss or bool(self._measured)

    def reset(self, *, lasting: bool = False) -> None:
        """Let metrics that run through an epoch begin anew.

        `lasting`: whether nobody writes into the labels of a batch after it, so that a measurement
        may be put off.
        """
        self._is_lasting = lasting
        for reset in self._reset:
            reset()
        for each in self._deferred:
            each.reset(lasting=lasting)

    def counts(self) -> list[Any]:
        """What each metric that runs through the epoch has counted so far; None if unknown."""
        return [metrics.read_counts(metric.source) for metric in self._running]

    def load_counts(self, counts: Sequence[Any]) -> None:
        """Let them count on from what `counts` gave, which may be before they are settled."""
        self._counts = counts
        for metric, each in zip(self._running, counts, strict=False):
            if each is not None:
                metrics.load_counts(metric.source, each)

    def loss(self, output: Any, y: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        """The sum of weight x loss over the samples, divided by their number."""
        if self._loss is None or not isinstance(output, torch.Tensor):
            raise StateError(_no_loss(self._loss, output))
        if weight is None:
            return self._loss.mean(y, output)
        return (self._loss(y, output) * weight).mean()

    def measure(
        self, output: torch.Tensor, y: torch.Tensor, weight: torch.Tensor | None, values: Values
    ) -> None:
        """Put the metrics of a batch into `values`: floats on the CPU, else left on the device."""
        if not self._measured:
            return
        output = output.detach()
        measures = self._measures or self._settle(output)
        if self._probabilities is not None:
            output = self._probabilities(output)
        on_host = output.device.type == "cpu"
        for index, (name, measure) in enumerate(measures):
            value = measure(y, output, weight if index >= self._plain else None)
            if type(value) is Later:
                values.late = {**(values.late or {}), name: value}
            elif on_host and isinstance(value, torch.Tensor):
                value = value.item()
            values[name] = value
        if weight is not None and self._plain < len(measures):
            total = weight.sum()
            names = self.names[self._plain :]
            counted = dict.fromkeys(names, total.item() if on_host else total)
            values.weights = {**(values.weights or {}), **counted}

    def _settle(self, output: torch.Tensor) -> list[tuple[str, Measure]]:
        """Choose the metrics by the loss and the width of the first output."""
        made = [
            metrics.get(each, loss=self._chosen, output_shape=output.shape)
            for each in self._measured
        ]
        self._reset = [metric.reset for metric in made]
        if self.head is not None and not all(metric.on_logits_safe for metric in made):
            self._probabilities = self.head.activation
        self._measures = list(zip(self.names, map(self._measure_of, made), strict=True))
        self._running = [metric for metric in made if isinstance(metric, metrics.RunningMetric)]
        self.reset(lasting=self._is_lasting)
        self.load_counts(self._counts)
        return self._measures

    def _measure_of(self, metric: metrics.Metric) -> Measure:
        if isinstance(metric, metrics.RunningMetric):
            return _accumulating(metric)
        if not isinstance(metric, metrics.BatchMetric) or metric.means is None:
            return metric.update
        is_fresh = self._makes_anew or self._probabilities is not None
        deferred = Deferred(metric, metric.means, copies=not is_fresh)
        self._deferred.append(deferred)
        return deferred.measure


class _Running:
    """The value of a metric that runs through the epoch, computed only if somebody reads it."""

    def __init__(self, metric: metrics.RunningMetric) -> None:
        self._metric = metric

    def __float__(self) -> float:
        return float(self._metric.compute())


def _accumulating(metric: metrics.RunningMetric) -> Measure:
    running = _Running(metric)

    def measure(y: torch.Tensor, output: torch.Tensor, weight: Any) -> _Running:
        metric.accumulate(y, output, weight)
        return running

    return measure


def _is_hooked(layer: Any) -> bool:
    """Whether somebody else may have a hand in what comes out of `layer`."""
    return bool(layer._forward_hooks)


def _no_loss(function: Any, output: Any) -> str:
    if function is None:
        return "The model was compiled without a loss; call model.compile(optimizer, loss)."
    return (
        f"The model's output is a {type(output).__name__}; a loss needs a tensor. Return one "
        "from forward."
    )
