"""Poolings: values beside the real Keras and beside a plain loop, edges, and what is refused."""

from typing import Any

import numpy as np
import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import (
    AveragePooling1D,
    AveragePooling2D,
    Flatten,
    Input,
    MaxPooling1D,
    MaxPooling2D,
)
from tests.layers.keras_side import assert_same

PLANES = [
    {},
    {"pool_size": 3},
    {"pool_size": (3, 2), "strides": (1, 2)},
    {"pool_size": 2, "strides": 3},
    {"pool_size": 1},
    {"pool_size": 3, "strides": 1, "padding": "same"},
    {"pool_size": 3, "strides": 2, "padding": "same"},
    {"pool_size": (9, 8)},
]


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("arguments", PLANES, ids=str)
def test_images_beside_keras(kind: type, arguments: dict[str, Any]) -> None:
    """Values and gradients are Keras', for every option."""
    assert_same(kind(**arguments), torch.randn(2, 9, 9 if "same" in str(arguments) else 8, 3))


@pytest.mark.parametrize("kind", [MaxPooling1D, AveragePooling1D])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"pool_size": 3, "strides": 1},
        {"pool_size": (2,), "strides": (3,)},
        {"pool_size": 3, "strides": 2, "padding": "same"},
    ],
    ids=str,
)
def test_sequences_beside_keras(kind: type, arguments: dict[str, Any]) -> None:
    """Sequences likewise."""
    assert_same(kind(**arguments), torch.randn(2, 11, 3))


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("window", [1, 2, 3, 4])
@pytest.mark.parametrize("step", [1, 2, 3, 5])
@pytest.mark.parametrize("size", [1, 2, 5, 6])
def test_same_padding_counts_only_what_is_there(
    kind: type, window: int, step: int, size: int
) -> None:
    """Each result is that of the part of its window that lies inside, however odd the sizes.

    Keras 3 on torch repeats the edge instead where it pads one side more; TensorFlow, whose rule
    Keras 2 had, does not.
    """
    x = torch.randn(2, size, size + 1, 3)
    outputs = kind(window, step, "same")(x)
    steps = (-(-size // step), -(-(size + 1) // step))

    assert outputs.shape == (2, *steps, 3)
    for row, column in np.ndindex(*steps):
        inside = x[:, part(size, window, step, row), part(size + 1, window, step, column)]
        expected = inside.amax((1, 2)) if kind is MaxPooling2D else inside.mean((1, 2))
        assert torch.allclose(outputs[:, row, column], expected, atol=1e-6)


def part(length: int, window: int, step: int, number: int) -> slice:
    """Where TensorFlow puts the window of that number."""
    total = max((-(-length // step) - 1) * step + window - length, 0)
    start = number * step - total // 2
    return slice(max(start, 0), min(start + window, length))


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
@pytest.mark.parametrize("padding", ["valid", "same"])
def test_channels_first_is_the_same_turned(kind: type, padding: str) -> None:
    """channels_first gives what channels_last gives, axes apart."""
    x = torch.randn(2, 7, 6, 3)
    first = kind(3, 2, padding, "channels_first")
    turned = first(x.movedim(-1, 1))

    assert torch.equal(turned, kind(3, 2, padding)(x).movedim(-1, 1))
    assert first.compute_output_shape((None, 3, 7, 6)) == (None, *turned.shape[1:])


@pytest.mark.parametrize("kind", [MaxPooling2D, AveragePooling2D])
def test_no_copies(kind: type) -> None:
    """Outputs lie in memory as the user sees them, so that Flatten need not copy."""
    outputs = kind()(torch.randn(2, 8, 8, 16))

    assert outputs.is_contiguous()
    assert Flatten()(outputs).data_ptr() == outputs.data_ptr()


def test_whole_numbers() -> None:
    """The mean of whole numbers is a fraction."""
    assert AveragePooling1D(2)(torch.tensor([[[1], [2]]])).tolist() == [[[1.5]]]


@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [None, 1, 3])
def test_output_shape(padding: str, strides: int | None) -> None:
    """Known without calling the layer; open where the input's is open."""
    layer = MaxPooling1D(2, strides, padding)
    outputs = layer(torch.ones(2, 11, 3))

    assert layer.compute_output_shape((None, 11, 3)) == (None, *outputs.shape[1:])
    assert layer.compute_output_shape((None, None, 3)) == (None, None, 3)


def test_symbols() -> None:
    """Called on a symbol, the layer tells its output."""
    assert MaxPooling2D()(Input((8, 9, 3))).shape == (None, 4, 4, 3)


def test_symbols_with_open_places() -> None:
    """An open axis stays open behind the pooling."""
    assert MaxPooling1D(2)(Input((None, 3))).shape == (None, None, 3)


def test_configuration() -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = MaxPooling2D(3, name="pool", input_shape=(8, 8, 3)).get_config()

    assert config == {
        "name": "pool",
        "trainable": True,
        "batch_input_shape": [None, 8, 8, 3],
        "dtype": "float32",
        "pool_size": [3, 3],
        "strides": [3, 3],
        "padding": "valid",
        "data_format": "channels_last",
    }
    assert MaxPooling2D.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"pool_size": "2"}, ArgumentTypeError, "MaxPooling2D: pool_size is a whole number"),
        ({"pool_size": 0}, ArgumentError, "pool_size must be at least 1; got 0"),
        ({"pool_size": (2,)}, ArgumentError, "one whole number, or one for each of 2 axes"),
        ({"strides": 0}, ArgumentError, "strides must be at least 1"),
        ({"padding": "full"}, ArgumentError, "padding is 'valid' or 'same'; got 'full'"),
        ({"data_format": "first"}, ArgumentError, "'channels_first'; got 'first'"),
    ],
)
def test_wrong_arguments(arguments: dict, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made, with what would fit."""
    with pytest.raises(error, match=message):
        MaxPooling2D(**arguments)


def test_inputs_that_do_not_fit() -> None:
    """Wrong rank and too large a window are told apart."""
    with pytest.raises(DataError, match=r"takes inputs of 4 axes, .* these have the shape \(2, 8"):
        MaxPooling2D()(torch.ones(2, 8, 8))
    with pytest.raises(DataError, match=r"window of \(4,\) does not fit .* padding='same'"):
        AveragePooling1D(4)(torch.ones(2, 3, 1))
