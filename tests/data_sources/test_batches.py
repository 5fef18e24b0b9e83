"""size_of: how many samples a batch of anyone's has."""

from collections import UserDict

import numpy as np
import pytest
import torch

from backbeat.data import Batch, size_of


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        (torch.zeros(8, 3), 8),
        (np.zeros((5, 2)), 5),
        ((torch.zeros(4, 2), torch.zeros(4)), 4),
        ([np.zeros((3, 2)), np.zeros(3)], 3),
        (((torch.zeros(6, 1), torch.zeros(6, 2)), torch.zeros(6)), 6),
        ({"a": torch.zeros(7, 2), "b": torch.zeros(7)}, 7),
        (UserDict(ids=torch.zeros(2, 9)), 2),
        ([1.0, 2.0, 3.0], 3),
        (["one", "two"], 2),
        (([1, 2, 3], [0, 1, 0]), 3),
        (torch.tensor(1.0), 1),
        (np.float64(1.0), 1),
        (3.5, 1),
        ("text", 1),
        (object(), 1),
        (None, 1),
        ((), 0),
    ],
)
def test_size_of_counts_the_first_leafs_first_axis(batch, expected):
    """Tuples and dicts are looked into, lists of values counted, scalars are one sample."""
    assert size_of(batch) == expected


def test_a_batch_unpacks_like_a_tuple():
    """x, y, weight and size come in this order."""
    x, y, weight, size = Batch(torch.zeros(2, 1), None, None, 2)

    assert (x.shape, y, weight, size) == ((2, 1), None, None, 2)
