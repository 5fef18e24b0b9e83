"""Lambda: a function as a layer, and the refusal to write or run code."""

import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError, ArgumentTypeError, StateError
from backbeat.layers import Input, Lambda


def test_values() -> None:
    """The function gets the inputs, and `arguments` as keywords."""
    layer = Lambda(lambda x, factor: x * factor, arguments={"factor": 3.0})

    assert layer(torch.ones(1, 2)).tolist() == [[3.0, 3.0]]
    assert layer.weights == []


def test_several_inputs_and_outputs() -> None:
    """A list goes in as a list; what comes out may be several tensors."""
    layer = Lambda(lambda pair: (pair[0] + pair[1], pair[0][:, :1]))
    one, other = layer([Input((3,)), Input((3,))])

    assert (one.shape, other.shape) == ((None, 3), (None, 1))


def test_a_module_as_the_function() -> None:
    """A module keeps its weights, which are then the layer's."""
    assert [array.shape for array in Lambda(nn.PReLU()).get_weights()] == [(1,)]


def test_the_configuration_is_refused() -> None:
    """A function is code: the error says what to do instead."""
    with pytest.raises(StateError, match="'lambda_1' is a Lambda, whose .* class Mine"):
        Lambda(lambda x: x).get_config()


def test_code_in_a_file_is_refused() -> None:
    """What Keras stored is not run; a function that is given is taken."""
    stored = {"name": "l", "function": ["4wEAAAAAAA==", None, None], "function_type": "lambda"}
    with pytest.raises(ArgumentError, match="'l' is a Lambda whose code .* custom_objects="):
        Lambda.from_config(stored)
    layer = Lambda.from_config({"name": "l", "function": torch.neg})

    assert layer(torch.ones(1, 1)).tolist() == [[-1.0]]


def test_wrong_arguments() -> None:
    """The function must be one; masks do not exist."""
    with pytest.raises(ArgumentTypeError, match=r"function is a function .* got 'x \* 2'"):
        Lambda("x * 2")  # type: ignore[arg-type]
    with pytest.raises(ArgumentTypeError, match=r"arguments is a dict of keywords .* got 3\."):
        Lambda(torch.neg, arguments=3)  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="mask is not available"):
        Lambda(torch.neg, mask=torch.neg)  # type: ignore[arg-type]
