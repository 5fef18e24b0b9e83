"""BatchNormalization: beside the real Keras in training and inference, and beside torch's own."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import BatchNormalization, Input, keras_weights
from tests.layers.keras_side import assert_same

SHAPES = [(16, 3), (4, 7, 3), (4, 5, 6, 3)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"axis": 1},
        {"momentum": 0.5, "epsilon": 1e-5},
        {"center": False},
        {"scale": False},
        {"center": False, "scale": False},
        {"beta_regularizer": "l1", "gamma_regularizer": "l2"},
        {"trainable": False},
    ],
    ids=str,
)
def test_beside_keras(arguments: dict[str, Any], shape: tuple[int, ...]) -> None:
    """Values, gradients, penalties and moving statistics are Keras', for every option."""
    assert_same(BatchNormalization(**arguments), torch.randn(shape) * 3 + 1)


def test_moving_statistics() -> None:
    """They take over 1 - momentum of the batch's mean and biased variance while training."""
    layer = BatchNormalization(momentum=0.75)
    x = torch.tensor([[1.0], [3.0], [8.0]])
    layer.train()(x)
    layer.eval()(x)
    mean, variance = layer.get_weights()[2:]

    assert mean == pytest.approx([0.25 * 4.0])
    assert variance == pytest.approx([0.75 + 0.25 * np.var([1.0, 3.0, 8.0])])


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e3])
def test_variances_of_any_size(scale: float) -> None:
    """The moving variance is right for tiny and for large values."""
    layer = BatchNormalization(momentum=0.0)
    x = torch.randn(64, 5) * scale
    layer.train()(x)

    expected = x.var(0, correction=0)
    assert torch.allclose(layer.moving_variance, expected, rtol=1e-4, atol=1e-9)


def test_a_batch_of_one() -> None:
    """One sample has variance 0, which is no error and no NaN."""
    layer = BatchNormalization()
    outputs = layer.train()(torch.tensor([[2.0, 3.0]]))

    assert outputs.flatten().tolist() == pytest.approx([0.0, 0.0], abs=1e-4)
    assert all(np.isfinite(array).all() for array in layer.get_weights())


def test_inference_is_torchs() -> None:
    """With the same weights the layer computes what nn.BatchNorm2d does."""
    ours, torchs = BatchNormalization(), nn.BatchNorm2d(3, eps=1e-3)
    x = torch.randn(4, 5, 6, 3)
    torchs.train()(torch.randn(4, 3, 5, 6))
    ours.eval()(x)
    ours.set_weights([weight.array() for weight in keras_weights(torchs)])

    expected = torchs.eval()(x.movedim(-1, 1)).movedim(1, -1)
    assert torch.allclose(ours(x), expected, atol=1e-6)


def test_weights() -> None:
    """Keras' names in Keras' order; the moving ones are buffers, which no optimizer touches."""
    layer = BatchNormalization()
    layer(torch.ones(2, 3))

    assert [weight.name for weight in layer.keras_weights()] == [
        "gamma",
        "beta",
        "moving_mean",
        "moving_variance",
    ]
    assert [name for name, _ in layer.named_parameters()] == ["gamma", "beta"]
    assert [name for name, _ in layer.named_buffers()] == ["moving_mean", "moving_variance"]
    assert len(layer.trainable_weights) == 2
    assert layer.count_params() == 12


def test_freezing() -> None:
    """A frozen layer uses the moving statistics, also while training; a thawed one the batch's."""
    layer = BatchNormalization()
    x = torch.randn(8, 3)
    layer.eval()
    expected = layer(x)
    layer.train()
    layer.trainable = False
    frozen = layer(x)
    layer.trainable = True

    assert torch.equal(frozen, expected)
    assert not torch.allclose(layer(x), expected)


def test_memory_order() -> None:
    """Outputs lie as the inputs do, without a copy in between."""
    assert BatchNormalization().train()(torch.randn(2, 4, 4, 8)).is_contiguous()


def test_halved_precision() -> None:
    """Under autocast the narrow inputs are normalized, the statistics stay wide."""
    layer = BatchNormalization()
    with torch.autocast("cpu", torch.bfloat16):
        outputs = layer.train()(torch.randn(8, 3).bfloat16())

    assert outputs.dtype is torch.bfloat16
    assert layer.moving_mean.dtype is torch.float32


def test_two_calls_before_one_backward() -> None:
    """A layer that is shared may be called twice; the moved statistics disturb no gradient."""
    layer = BatchNormalization().train()
    first, second = torch.randn(8, 3), torch.randn(8, 3)
    (layer(first) * layer(second)).sum().backward()

    assert layer.gamma is not None
    assert torch.isfinite(layer.gamma.grad).all()


def test_symbols_with_open_places() -> None:
    """Only the axis that is normalized must be known; drawing changes no statistics."""
    layer = BatchNormalization()
    symbol = layer(Input((None, None, 3)))

    assert symbol.shape == (None, None, None, 3)
    assert layer.get_weights()[2].tolist() == [0.0, 0.0, 0.0]


def test_configuration() -> None:
    """The configuration is that of Keras 2.3.1, and makes the same layer."""
    config = BatchNormalization(name="bn").get_config()

    assert list(config) == [
        "name",
        "trainable",
        "dtype",
        "axis",
        "momentum",
        "epsilon",
        "center",
        "scale",
        "beta_initializer",
        "gamma_initializer",
        "moving_mean_initializer",
        "moving_variance_initializer",
        "beta_regularizer",
        "gamma_regularizer",
        "beta_constraint",
        "gamma_constraint",
    ]
    assert (config["axis"], config["momentum"], config["epsilon"]) == (-1, 0.99, 1e-3)
    assert BatchNormalization.from_config(config).get_config() == config
    assert BatchNormalization.from_config({**config, "axis": [3]}).axis == 3


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"axis": "last"}, ArgumentTypeError, "axis is a whole number; got 'last'"),
        ({"momentum": 1.5}, ArgumentError, "momentum must be from 0 to 1; got 1.5"),
        ({"momentum": "0.9"}, ArgumentTypeError, "momentum is a number from 0 to 1; got '0.9'"),
        ({"epsilon": 0}, ArgumentError, "epsilon must be above 0; got 0"),
        ({"epsilon": float("nan")}, ArgumentTypeError, "epsilon is a finite number"),
        ({"gamma_constraint": "x"}, ArgumentError, "gamma_constraint='x' is not available"),
    ],
)
def test_wrong_arguments(arguments: dict, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made, with what would fit."""
    with pytest.raises(error, match=message):
        BatchNormalization(**arguments)


@pytest.mark.parametrize("axis", [0, 2, -3])
def test_an_axis_that_is_not_there(axis: int) -> None:
    """The batch cannot be normalized, nor an axis that the inputs lack."""
    with pytest.raises(ArgumentError, match=rf"along axis {axis} and must know its size"):
        BatchNormalization(axis)(torch.ones(2, 3))


def test_inputs_of_another_width() -> None:
    """The width that the layer was built for is told, also where the values would fit in number."""
    layer = BatchNormalization()
    layer(torch.ones(2, 3))

    with pytest.raises(DataError, match=r"with 3 values along axis -1; these have .*\(3, 4\)"):
        layer(torch.ones(3, 4))
