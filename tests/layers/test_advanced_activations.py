"""ReLU, LeakyReLU, Softmax: values beside the real Keras, and what is refused."""

from typing import Any

import pytest
import torch

from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.layers import LeakyReLU, ReLU, Softmax
from tests.layers.keras_side import assert_same


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"max_value": 1.0},
        {"negative_slope": 0.1},
        {"threshold": 0.5},
        {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.5},
    ],
    ids=str,
)
def test_relu_beside_keras(arguments: dict[str, Any]) -> None:
    """Values and gradients are Keras'."""
    assert_same(ReLU(**arguments), torch.randn(4, 5))


def test_leaky_relu_beside_keras() -> None:
    """Values and gradients are Keras', which calls alpha negative_slope since its third version."""
    assert_same(LeakyReLU(0.2), torch.randn(4, 5), alpha=..., negative_slope=0.2)


@pytest.mark.parametrize("axis", [-1, 1, 2])
def test_softmax_beside_keras(axis: int) -> None:
    """Values and gradients are Keras', along any axis."""
    assert_same(Softmax(axis), torch.randn(4, 5, 3))


def test_logits() -> None:
    """While skip_activation is True the inputs come out."""
    layer, x = Softmax(), torch.randn(2, 3)
    layer.skip_activation = True

    assert torch.equal(layer(x), x)


@pytest.mark.parametrize("kind", [ReLU, LeakyReLU, Softmax])
def test_output_shape(kind: Any) -> None:
    """That of the inputs."""
    assert kind().compute_output_shape((None, 3)) == (None, 3)


def test_wrong_arguments() -> None:
    """Numbers are numbers, and bounds make sense."""
    with pytest.raises(ArgumentTypeError, match="alpha is a finite number; got '0.1'"):
        LeakyReLU("0.1")  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="max_value and negative_slope must be 0 or more"):
        ReLU(-1.0)
    with pytest.raises(ArgumentTypeError, match="axis is a whole number"):
        Softmax("last")  # type: ignore[arg-type]
