"""ZeroPadding2D: values beside the real Keras, and what is refused."""

import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import Input, ZeroPadding2D
from tests.layers.keras_side import assert_same


@pytest.mark.parametrize("padding", [1, 0, (2, 1), ((1, 0), (0, 3))])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_beside_keras(padding: object, data_format: str) -> None:
    """Values and gradients are Keras'; the shape is known without calling the layer."""
    layer = ZeroPadding2D(padding, data_format)  # type: ignore[arg-type]
    x = torch.randn(2, 4, 5, 3)

    assert_same(layer, x)
    assert layer.compute_output_shape((2, 4, 5, 3)) == tuple(layer(x).shape)


def test_symbols_with_open_places() -> None:
    """What is open stays open."""
    assert ZeroPadding2D()(Input((None, 4, 3))).shape == (None, None, 6, 3)
    assert ZeroPadding2D().compute_output_shape((None, None, 4, 3)) == (None, None, 6, 3)


@pytest.mark.parametrize(
    ("padding", "error", "message"),
    [
        ("1", ArgumentError, r"one number, \(rows, columns\), or .* got '1'"),
        ((1, 2, 3), ArgumentError, r"got \(1, 2, 3\)"),
        (-1, ArgumentError, "padding must be at least 0; got -1"),
        (0.5, ArgumentTypeError, "padding is a whole number; got 0.5"),
    ],
)
def test_wrong_arguments(padding: object, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made."""
    with pytest.raises(error, match=message):
        ZeroPadding2D(padding)  # type: ignore[arg-type]


def test_inputs_that_do_not_fit() -> None:
    """Images have four axes."""
    with pytest.raises(DataError, match="takes inputs of 4 axes"):
        ZeroPadding2D()(torch.ones(2, 3, 4))
