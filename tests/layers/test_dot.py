"""Dot: values beside the real Keras, and what is refused."""

import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import Dot, Input, dot
from tests.layers.keras_side import assert_same


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize(
    ("axes", "one", "other"),
    [
        (1, (2, 3), (2, 3)),
        (-1, (2, 3), (2, 3)),
        ((2, 1), (2, 4, 3), (2, 3, 5)),
        ((2, 2), (2, 4, 3), (2, 5, 3)),
        ((1, 1), (2, 3, 4), (2, 3, 5)),
        ((-1, -2), (2, 4, 3), (2, 3, 5)),
        ((2, 1), (2, 4, 3), (2, 3)),
        ((1, 2), (2, 3), (2, 4, 3)),
    ],
)
def test_beside_keras(axes: object, one: tuple, other: tuple, normalize: bool) -> None:
    """Values and gradients are Keras'; the shape is known without calling the layer."""
    layer = Dot(axes, normalize)  # type: ignore[arg-type]

    assert_same(layer, [torch.randn(one), torch.randn(other)])
    outputs = layer([torch.ones(one), torch.ones(other)])
    assert layer.compute_output_shape([one, other]) == tuple(outputs.shape)


def test_higher_ranks() -> None:
    """All axes but the summed ones are kept, the first input's before the second's."""
    one, other = torch.randn(2, 3, 4, 5), torch.randn(2, 6, 4)
    expected = torch.einsum("bijk,blj->bikl", one, other)

    assert torch.allclose(dot([one, other], axes=(2, 2)), expected, atol=1e-6)


def test_symbols() -> None:
    """An open axis stays open."""
    assert dot([Input((None, 3)), Input((3,))], axes=(2, 1)).shape == (None, None)
    assert Dot(1)([Input((3,)), Input((3,))]).shape == (None, 1)


@pytest.mark.parametrize("axes", [1, [2, 1], -1])
def test_configuration(axes: object) -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = Dot(axes, name="d").get_config()  # type: ignore[arg-type]

    assert (config["axes"], config["normalize"]) == (axes, False)
    assert Dot.from_config(config).get_config() == config


def test_wrong_arguments() -> None:
    """Axes are numbers, one or two, and never the batch."""
    with pytest.raises(ArgumentTypeError, match="axes is a whole number; got '1'"):
        Dot("1")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="one for each of 2 axes"):
        Dot((1, 2, 3))
    with pytest.raises(ArgumentError, match="axis 0 is the batch"):
        Dot(0)


def test_inputs_that_do_not_fit() -> None:
    """Sizes that differ, and any other number than two."""
    with pytest.raises(DataError, match="axis 1 of the first and axis 1 of the second must have"):
        Dot(1)([torch.ones(2, 3), torch.ones(2, 4)])
    with pytest.raises(ArgumentError, match="exactly 2 tensors; got 1 tensors"):
        Dot(1)([torch.ones(2, 3)])
