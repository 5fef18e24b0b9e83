"""Reshape: values beside the real Keras, the open size, and what is refused."""

import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError, DataError
from backbeat.layers import Input, Reshape
from tests.layers.keras_side import assert_same


@pytest.mark.parametrize("target", [(12,), (3, 4), (-1,), (2, -1), (2, 3, 2), (12, 1)])
def test_beside_keras(target: tuple[int, ...]) -> None:
    """Values and gradients are Keras'."""
    assert_same(Reshape(target), torch.randn(5, 4, 3))


def test_to_a_single_number() -> None:
    """An empty target makes one number of each sample."""
    assert Reshape(())(torch.ones(2, 1)).shape == (2,)


def test_an_empty_batch() -> None:
    """The open size is that of a sample, so that no batch is too small."""
    assert Reshape((2, -1))(torch.ones(0, 12)).shape == (0, 2, 6)


def test_output_shape() -> None:
    """Known as far as the input's is known."""
    assert Reshape((2, -1)).compute_output_shape((None, 4, 3)) == (None, 2, 6)
    assert Reshape((2, -1)).compute_output_shape((None, None, 3)) == (None, 2, None)
    with pytest.raises(ArgumentError, match=r"cannot make \(5, -1\) of \(4, 3\)"):
        Reshape((5, -1)).compute_output_shape((None, 4, 3))


def test_symbols() -> None:
    """Called on a symbol, the layer tells its output; what is open stays open."""
    assert Reshape((4, -1))(Input((8, 3))).shape == (None, 4, 6)
    assert Reshape((-1,))(Input((None, 3))).shape == (None, None)


def test_configuration() -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = Reshape((2, -1), name="r").get_config()

    assert config["target_shape"] == [2, -1]
    assert Reshape.from_config(config).get_config() == config


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (12, ArgumentError, r"without the batch; got 12\. Write, for example, \(12,\) or"),
        (None, ArgumentError, "without the batch; got None"),
        ("12", ArgumentError, "without the batch; got '12'"),
        ((2, "x"), ArgumentTypeError, "each size in target_shape is a whole number; got 'x'"),
        ((-1, -1), ArgumentError, r"only one size may be -1; got \(-1, -1\)"),
        ((-2,), ArgumentError, "must be at least -1; got -2"),
    ],
)
def test_wrong_arguments(target: object, error: type, message: str) -> None:
    """What does not fit is reported when the layer is made, with what would fit."""
    with pytest.raises(error, match=message):
        Reshape(target)  # type: ignore[arg-type]


def test_samples_that_do_not_fit() -> None:
    """Both shapes are told, and the number of values."""
    with pytest.raises(DataError, match=r"make \(5, -1\) of .* \(4, 3\), which hold 12 values"):
        Reshape((5, -1))(torch.ones(2, 4, 3))
