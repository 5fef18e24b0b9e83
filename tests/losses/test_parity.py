"""Every loss against real Keras 3, where the meaning is the same as in Keras 2."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import torch

from backbeat import losses

BATCH = 6

REGRESSION = [
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "huber", "log_cosh", "poisson", "cosine_similarity",
    "hinge", "squared_hinge", "categorical_hinge", "kl_divergence",
]  # fmt: skip


def draw(name: str, shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """Targets and predictions in the domain of the loss."""
    target, output = torch.randn(shape), torch.randn(shape)
    if name in ("hinge", "squared_hinge"):
        return target.sign(), output
    if name == "categorical_hinge":
        return one_hot(shape), output
    if name in ("kl_divergence", "poisson"):
        return target.softmax(-1), output.softmax(-1)
    return target, output


def one_hot(shape: tuple[int, ...]) -> torch.Tensor:
    labels = torch.randint(0, shape[-1], shape[:-1])
    return torch.nn.functional.one_hot(labels, shape[-1]).float()


def keras_values(name: str, target: Any, output: Any, **arguments: Any) -> torch.Tensor:
    """Keras' values per sample: its functions leave the axes between batch and last."""
    values = getattr(keras.losses, name)(target, output, **arguments)
    return values.reshape(values.shape[0], -1).mean(1)


@pytest.mark.parametrize("shape", [(BATCH, 4), (BATCH, 3, 4), (BATCH, 2, 3, 4)])
@pytest.mark.parametrize("name", REGRESSION)
def test_function_equals_keras(name: str, shape: tuple[int, ...]) -> None:
    """One value per sample, equal to Keras 3's within 1e-6."""
    target, output = draw(name, shape)

    ours = losses.get(name)(target, output)

    assert ours.shape == (BATCH,)
    torch.testing.assert_close(ours, keras_values(name, target, output), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("shape", [(BATCH, 4), (BATCH, 3, 4)])
def test_categorical_crossentropy(shape: tuple[int, ...], logits: bool, smoothing: float) -> None:
    """On probabilities (rescaled and clipped), on logits, and with smoothed labels."""
    target, output = one_hot(shape), torch.randn(shape)
    # Not adding up to 1: both rescale.
    output = output if logits else output.exp()
    arguments: dict[str, Any] = {"from_logits": logits, "label_smoothing": smoothing}

    ours = losses.categorical_crossentropy(target, output, **arguments)

    theirs = keras_values("categorical_crossentropy", target, output, **arguments)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("shape", [(BATCH, 1), (BATCH, 4), (BATCH, 3, 4)])
def test_binary_crossentropy(shape: tuple[int, ...], logits: bool, smoothing: float) -> None:
    """On probabilities, on logits, and with smoothed labels; saturated ones too."""
    target, output = torch.randint(0, 2, shape).float(), torch.randn(shape)
    output = output if logits else output.sigmoid()
    if not logits:
        output[0] = target[0]
        output[1] = 1 - target[1]
    arguments: dict[str, Any] = {"from_logits": logits, "label_smoothing": smoothing}

    ours = losses.binary_crossentropy(target, output, **arguments)

    theirs = keras_values("binary_crossentropy", target, output, **arguments)
    # Clipped at 1 - 1e-7, log(1 - p) is decided by float32's last bit.
    torch.testing.assert_close(ours[2:], theirs[2:], atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(ours, theirs, atol=0.05, rtol=0.02)


@pytest.mark.parametrize("logits", [False, True])
@pytest.mark.parametrize("shape", [(BATCH, 4), (BATCH, 3, 4)])
def test_sparse_categorical_crossentropy(shape: tuple[int, ...], logits: bool) -> None:
    """Class numbers, on probabilities and on logits, also for sequences."""
    target, output = torch.randint(0, 4, shape[:-1]), torch.randn(shape)
    output = output if logits else output.softmax(-1)

    ours = losses.sparse_categorical_crossentropy(target, output, from_logits=logits)

    theirs = keras_values("sparse_categorical_crossentropy", target, output, from_logits=logits)
    torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("MeanSquaredError", {}), ("MeanAbsoluteError", {}), ("MeanAbsolutePercentageError", {}),
        ("MeanSquaredLogarithmicError", {}), ("LogCosh", {}), ("Huber", {"delta": 0.7}),
        ("CosineSimilarity", {}), ("CategoricalHinge", {}),
        ("BinaryCrossentropy", {"from_logits": True, "label_smoothing": 0.1}),
        ("CategoricalCrossentropy", {"from_logits": True}),
    ],
)  # fmt: skip
def test_object_equals_keras(name: str, arguments: dict[str, Any]) -> None:
    """The scalar of a loss object is Keras' sum(w * l) / N, with and without weights."""
    target, output = one_hot((BATCH, 4)), torch.randn(BATCH, 4)
    weights = torch.rand(BATCH)
    ours = getattr(losses, name)(**arguments)
    theirs = getattr(keras.losses, name)(**arguments)

    torch.testing.assert_close(ours(target, output), theirs(target, output))
    torch.testing.assert_close(
        ours(target, output, sample_weight=weights), theirs(target, output, sample_weight=weights)
    )
    torch.testing.assert_close(
        ours(target.numpy(), output.numpy(), weights.numpy()[:, None]),
        theirs(target, output, sample_weight=weights),
    )


def test_clips_and_rescales_as_keras_2_does() -> None:
    """Golden values from the formulas: a hopeless probability costs -log(1e-7), not infinity."""
    target = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    output = torch.tensor([[1.0, 0.0], [3.0, 1.0]])

    values = losses.categorical_crossentropy(target, output)

    np.testing.assert_allclose(values.numpy(), [-np.log(1e-7), -np.log(0.75)], rtol=1e-6)


def test_squared_hinge_does_not_convert_labels() -> None:
    """Keras 2 takes labels as they are; Keras 3 turns 0 into -1."""
    value = losses.squared_hinge(torch.tensor([[0.0]]), torch.tensor([[0.5]]))

    assert value.item() == 1.0
