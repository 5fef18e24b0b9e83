"""Unpacker: a batch as anybody makes it becomes a Batch."""

import re
from collections import namedtuple

import numpy as np
import pytest
import torch

from backbeat.data.foreign import Unpacker
from backbeat.data.place import Place
from backbeat.errors import DataError

X, Y, W = np.ones((3, 2)), np.array([0, 1, 1]), np.array([[1.0], [2.0], [3.0]])
Pair = namedtuple("Pair", "left right")


@pytest.mark.parametrize("form", [tuple, list])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_tuple_or_list_holds_up_to_three_parts(form, count):
    """(x,), (x, y) and (x, y, weight), from arrays: floats are cast, labels kept."""
    x, y, weight, size = Unpacker(Place())(form((X, Y, W)[:count]))

    assert (x.dtype, x.shape, size) == (torch.float32, (3, 2), 3)
    assert (y is None) if count < 2 else y.tolist() == [0, 1, 1]
    assert (weight is None) if count < 3 else weight.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize("x", [X, torch.ones(3, 2), [1.0, 2.0, 3.0], {"a": X, "b": Y}])
def test_anything_else_is_x(x):
    """An array, a tensor, numbers in a list or a dict is the input, without labels."""
    batch = Unpacker(Place())(x)

    assert (batch.y, batch.weight, batch.size) == (None, None, 3)


def test_a_batch_that_is_right_already_is_passed_on_untouched():
    """No copy, no cast: the very tensors of the loader arrive."""
    x, y = torch.ones(3, 2), torch.arange(3)

    batch = Unpacker(Place())((x, y))

    assert batch.x is x
    assert batch.y is y


def test_trees_are_brought_to_the_place_leaf_by_leaf():
    """Dicts, lists, tuples and named tuples keep their form; numbers in lists become tensors."""
    given = {"a": [X, (X, [1, 2, 3])], "pair": Pair(X, 5.0)}

    batch = Unpacker(Place(device=torch.device("meta"), integers="cast"))((given, [Y, [0, 1, 0]]))

    assert batch.x["a"][1][1].dtype is torch.float32
    assert batch.x["pair"].right.device.type == batch.x["a"][0].device.type == "meta"
    assert [part.dtype for part in batch.y] == [torch.int64] * 2
    assert batch.size == 3


def test_text_and_foreign_objects_pass_through():
    """File names and other libraries' objects in a dict are the model's affair."""

    class Graph:
        device = None

        def to(self, device):
            self.device = device
            return self

    unknown = object()
    given = {"x": X, "name": "a", "names": ["a", "b"], "graph": Graph(), "thing": unknown}

    x = Unpacker(Place())(given).x

    assert (x["name"], x["names"], x["thing"]) == ("a", ["a", "b"], unknown)
    assert x["graph"].device == torch.device("cpu")
    assert Unpacker(Place())(["one", "two"]).size == 2


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        ((), "A batch has 0 parts. It must be x, (x,), (x, y) or (x, y, sample_weight);"),
        ((X, Y, W, W), "A batch has 4 parts."),
        (None, "A batch is None. Every batch must be x,"),
        ((np.array(["cat"]), Y), "x[0] is 'cat' (dtype <U3), where a number belongs."),
        ((X, np.array([["cat"]])), "y[0, 0] is 'cat' (dtype <U3), where a number belongs."),
        ((X, Y, np.ones((3, 2))), "sample_weight has the shape (3, 2). One weight per sample"),
    ],
)
def test_a_batch_that_does_not_fit_teaches(batch, message):
    """The message says which part, and what would fit."""
    with pytest.raises(DataError, match=re.escape(message)):
        Unpacker(Place())(batch)


def test_class_weights_apply_to_each_batch():
    """They multiply into the batch's own weights, or stand alone."""
    unpack = Unpacker(Place(), {0: 10.0, 1: 1.0})

    assert unpack((X, Y)).weight.tolist() == [10.0, 1.0, 1.0]
    assert unpack((X, Y, W)).weight.tolist() == [10.0, 2.0, 3.0]
    with pytest.raises(DataError, match="no weight for the class 7 in y; it knows 0, 1"):
        unpack((X, np.array([0, 1, 7])))


def test_weights_per_output_may_be_missing():
    """None stands for an output without weights."""
    assert Unpacker(Place())((X, [Y, Y], [None, W])).weight[0] is None
