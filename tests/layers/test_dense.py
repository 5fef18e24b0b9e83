"""Dense: values, start values, types, configuration, and what Keras 3 makes of it."""

import json
import os
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError, UnknownNameError
from backbeat.layers import Dense


def built(**arguments: Any) -> Dense:
    kernel = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    return Dense(2, weights=[kernel], **arguments)


def test_values() -> None:
    """inputs @ kernel + bias, then the activation."""
    layer = Dense(2, "relu", weights=[np.array([[1.0, -1.0], [2.0, -2.0]]), np.array([0.5, 0.5])])

    assert layer(torch.tensor([[1.0, 1.0]])).tolist() == [[3.5, 0.0]]


def test_higher_ranks_use_the_last_axis() -> None:
    """(batch, time, features) → (batch, time, units), each step by itself."""
    layer = built(use_bias=False)
    inputs = torch.arange(12.0).reshape(2, 2, 3)
    outputs = layer(inputs)

    assert outputs.shape == (2, 2, 2)
    assert torch.equal(outputs[1, 0], inputs[1, 0] @ layer.kernel)


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool, torch.float64])
def test_inputs_of_other_types(dtype: torch.dtype) -> None:
    """Whole numbers and float64 are taken in the type of the weights."""
    outputs = built(use_bias=False)(torch.ones(1, 3).to(dtype))

    assert outputs.dtype is torch.float32
    assert outputs.tolist() == [[9.0, 12.0]]


def test_held_as_torch_holds_it() -> None:
    """weight is (units, features); kernel shows the same memory as Keras would."""
    layer = Dense(2, input_dim=3)
    layer.build((None, 3))
    with torch.no_grad():
        layer.weight[0, 2] = 9.0

    assert layer.weight.shape == (2, 3)
    assert layer.weight.is_contiguous()
    assert layer.kernel.shape == (3, 2)
    assert layer.kernel[2, 0] == 9.0
    assert [array.shape for array in layer.get_weights()] == [(3, 2), (2,)]


def test_start_distribution() -> None:
    """glorot_uniform: within ±√(6/(in+out)) with that variance; the bias starts at 0."""
    layer = Dense(200, input_dim=400)
    layer.build((None, 400))
    limit = (6 / 600) ** 0.5

    assert layer.weight.abs().max() <= limit
    assert layer.weight.std().item() == pytest.approx(limit / 3**0.5, rel=0.02)
    assert not layer.bias.any()


def test_initializers_see_the_shape_of_keras() -> None:
    """An initializer is given (features, units)."""
    seen: list[tuple[int, ...]] = []

    def start(shape: tuple[int, ...], dtype: torch.dtype | None = None) -> torch.Tensor:
        seen.append(tuple(shape))
        return torch.arange(6, dtype=dtype).reshape(shape)

    layer = Dense(2, kernel_initializer=start)
    layer(torch.ones(1, 3))

    assert seen == [(3, 2)]
    assert layer.get_weights()[0].tolist() == [[0, 1], [2, 3], [4, 5]]


def test_logits() -> None:
    """While skip_activation is True the values before the activation come out."""
    layer = Dense(3, activation="softmax", input_dim=2)
    x = torch.ones(1, 2)
    probabilities = layer(x)
    layer.skip_activation = True
    logits = layer(x)

    assert torch.allclose(torch.softmax(logits, 1), probabilities)
    assert not torch.allclose(logits, probabilities)


def test_without_bias() -> None:
    """use_bias=False leaves one weight."""
    layer = Dense(2, use_bias=False)
    layer(torch.ones(1, 3))

    assert layer.bias is None
    assert [weight.shape for weight in layer.get_weights()] == [(3, 2)]


def test_gradients_reach_both_weights() -> None:
    """Training moves kernel and bias."""
    layer = Dense(1)
    layer(torch.ones(4, 2)).sum().backward()

    assert layer.weight.grad.tolist() == [[4.0, 4.0]]
    assert layer.bias.grad.tolist() == [4.0]


def test_an_activation_with_weights() -> None:
    """A module as activation is trained and saved with the layer."""
    layer = Dense(2, activation=nn.PReLU())
    layer(torch.ones(1, 3))

    assert [array.shape for array in layer.get_weights()] == [(3, 2), (2,), (1,)]


def test_configuration() -> None:
    """The configuration is that of Keras 2.3.1, ready for JSON, and makes the same layer."""
    layer = Dense(6, activation="relu", name="dense_1", input_shape=(8,))
    config = layer.get_config()

    assert json.loads(json.dumps(config)) == config
    assert config == {
        "name": "dense_1",
        "trainable": True,
        "batch_input_shape": [None, 8],
        "dtype": "float32",
        "units": 6,
        "activation": "relu",
        "use_bias": True,
        "kernel_initializer": {
            "class_name": "VarianceScaling",
            "config": {
                "scale": 1.0,
                "mode": "fan_avg",
                "distribution": "uniform",
                "seed": None,
            },
        },
        "bias_initializer": {"class_name": "Zeros", "config": {}},
        "kernel_regularizer": None,
        "bias_regularizer": None,
        "activity_regularizer": None,
        "kernel_constraint": None,
        "bias_constraint": None,
    }
    assert Dense.from_config(config).get_config() == config


def test_output_shape() -> None:
    """Known without calling the layer."""
    assert Dense(4).compute_output_shape((None, 7, 3)) == (None, 7, 4)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"units": "32"},
            ArgumentTypeError,
            r"units is a whole number; got '32' \(str\).*units=32",
        ),
        ({"units": 3.5}, ArgumentTypeError, r"got 3\.5 \(float\)"),
        ({"units": True}, ArgumentTypeError, r"got True \(bool\)"),
        ({"units": 0}, ArgumentError, "units must be at least 1; got 0"),
        ({"units": 1, "activation": "rellu"}, UnknownNameError, "did you mean 'relu'"),
        ({"units": 1, "kernel_initializer": "glorot"}, UnknownNameError, "did you mean 'glorot_"),
        ({"units": 1, "kernel_regularizer": "l3"}, UnknownNameError, "regularizer 'l3' is not"),
        ({"units": 1, "bias_constraint": "x"}, ArgumentError, "bias_constraint='x' is not avail"),
    ],
)
def test_wrong_arguments(arguments: dict, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made, with what would fit."""
    with pytest.raises(error, match=message):
        Dense(**arguments)


def test_inputs_of_another_width() -> None:
    """The width that the layer was built for is told, and the one that came."""
    layer = Dense(2)
    layer(torch.ones(1, 3))

    with pytest.raises(
        DataError, match=r"whose last axis has 3 values; these have 4 \(shape \(5, 4"
    ):
        layer(torch.ones(5, 4))


def test_inputs_without_features() -> None:
    """One number per sample is no vector; the expected form is told."""
    with pytest.raises(ArgumentError, match=r"their shape is \(None,\)\. Inputs are at least"):
        Dense(2)(torch.ones(5))


def test_the_configuration_makes_a_keras_layer() -> None:
    """Keras 3 builds a layer from our configuration that computes the same."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    ours = Dense(6, activation="relu", name="same")
    x = torch.randn(4, 8)
    expected = ours(x)
    theirs = keras.layers.Dense.from_config(ours.get_config())
    theirs.build((None, 8))
    theirs.set_weights(ours.get_weights())

    assert np.allclose(theirs(x.numpy()).detach().cpu().numpy(), expected.detach(), atol=1e-6)
