"""Merging: values beside the real Keras, layers and functions, and what is refused."""

from typing import Any

import pytest
import torch

from backbeat import layers
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import Add, Concatenate, Input, Layer, Subtract
from tests.layers.keras_side import assert_same

SEVERAL = ["Add", "Multiply", "Average", "Maximum", "Minimum"]


@pytest.mark.parametrize("name", [*SEVERAL, "Subtract"])
@pytest.mark.parametrize(
    "shapes",
    [
        [(2, 3), (2, 3)],
        [(2, 3), (2, 1)],
        [(2, 5, 3), (2, 1, 3)],
        [(2, 3), (2, 5, 3)],
        [(2, 4, 5, 3), (2, 3)],
    ],
    ids=str,
)
def test_two_inputs_beside_keras(name: str, shapes: list[tuple[int, ...]]) -> None:
    """Values and gradients are Keras'; a lower rank gets its new axes behind the batch."""
    assert_same(getattr(layers, name)(), [torch.randn(shape) for shape in shapes])


@pytest.mark.parametrize("name", SEVERAL)
def test_four_inputs_beside_keras(name: str) -> None:
    """Any number of inputs."""
    assert_same(getattr(layers, name)(), [torch.randn(2, 3) for _ in range(4)])


@pytest.mark.parametrize(
    ("axis", "shapes"),
    [
        (-1, [(2, 3), (2, 1), (2, 2)]),
        (1, [(2, 3, 4), (2, 1, 4)]),
        (-2, [(2, 3, 4), (2, 1, 4)]),
        (3, [(2, 3, 4, 1), (2, 3, 4, 2)]),
    ],
)
def test_concatenate_beside_keras(axis: int, shapes: list[tuple[int, ...]]) -> None:
    """Values and gradients are Keras'."""
    layer = Concatenate(axis)

    assert_same(layer, [torch.randn(shape) for shape in shapes])
    given = [torch.ones(shape) for shape in shapes]
    assert layer.compute_output_shape(shapes) == tuple(layer(given).shape)


@pytest.mark.parametrize("name", [*SEVERAL, "Subtract", "Concatenate"])
def test_functions(name: str) -> None:
    """The function in small letters is the layer, made and called; `name` names it."""
    pair = [torch.randn(2, 3), torch.randn(2, 3)]
    function = getattr(layers, name.lower())
    symbol = function([Input((3,)), Input((3,))], name="mine")

    assert torch.equal(function(pair), getattr(layers, name)()(pair))
    assert symbol.name == "mine"


def test_one_by_one() -> None:
    """Tensors may come without the list, as in plain torch; symbols too."""
    assert Add()(torch.ones(1, 1), torch.ones(1, 1), torch.ones(1, 1)).tolist() == [[3.0]]
    assert Add()(Input((3,)), Input((3,))).shape == (None, 3)


def test_symbols_of_open_length() -> None:
    """What is open stays open, also joined."""
    one, other = Input((None, 3)), Input((None, 3))

    assert layers.add([one, other]).shape == (None, None, 3)
    assert layers.concatenate([one, other], axis=1).shape == (None, None, 3)


def test_output_shape() -> None:
    """Known without calling the layer."""
    assert Add().compute_output_shape([(None, 1, 3), (None, 3)]) == (None, 1, 3)
    assert Add().compute_output_shape([(None, 1, 3), (None, None, 1)]) == (None, None, 3)
    assert Concatenate(1).compute_output_shape([(None, 2, 3), (None, None, 3)]) == (None, None, 3)


@pytest.mark.parametrize("layer", [Add(name="a"), Concatenate(1, name="a")])
def test_configuration(layer: Layer) -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = layer.get_config()

    assert type(layer).from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("layer", "given", "message"),
    [
        (Add, torch.ones(2, 3), "list of at least 2 tensors; got a single tensor. Write Add"),
        (Add, [torch.ones(2, 3)], "list of at least 2 tensors; got 1 tensors"),
        (Subtract, [torch.ones(2, 3)] * 3, "list of exactly 2 tensors; got 3 tensors"),
    ],
)
def test_wrong_number(layer: Any, given: Any, message: str) -> None:
    """How many tensors are taken is told."""
    with pytest.raises(ArgumentError, match=message):
        layer()(given)


def test_shapes_that_do_not_fit() -> None:
    """All shapes are told, and the rule."""
    one, other = torch.ones(2, 3), torch.ones(2, 4)
    with pytest.raises(DataError, match=r"shapes \(2, 3\), \(2, 4\): behind the batch each axis"):
        Add()([one, other])
    with pytest.raises(DataError, match=r"all axes but 0, along which they are joined"):
        Concatenate(0)([one, other])
    with pytest.raises(DataError, match=r"all axes but 5"):
        Concatenate(5)([one, one])


def test_an_axis_that_is_no_number() -> None:
    """The axis is a number."""
    with pytest.raises(ArgumentTypeError, match="axis is a whole number; got 'last'"):
        Concatenate("last")  # type: ignore[arg-type]
