"""Metrics with a state: torchmetrics' kind, Keras' kind."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

from backbeat import metrics
from backbeat.errors import ArgumentError, DataError


class Largest(nn.Module):
    """A metric as torchmetrics makes them, with its state in a buffer."""

    higher_is_better = False

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("error", torch.zeros(()))

    def update(self, preds: torch.Tensor, target: torch.Tensor) -> None:
        assert preds.shape == target.shape
        self.error = torch.maximum(self.error, (preds - target).abs().max())

    def compute(self) -> torch.Tensor:
        return self.error

    def reset(self) -> None:
        self.error = torch.zeros_like(self.error)

    def forward(self, preds: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        raise AssertionError("calling it would measure twice")


class Hits:
    """A metric as Keras 2 made them, with weights."""

    name = "hits"

    def __init__(self) -> None:
        self.total = 0.0

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        hits = (y_true == y_pred.round()).float().reshape(-1)
        self.total += float((hits if sample_weight is None else hits * sample_weight).sum())

    def result(self) -> np.float64:
        return np.float64(self.total)

    def reset_states(self) -> None:
        self.total = 0.0


TARGET, OUTPUT = torch.tensor([1, 0, 1]), torch.tensor([[0.9], [0.75], [0.2]])


def test_torch_kind() -> None:
    """update(preds, target), compute, reset; the value runs on until the reset."""
    metric = metrics.get(Largest(), loss="mse", output_shape=(None, 1))
    assert metric.stateful
    assert (metric.name, metric.direction) == ("largest", "min")

    assert metric.update(TARGET, OUTPUT).item() == pytest.approx(0.8)
    assert metric.update(TARGET[:1], OUTPUT[:1]).item() == pytest.approx(0.8)
    metric.reset()
    assert metric.update(TARGET[:1], OUTPUT[:1]).item() == pytest.approx(0.1)


def test_keras_kind_with_weights() -> None:
    """update_state(y_true, y_pred, sample_weight), result, reset_states."""
    metric = metrics.get(Hits())
    assert (metric.name, metric.direction, metric.stateful) == ("hits", None, True)

    assert metric.update(TARGET, OUTPUT) == 1.0
    assert metric.update(TARGET, OUTPUT, torch.tensor([2.0, 1.0, 1.0])) == 3.0
    metric.reset()
    assert metric.update(TARGET, OUTPUT) == 1.0


def test_real_keras_3_metric() -> None:
    """An object of Keras 3 itself, which knows its direction."""
    metric = metrics.get(keras.metrics.AUC(name="auc"))

    value = metric.update(TARGET, OUTPUT)

    assert float(value) == pytest.approx(0.5, abs=0.01)
    assert metric.direction == "max"
    assert metrics.is_stateful(keras.metrics.Precision())
    assert not metrics.is_stateful("acc")


def test_accumulating_without_computing() -> None:
    """For metrics that are costly to compute: many batches, one value."""
    metric = metrics.get(Hits())
    assert isinstance(metric, metrics.RunningMetric)
    for _ in range(3):
        metric.accumulate(TARGET, OUTPUT)

    assert metric.compute() == 3.0


def test_weights_without_a_place() -> None:
    """A metric whose update takes no weights says where to list it."""
    with pytest.raises(ArgumentError, match=r"'largest' was given sample weights.*`metrics`"):
        metrics.get(Largest()).update(TARGET, OUTPUT, torch.ones(3))


def test_value_that_is_no_number() -> None:
    """One number per metric; a table of them is refused with its shape."""

    class PerClass(Largest):
        def compute(self) -> torch.Tensor:
            return torch.zeros(4)

    with pytest.raises(DataError, match=r"'per_class' gave a Tensor of shape \(4,\)"):
        metrics.get(PerClass()).update(TARGET, OUTPUT)
