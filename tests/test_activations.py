"""Activations against real Keras 3, and what is Keras 2's own."""

from __future__ import annotations

import keras
import pytest
import torch
from torch import nn

from backbeat import activations
from backbeat.errors import ArgumentTypeError, DataError, UnknownNameError

SAME_IN_KERAS_3 = [
    "linear", "relu", "elu", "selu", "softmax", "softplus", "softsign", "tanh", "sigmoid",
    "exponential", "gelu", "silu", "swish",
]  # fmt: skip


@pytest.mark.parametrize("name", SAME_IN_KERAS_3)
def test_equals_keras(name: str) -> None:
    """Every activation gives what Keras 3 gives under that name."""
    x = torch.randn(4, 5) * 3

    ours = activations.get(name)(x)

    torch.testing.assert_close(ours, keras.activations.get(name)(x), atol=1e-6, rtol=1e-6)


def test_hard_sigmoid_is_that_of_keras_2() -> None:
    """Its slope is 0.2 and it is flat beyond 2.5."""
    values = activations.hard_sigmoid(torch.tensor([-3.0, -2.5, 0.0, 1.0, 2.5]))

    torch.testing.assert_close(values, torch.tensor([0.0, 0.0, 0.5, 0.7, 1.0]))


@pytest.mark.parametrize(
    "arguments",
    [{"alpha": 0.2}, {"max_value": 1.0}, {"threshold": 0.5}, {"alpha": 0.1, "max_value": 2.0},
     {"alpha": 0.3, "max_value": 1.0, "threshold": 0.5}],
)  # fmt: skip
def test_relu_arguments_mean_what_they_mean_in_keras(arguments: dict[str, float]) -> None:
    """alpha, max_value and threshold alone and together."""
    x = torch.linspace(-3, 3, 13)
    theirs = {"negative_slope" if n == "alpha" else n: v for n, v in arguments.items()}

    ours = activations.relu(x, **arguments)

    torch.testing.assert_close(ours, keras.activations.relu(x, **theirs))


def test_softmax_refuses_a_single_axis() -> None:
    """Over (batch,) it would compare samples with each other."""
    with pytest.raises(DataError, match=r"softmax was given shape \(3,\): it needs"):
        activations.softmax(torch.zeros(3))


def test_get_takes_modules_classes_functions_and_dicts() -> None:
    """Whatever can be called with a tensor is an activation; None is the identity."""
    x = torch.tensor([[-1.0, 2.0, 9.0]])
    described = {"class_name": "relu", "config": {"max_value": 6.0}}

    assert activations.get(None) is activations.linear
    assert activations.get(nn.ReLU)(x).tolist() == [[0.0, 2.0, 9.0]]
    assert activations.get(torch.tanh) is torch.tanh
    assert activations.get(described)(x).tolist() == [[0.0, 2.0, 6.0]]
    assert activations.serialize(activations.get(described)) == described


def test_misses_teach() -> None:
    """A wrong name offers the nearest one, a wrong thing says what fits."""
    with pytest.raises(UnknownNameError, match="did you mean 'softmax'"):
        activations.get("sofmax")
    with pytest.raises(ArgumentTypeError, match="activation=3 is a int: give a name"):
        activations.get(3)
