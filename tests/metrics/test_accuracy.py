"""Accuracies and other metric functions against real Keras 3."""

from __future__ import annotations

import math
from typing import Any

import keras
import pytest
import torch

from backbeat import metrics
from backbeat.errors import DataError

BATCH = 40


def keras_values(name: str, *arguments: Any, **named: Any) -> torch.Tensor:
    values = getattr(keras.metrics, name)(*arguments, **named).float()
    return values.reshape(values.shape[0], -1).mean(1)


@pytest.mark.parametrize("threshold", [0.5, 0.3])
@pytest.mark.parametrize("shape", [(BATCH, 1), (BATCH, 3), (BATCH, 5, 3)])
def test_binary(shape: tuple[int, ...], threshold: float) -> None:
    """The share of outputs above or below the threshold, as in Keras."""
    y_true, y_pred = torch.randint(0, 2, shape).float(), torch.rand(shape)

    ours = metrics.binary_accuracy(y_true, y_pred, threshold)

    torch.testing.assert_close(
        ours, keras_values("binary_accuracy", y_true, y_pred, threshold=threshold)
    )


@pytest.mark.parametrize("shape", [(BATCH, 7), (BATCH, 5, 7)])
def test_categorical_and_sparse(shape: tuple[int, ...]) -> None:
    """One-hot labels and class numbers give the same, and Keras' values."""
    labels, y_pred = torch.randint(0, 7, shape[:-1]), torch.rand(shape)
    one_hot = torch.nn.functional.one_hot(labels, 7).float()
    expected = keras_values("categorical_accuracy", one_hot, y_pred)

    torch.testing.assert_close(metrics.categorical_accuracy(one_hot, y_pred), expected)
    torch.testing.assert_close(metrics.sparse_categorical_accuracy(labels, y_pred), expected)
    column = labels.unsqueeze(-1).double()
    torch.testing.assert_close(metrics.sparse_categorical_accuracy(column, y_pred), expected)


@pytest.mark.parametrize("k", [1, 3, 5, 9])
def test_top_k(k: int) -> None:
    """Also with more places than classes."""
    labels, y_pred = torch.randint(0, 7, (BATCH,)), torch.rand(BATCH, 7)
    one_hot = torch.nn.functional.one_hot(labels, 7)
    expected = keras_values("sparse_top_k_categorical_accuracy", labels, y_pred, k=min(k, 7))

    torch.testing.assert_close(metrics.top_k_categorical_accuracy(one_hot, y_pred, k), expected)
    torch.testing.assert_close(
        metrics.sparse_top_k_categorical_accuracy(labels, y_pred, k), expected
    )


def test_top_k_counts_ties_and_refuses_nan() -> None:
    """Equal outputs are all among the best; NaN is never right."""
    y_pred = torch.tensor([[0.5, 0.5, 0.1], [float("nan")] * 3])

    hits = metrics.sparse_top_k_categorical_accuracy(torch.tensor([1, 1]), y_pred, k=1)

    assert hits.tolist() == [1.0, 0.0]


def test_cosine_is_positive_as_a_metric() -> None:
    """The loss is -1 for the same direction, the metric 1."""
    vectors = torch.rand(3, 4)

    torch.testing.assert_close(metrics.cosine_proximity(vectors, 2 * vectors), torch.ones(3))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_any_dtype(dtype: torch.dtype) -> None:
    """Outputs in half or double precision are measured as they are."""
    y_pred = torch.tensor([[0.1, 0.9], [0.8, 0.2]], dtype=dtype)

    assert metrics.sparse_categorical_accuracy(torch.tensor([1, 1]), y_pred).tolist() == [1.0, 0.0]
    assert metrics.binary_accuracy(torch.eye(2, dtype=torch.bool), y_pred).tolist() == [0.0, 0.0]


def test_shapes_that_do_not_fit_teach() -> None:
    """Both shapes, and the accuracy that was probably meant."""
    with pytest.raises(DataError, match=r"\(2, 1\) but y_pred has shape \(2, 3\).*sparse_cat"):
        metrics.categorical_accuracy(torch.zeros(2, 1), torch.zeros(2, 3))
    with pytest.raises(DataError, match=r"y_pred has shape \(2,\): a categorical accuracy needs"):
        metrics.sparse_categorical_accuracy(torch.zeros(2), torch.zeros(2))
    with pytest.raises(DataError, match="they must be equal"):
        metrics.binary_accuracy(torch.zeros(2), torch.zeros(2, 3))


def test_boolean_one_hot_labels() -> None:
    """Labels such as `y[:, None] == classes` are one-hot too."""
    labels = torch.tensor([[True, False], [False, True]])
    outputs = torch.tensor([[0.9, 0.1], [0.8, 0.2]])

    assert metrics.categorical_accuracy(labels, outputs).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("size", [1, 3, 7, 100, 128, 1000])
@pytest.mark.parametrize("name", ["categorical_accuracy", "sparse_categorical_accuracy"])
def test_counting_hits_gives_the_very_mean(name: str, size: int) -> None:
    """The number that a batch logs is bit for bit the mean of its samples' values."""
    generator = torch.Generator().manual_seed(size)
    output = torch.rand(size, 3, generator=generator)
    labels = torch.randint(3, (size,), generator=generator)
    if name == "categorical_accuracy":
        labels = torch.nn.functional.one_hot(labels, 3)
    metric = metrics.get(name)

    assert metric.update(labels, output) == metrics.get(name).batch(labels, output).mean().item()


def test_the_share_of_hits_of_no_samples_and_of_several_steps() -> None:
    """What cannot be counted in one go is averaged as before."""
    metric = metrics.get("sparse_categorical_accuracy")
    steps = torch.tensor([[0, 1, 1], [0, 0, 1]]), torch.rand(2, 3, 2)

    assert math.isnan(float(metric.update(torch.zeros(0), torch.zeros(0, 2))))
    assert metric.update(*steps) == metric.batch(*steps).mean()
