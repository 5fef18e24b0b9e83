"""Activation: a function as a layer."""

import pytest
import torch

from backbeat.errors import UnknownNameError
from backbeat.layers import Activation


def test_by_name_and_by_function() -> None:
    """A name and a function do the same."""
    x = torch.tensor([[-1.0, 2.0]])

    assert Activation("relu")(x).tolist() == [[0.0, 2.0]]
    assert Activation(torch.tanh)(x).equal(torch.tanh(x))


def test_logits() -> None:
    """While skip_activation is True the inputs come out as they are."""
    layer = Activation("softmax")
    layer.skip_activation = True
    x = torch.tensor([[-1.0, 2.0]])

    assert layer(x) is x


def test_configuration() -> None:
    """The configuration is that of Keras 2, and makes the same layer."""
    config = Activation("tanh", name="a").get_config()

    assert config == {"name": "a", "trainable": True, "dtype": "float32", "activation": "tanh"}
    assert Activation.from_config(config).get_config() == config


def test_an_unknown_name() -> None:
    """A misspelt name is answered with the nearest."""
    with pytest.raises(UnknownNameError, match="did you mean 'softmax'"):
        Activation("softmaks")
