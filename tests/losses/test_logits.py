"""The loss on logits: equal to the one on probabilities, and only where that is meant."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from backbeat import losses

PAIRS = [
    ("softmax", "categorical_crossentropy"),
    ("softmax", losses.categorical_crossentropy),
    ("softmax", losses.CategoricalCrossentropy(label_smoothing=0.1)),
    ("softmax", "sparse_categorical_crossentropy"),
    ("softmax", losses.SparseCategoricalCrossentropy()),
    ("sigmoid", "binary_crossentropy"),
    ("sigmoid", losses.BinaryCrossentropy(label_smoothing=0.3)),
]


def targets(loss: Any, shape: tuple[int, ...]) -> torch.Tensor:
    labels = losses.get(loss).labels
    if labels == "binary":
        return torch.randint(0, 2, shape)
    numbers = torch.randint(0, shape[-1], shape[:-1])
    return numbers if labels == "sparse" else nn.functional.one_hot(numbers, shape[-1])


@pytest.mark.parametrize("shape", [(7, 4), (7, 3, 4)])
@pytest.mark.parametrize(("activation", "loss"), PAIRS)
def test_equals_the_loss_on_probabilities(
    activation: str, loss: Any, shape: tuple[int, ...]
) -> None:
    """Values, mean and gradients agree within 1e-5 for logits that do not saturate."""
    logits = torch.randn(shape, requires_grad=True)
    y_true = targets(loss, shape)
    probabilities = logits.softmax(-1) if activation == "softmax" else logits.sigmoid()
    expected = losses.get(loss)(y_true, probabilities)
    twin = losses.on_logits(loss, activation)
    mean = losses.mean_on_logits(loss, activation)
    assert twin is not None
    assert mean is not None

    torch.testing.assert_close(twin(y_true, logits), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(mean(y_true, logits), expected.mean(), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(
        *(torch.autograd.grad(v, logits, retain_graph=True)
          for v in (mean(y_true, logits), expected.mean())),
        atol=1e-5, rtol=1e-5,
    )  # fmt: skip


@pytest.mark.parametrize("shape", [(7, 4), (7, 3, 4)])
@pytest.mark.parametrize("name", sorted(set(losses.functions)))
def test_fast_mean_is_the_mean(name: str, shape: tuple[int, ...]) -> None:
    """`mean` equals the mean of the values per sample, for every loss there is."""
    loss = losses.get(name)
    output = torch.rand(shape)
    y_true = targets("sparse_categorical_crossentropy", shape) if "sparse" in name else None
    y_true = torch.rand(shape).round() if y_true is None else y_true

    torch.testing.assert_close(loss.mean(y_true, output), loss(y_true, output).mean())


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("softmax", "mse"), ("sigmoid", "categorical_crossentropy"),
        ("softmax", "binary_crossentropy"), ("linear", "categorical_crossentropy"),
        (None, "binary_crossentropy"), ("softmax", lambda y_true, y_pred: y_pred.sum(1)),
        ("softmax", losses.CategoricalCrossentropy(from_logits=True)),
        ("sigmoid", nn.BCELoss()), ("softmax", nn.CrossEntropyLoss()),
    ],
)  # fmt: skip
def test_no_twin_where_none_is_meant(activation: str | None, loss: Any) -> None:
    """Other pairs, and losses whose meaning is somebody else's, stay as they are."""
    assert losses.on_logits(loss, activation) is None
    assert losses.mean_on_logits(loss, activation) is None


def test_subclass_with_its_own_call_has_no_twin() -> None:
    """Who overrides `call` means what it says."""

    class Doubled(losses.BinaryCrossentropy):
        def call(self, y_true: torch.Tensor, y_pred: torch.Tensor) -> torch.Tensor:
            return 2 * super().call(y_true, y_pred)

    assert losses.on_logits(Doubled(), "sigmoid") is None


def test_gradient_survives_saturation() -> None:
    """A hopelessly wrong logit still gets its full gradient, where probabilities clip it away."""
    logits = torch.tensor([[-50.0, 50.0]], requires_grad=True)
    mean = losses.mean_on_logits("categorical_crossentropy", "softmax")
    assert mean is not None

    mean(torch.tensor([[1.0, 0.0]]), logits).backward()

    torch.testing.assert_close(logits.grad, torch.tensor([[-1.0, 1.0]]))
