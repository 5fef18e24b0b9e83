"""Global poolings: values beside the real Keras, shapes, and what is refused."""

import pytest
import torch

from backbeat.errors import ArgumentError, DataError
from backbeat.layers import (
    GlobalAveragePooling1D,
    GlobalAveragePooling2D,
    GlobalMaxPooling1D,
    GlobalMaxPooling2D,
    Input,
)
from tests.layers.keras_side import assert_same

KINDS = [
    (GlobalAveragePooling1D, (2, 7, 3)),
    (GlobalMaxPooling1D, (2, 7, 3)),
    (GlobalAveragePooling2D, (2, 7, 6, 3)),
    (GlobalMaxPooling2D, (2, 7, 6, 3)),
]
EVERY_KIND = pytest.mark.parametrize(("kind", "shape"), KINDS)


@EVERY_KIND
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_beside_keras(kind: type, shape: tuple, keepdims: bool, data_format: str) -> None:
    """Values and gradients are Keras', for every option."""
    assert_same(kind(data_format, keepdims=keepdims), torch.randn(shape))


@EVERY_KIND
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("data_format", [None, "channels_first"])
def test_output_shape(kind: type, shape: tuple, keepdims: bool, data_format: str | None) -> None:
    """Known without calling the layer."""
    layer = kind(data_format, keepdims=keepdims)

    assert layer.compute_output_shape(shape) == tuple(layer(torch.ones(shape)).shape)


def test_symbols_of_open_length() -> None:
    """The length of a sequence may stay open."""
    assert GlobalMaxPooling1D()(Input((None, 3))).shape == (None, 3)
    assert GlobalAveragePooling2D()(Input((None, None, 3))).shape == (None, 3)


def test_whole_numbers() -> None:
    """The mean of whole numbers is a fraction."""
    assert GlobalAveragePooling1D()(torch.tensor([[[1], [2]]])).tolist() == [[1.5]]


def test_configuration() -> None:
    """The configuration is that of Keras 2; keepdims stands in it only if it is wanted."""
    config = GlobalMaxPooling1D(name="g").get_config()

    assert config == {
        "name": "g",
        "trainable": True,
        "dtype": "float32",
        "data_format": "channels_last",
    }
    assert GlobalMaxPooling1D(keepdims=True).get_config()["keepdims"] is True


def test_wrong_arguments() -> None:
    """The format has two names; the rank is told."""
    with pytest.raises(ArgumentError, match="'channels_last' or 'channels_first'; got 3"):
        GlobalMaxPooling1D(3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match=r"3 axes, \(batch, steps, channels\); these have .*\(2, 3"):
        GlobalMaxPooling1D()(torch.ones(2, 3))
    with pytest.raises(ArgumentError, match=r"takes inputs of 3 axes, not \(None, 3\)"):
        GlobalMaxPooling1D().compute_output_shape((None, 3))
