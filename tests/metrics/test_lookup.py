"""`metrics.get`: which metric is meant, under which name, which way is better."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import losses, metrics
from backbeat.errors import ArgumentTypeError, DataError, UnknownNameError

BINARY = torch.tensor([[1.0], [0.0]]), torch.tensor([[0.4], [0.2]])
SPARSE = torch.tensor([1, 0]), torch.tensor([[0.4, 0.6], [0.1, 0.9]])
ONE_HOT = torch.tensor([[0, 1], [1, 0]]), SPARSE[1]


@pytest.mark.parametrize("name", ["acc", "accuracy"])
@pytest.mark.parametrize(
    ("loss", "width", "data"),
    [
        ("binary_crossentropy", 1, BINARY), ("mse", 1, BINARY), ("hinge", None, BINARY),
        ("sparse_categorical_crossentropy", 2, SPARSE),
        ("categorical_crossentropy", 2, ONE_HOT), ("mse", 2, ONE_HOT),
        ("categorical_crossentropy", None, ONE_HOT),
        (losses.SparseCategoricalCrossentropy(from_logits=True), None, SPARSE),
        (nn.CrossEntropyLoss(), 2, SPARSE), (nn.CrossEntropyLoss(), 2, ONE_HOT),
        (None, None, SPARSE),
    ],
)  # fmt: skip
def test_accuracy_chooses(name: str, loss: Any, width: int | None, data: Any) -> None:
    """Binary, sparse or categorical by width and loss; half of each data set is right."""
    shape = None if width is None else (None, width)
    metric = metrics.get(name, loss=loss, output_shape=shape)

    assert metric.name == name
    assert metric.direction == "max"
    assert float(metric.update(*data)) == 0.5


def test_binary_crossentropy_over_several_outputs_counts_each() -> None:
    """Three labels per sample: two of three right is 2/3, not wrong."""
    metric = metrics.get("acc", loss="binary_crossentropy", output_shape=(None, 3))

    value = metric.update(torch.tensor([[1, 0, 1]]), torch.tensor([[0.9, 0.1, 0.2]]))

    assert value.item() == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    "loss", [nn.BCEWithLogitsLoss(), losses.BinaryCrossentropy(from_logits=True)]
)
def test_accuracy_of_logits_has_its_threshold_at_zero(loss: Any) -> None:
    """A logit of 0.3 is a yes."""
    metric = metrics.get("acc", loss=loss, output_shape=(None, 1))

    assert metric.update(torch.tensor([1, 0]), torch.tensor([[0.3], [-0.3]])).item() == 1.0


@pytest.mark.parametrize("name", ["ce", "crossentropy"])
@pytest.mark.parametrize(
    ("loss", "width", "data"),
    [
        ("binary_crossentropy", 1, BINARY), ("sparse_categorical_crossentropy", 2, SPARSE),
        ("categorical_crossentropy", 2, ONE_HOT),
        (losses.CategoricalCrossentropy(from_logits=True), 2, ONE_HOT),
    ],
)  # fmt: skip
def test_crossentropy_chooses(name: str, loss: Any, width: int, data: Any) -> None:
    """The same rule; the value is that of the loss."""
    metric = metrics.get(name, loss=loss, output_shape=(None, width))

    assert metric.direction == "min"
    torch.testing.assert_close(metric.update(*data), losses.get(loss).mean(*data))


@pytest.mark.parametrize(
    ("identifier", "name", "direction"),
    [
        ("mse", "mse", "min"), ("mean_squared_error", "mean_squared_error", "min"),
        ("mae", "mae", "min"), ("kld", "kld", "min"), ("logcosh", "logcosh", "min"),
        ("binary_accuracy", "binary_accuracy", "max"), ("cosine_proximity",) * 2 + ("max",),
        ("top_k_categorical_accuracy",) * 2 + ("max",),
        (metrics.categorical_accuracy, "categorical_accuracy", "max"),
        (losses.mean_absolute_error, "mean_absolute_error", "min"),
        (losses.Huber(), "huber_loss", "min"), (nn.L1Loss(), "l1_loss", "min"),
    ],
)  # fmt: skip
def test_names_and_directions(identifier: Any, name: str, direction: str) -> None:
    """The key is what was given; the direction is the metric's own."""
    metric = metrics.get(identifier)

    assert (metric.name, metric.direction) == (name, direction)
    assert metrics.direction_of(identifier) == direction
    assert not metrics.is_stateful(identifier)


def test_function_of_the_user() -> None:
    """Its name, its values per sample or its single one, and its `direction` if it has one."""

    def largest_error(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
        return (y_true - y_pred).abs().max()

    plain = metrics.get(largest_error)
    assert (plain.name, plain.direction) == ("largest_error", None)
    assert plain.update(torch.tensor([0, 1]), torch.tensor([[0.5], [3.0]])).item() == 2.0
    largest_error.direction = "min"  # type: ignore[attr-defined]
    assert metrics.get(largest_error).direction == "min"


@pytest.mark.parametrize(
    "value",
    [1, 1.0, True, np.float64(1), np.ones(2), [1, 1], torch.tensor(1), torch.tensor([True, True])],
)
def test_any_number_is_a_value(value: Any) -> None:
    """A function of the user's may give any number, or one per sample, of any type."""
    metric = metrics.get(lambda y_true, y_pred: value)

    assert float(metric.update(*SPARSE)) == 1.0
    assert float(metric.update(*SPARSE, torch.tensor([3.0, 1.0]))) == 1.0


def test_partial_of_a_metric() -> None:
    """functools.partial keeps the name, the direction, and passes its arguments."""
    metric = metrics.get(partial(metrics.top_k_categorical_accuracy, k=1))

    assert metric.name == "top_k_categorical_accuracy"
    assert metric.direction == "max"
    assert float(metric.update(*ONE_HOT)) == 0.5


def test_weights() -> None:
    """A weighted metric is the weighted mean, sum(w m) / sum(w)."""
    metric = metrics.get("acc", loss="sparse_categorical_crossentropy", output_shape=(None, 2))

    assert metric.update(*SPARSE, torch.tensor([3.0, 1.0])).item() == 0.75


@pytest.mark.parametrize(
    ("identifier", "loss", "safe"),
    [
        ("acc", "categorical_crossentropy", True), ("acc", "binary_crossentropy", False),
        ("acc", "sparse_categorical_crossentropy", True), ("mse", "mse", False),
        ("top_k_categorical_accuracy", "mse", True), ("binary_accuracy", "mse", False),
        ("ce", "categorical_crossentropy", False), ("acc", nn.MSELoss(), True),
    ],
)  # fmt: skip
def test_which_are_safe_on_logits(identifier: str, loss: Any, safe: bool) -> None:
    """Only where the largest stays the largest."""
    metric = metrics.get(identifier, loss=loss, output_shape=(None, 2))

    assert metric.on_logits_safe is safe


def test_mistakes_teach() -> None:
    """A wrong name offers the nearest, a wrong kind says what fits, unknown has no direction."""
    with pytest.raises(UnknownNameError, match="metric 'binary_acuracy' is not known; did you"):
        metrics.get("binary_acuracy")
    with pytest.raises(ArgumentTypeError, match=r"the metric 0\.5 is a float: give a name"):
        metrics.get(0.5)
    with pytest.raises(DataError, match=r"wide gave shape \(3,\) for a batch of 2"):
        metrics.get(wide).update(*SPARSE)
    with pytest.raises(ArgumentTypeError, match=r"^nothing gave None \(NoneType\): it must give"):
        metrics.get(nothing).update(*SPARSE)
    assert metrics.direction_of("nonsense") is None


def nothing(y_true: torch.Tensor, y_pred: torch.Tensor) -> None: ...


def wide(y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
    return torch.zeros(3)


def test_a_misspelt_accuracy() -> None:
    """The names whose meaning depends on the model are offered too."""
    with pytest.raises(UnknownNameError, match="'acuracy' is not known; did you mean 'accuracy'"):
        metrics.get("acuracy")
