"""One weight between torch's orientation and Keras', there and back."""

import numpy as np
import pytest
import torch
from torch import nn

from backbeat.errors import ArgumentError
from backbeat.layers import keras_weights


@pytest.mark.parametrize(
    "module",
    [nn.Linear(5, 3), nn.Conv1d(2, 4, 3), nn.Conv3d(2, 4, 2), nn.ConvTranspose1d(2, 4, 3)],
    ids=lambda module: type(module).__name__,
)
def test_there_and_back(module: nn.Module) -> None:
    """assign undoes array, in place, and to_keras undoes from_keras."""
    weight = keras_weights(module)[0]
    array, before, place = weight.array(), weight.tensor.clone(), weight.tensor.data_ptr()
    weight.assign(np.zeros_like(array))
    assert not weight.tensor.any()
    weight.assign(array)

    assert torch.equal(weight.tensor, before)
    assert weight.tensor.data_ptr() == place
    assert np.array_equal(weight.to_keras(weight.from_keras(array)), array)
    assert array.flags.c_contiguous


def test_arrays_are_copies() -> None:
    """Training on does not change what array gave, nor what from_keras was given."""
    weight = keras_weights(nn.Linear(2, 2))[1]
    array = weight.array()
    given = np.zeros(2, np.float32)
    tensor = weight.from_keras(given)
    with torch.no_grad():
        weight.tensor.add_(1)
    tensor.add_(1)

    assert not np.array_equal(array, weight.array())
    assert given.tolist() == [0.0, 0.0]


def test_slots_of_other_ranks() -> None:
    """A slot that is no matrix, such as Keras' empty vhat, passes unturned."""
    weight = keras_weights(nn.Linear(3, 2))[0]

    assert weight.to_keras(torch.zeros(1)).shape == (1,)
    assert weight.from_keras(np.zeros(1)).shape == (1,)
    assert weight.to_keras(np.zeros((2, 3))).shape == (3, 2)


def test_narrow_types() -> None:
    """bfloat16 weights give float32 arrays, and take them back."""
    weight = keras_weights(nn.Linear(3, 2).to(torch.bfloat16))[0]
    array = weight.array()
    weight.assign(array)

    assert array.dtype == np.float32
    assert weight.tensor.dtype is torch.bfloat16


def test_assigning_another_shape() -> None:
    """Shapes are told in Keras' orientation."""
    with pytest.raises(ArgumentError, match=r"'kernel' has shape \(3, 2\); .* has \(2, 3\)"):
        keras_weights(nn.Linear(3, 2))[0].assign(np.zeros((2, 3)))
