"""split_tail: the last part is for validation."""

import re
from types import MappingProxyType

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from backbeat.data import split_tail
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError


def test_the_last_part_is_cut_off_every_array():
    """x, y and weight are cut after int(n * (1 - fraction)) samples, as views."""
    x, y, weight = np.arange(10), torch.arange(10), list(range(10))

    train, validation = split_tail(x, y, weight, 0.25)

    assert [part.tolist() for part in train] == [list(range(7))] * 3
    assert [part.tolist() for part in validation] == [[7, 8, 9]] * 3
    assert np.shares_memory(train[0], x)
    assert isinstance(validation[1], torch.Tensor)


def test_trees_are_cut_leaf_by_leaf():
    """Several inputs and outputs are cut alike; what is None stays None."""
    x = MappingProxyType({"a": np.arange(4), "b": [np.arange(4)]})

    train, validation = split_tail(x, None, [None, np.ones(4)], 0.5)

    assert validation[0]["a"].tolist() == validation[0]["b"][0].tolist() == [2, 3]
    assert train[1] is validation[1] is None
    assert train[2][0] is None
    assert train[2][1].shape == (2,)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_lies_between_0_and_1(fraction):
    """Neither part may be everything."""
    with pytest.raises(ArgumentError, match=re.escape(f"validation_split={fraction!r} is not bet")):
        split_tail(np.arange(10), None, None, fraction)


@pytest.mark.parametrize("fraction", ["0.2", True, None])
def test_a_fraction_is_a_number(fraction):
    """Text, booleans and None are told so."""
    expected = re.escape(f"validation_split={fraction!r} is no number. Give a fraction such as 0.2")
    with pytest.raises(ArgumentTypeError, match=expected):
        split_tail(np.arange(10), None, None, fraction)


@pytest.mark.parametrize(
    ("count", "fraction", "empty"), [(3, 0.9, "train on"), (10, 1e-17, "validate with")]
)
def test_an_empty_part_is_refused(count, fraction, empty):
    """Few samples and an extreme fraction leave one side without any."""
    with pytest.raises(DataError) as caught:
        split_tail(np.arange(count), None, None, fraction)

    assert str(caught.value) == (
        f"validation_split={fraction} of {count} samples leaves none to {empty}. Give more "
        f"samples, another fraction, or validation_data=(x, y)."
    )


def test_batches_cannot_be_split():
    """Only arrays have a last part that is known beforehand."""
    loader = DataLoader(torch.arange(4))

    with pytest.raises(ArgumentTypeError) as caught:
        split_tail(loader, None, None, 0.5)

    assert str(caught.value) == (
        "validation_split needs arrays, and x is a DataLoader. Split it where it is made, and "
        "give the second part as validation_data=."
    )


def test_mismatched_arrays_are_found_before_the_cut():
    """The lengths of the whole arrays are named."""
    with pytest.raises(DataError, match="x has 4, y has 3"):
        split_tail(np.arange(4), np.arange(3), None, 0.5)
