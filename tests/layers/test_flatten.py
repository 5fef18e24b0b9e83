"""Flatten: one axis out of many."""

import pytest
import torch

from backbeat.errors import ArgumentError
from backbeat.layers import Flatten


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 3, 4), (2, 12)), ((2, 3), (2, 3)), ((5,), (5, 1)), ((0, 3, 4), (0, 12))],
)
def test_shapes(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """Everything behind the batch axis is joined; an empty batch keeps its width."""
    assert Flatten()(torch.zeros(shape)).shape == expected


def test_channels_first() -> None:
    """channels_first gives the order of the same data with its channels last."""
    x = torch.arange(24).reshape(2, 3, 4)

    assert torch.equal(Flatten("channels_first")(x), Flatten()(x.movedim(1, -1)))


def test_output_shape() -> None:
    """Known without calling the layer, as far as the input's is known."""
    assert Flatten().compute_output_shape((None, 3, 4)) == (None, 12)
    assert Flatten().compute_output_shape((None, None, 4)) == (None, None)


def test_configuration() -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = Flatten(name="f").get_config()

    assert config["data_format"] == "channels_last"
    assert Flatten.from_config(config).get_config() == config


def test_another_format() -> None:
    """Only two formats exist."""
    with pytest.raises(ArgumentError, match="'channels_last' or 'channels_first'; got 'NCHW'"):
        Flatten("NCHW")  # type: ignore[arg-type]
