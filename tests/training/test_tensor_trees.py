"""Tensors in trees of values become bytes and come back."""

from collections import OrderedDict

import numpy as np
import pytest
import torch

from backbeat.checkpoints import RawTensor
from backbeat.training.staging import Staging
from backbeat.training.tensor_trees import with_bytes, with_tensors


@pytest.mark.parametrize(
    "dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64, torch.bool]
)
def test_tensors_of_any_type_come_back_bit_for_bit(dtype):
    """Those that NumPy does not know as well."""
    tensor = torch.tensor([[0.0, 1.0], [2.5, -3.0]]).to(dtype)

    back = with_tensors(with_bytes(tensor))

    assert (back.dtype, back.tolist()) == (dtype, tensor.tolist())


def test_training_goes_on_with_the_tensors():
    """What is changed afterwards, tensor or array, is as it was in the bytes."""
    tensor, array = torch.zeros(2), np.zeros(2)
    packed = with_bytes({"tensor": tensor, "array": array})
    tensor += 1
    array += 1

    assert packed["tensor"].array().tolist() == [0, 0]
    assert packed["array"].tolist() == [0, 0]


def test_kept_memory_is_used_again():
    """The second copy lies where the first one did, also after a tensor of another shape."""
    staging = Staging()
    first = with_bytes([torch.zeros(3), torch.zeros(2)], staging)
    second = with_bytes([torch.ones(3), torch.ones(4)], staging)

    assert first[0].array().tolist() == second[0].array().tolist() == [1, 1, 1]
    assert first[1].array().tolist() == [0, 0]
    assert second[1].array().tolist() == [1, 1, 1, 1]


def test_tensors_are_found_wherever_they_are():
    """In dicts, lists and tuples; everything else stays the very thing it was."""
    thing = object()
    tree = OrderedDict(a=[torch.ones(1), (torch.zeros(1), "text")], b={3: thing})

    packed = with_bytes(tree)

    assert isinstance(packed["a"][0], RawTensor)
    assert isinstance(packed["a"][1][0], RawTensor)
    assert packed["a"][1][1] == "text"
    assert packed["b"][3] is thing


def test_lists_stay_lists_and_tuples_stay_tuples():
    """An optimizer's betas are compared with a tuple."""
    assert with_tensors(with_bytes({"betas": (0.9, 0.999), "params": [0, 1]})) == {
        "betas": (0.9, 0.999),
        "params": [0, 1],
    }


def test_training_goes_on_with_the_tensor_and_not_with_its_bytes():
    """A step after the capture changes nothing that was captured."""
    weight = torch.nn.Parameter(torch.ones(2))
    captured = with_bytes({"w": weight})
    with torch.no_grad():
        weight.mul_(5)

    assert with_tensors(captured)["w"].tolist() == [1, 1]


def test_what_comes_back_can_be_written_to():
    """Weights that were given back are trained further, and the capture may be used again."""
    captured = with_bytes(torch.ones(2))

    with_tensors(captured).zero_()

    assert with_tensors(captured).tolist() == [1, 1]
