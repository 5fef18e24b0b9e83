"""Class weights become sample weights."""

import re

import numpy as np
import pytest
import torch

from backbeat.data import Place, as_source
from backbeat.data.class_weights import check_class_weight, class_weights_of
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError


def weights_of(y, class_weight, sample_weight=None):
    x = np.zeros((4, 1))
    source = as_source(x, y, sample_weight, class_weight=class_weight, place=Place(), training=True)
    (batch,) = source.batches()
    return batch.weight.tolist()


@pytest.mark.parametrize(
    "y",
    [
        np.array([0, 1, 1, 2]),
        np.array([[0], [1], [1], [2]], dtype="uint8"),
        torch.tensor([0.0, 1.0, 1.0, 2.0]),
        np.eye(3)[[0, 1, 1, 2]],
        [np.array([0, 1, 1, 2])],
    ],
)
def test_labels_of_every_form_are_looked_up(y):
    """Class numbers, columns of them, floats, one-hot rows, a single output in a list."""
    assert weights_of(y, {0: 1.0, 1: 2, 2: 0.5}) == [1.0, 2.0, 2.0, 0.5]


def test_class_weights_multiply_into_sample_weights():
    """Both kinds of weight count."""
    y = np.array([0, 1, 1, 0])

    assert weights_of(y, {0: 1.0, 1: 3.0}, [1.0, 2.0, 0.5, 0.0]) == [1.0, 6.0, 1.5, 0.0]


def test_negative_classes_are_classes():
    """Labels of hinge losses are -1 and 1."""
    weights = class_weights_of(torch.tensor([-1.0, 1.0]), {-1: 2.0, 1: 5.0})

    assert weights.tolist() == [2.0, 5.0]


def test_a_class_without_a_weight_is_named():
    """Every class of y needs one."""
    with pytest.raises(DataError) as caught:
        weights_of(np.array([0, 2, 3, 1]), {0: 1.0, 1: 2.0})

    assert str(caught.value) == (
        "class_weight has no weight for the classes 2, 3 in y; it knows 0, 1. Every class needs "
        "one: 2: 1.0 leaves a class as it is."
    )


@pytest.mark.parametrize(
    ("y", "error", "message"),
    [
        (None, ArgumentError, "class_weight needs y, and there is none."),
        (
            [np.zeros(4), np.zeros(4)],
            ArgumentError,
            "class_weight works for one output, and y has 2. Give sample_weight instead",
        ),
        (np.zeros((4, 2, 3)), DataError, "This y has the shape (4, 2, 3); give sample_weight"),
    ],
)
def test_labels_that_are_no_classes_teach(y, error, message):
    """Class weights need one class per sample."""
    with pytest.raises(error, match=re.escape(message)):
        weights_of(y, {0: 1.0})


@pytest.mark.parametrize("given", ["balanced", [1.0, 2.0], {"cat": 1.0}, {0: "heavy"}])
def test_only_a_dict_of_numbers_is_a_class_weight(given):
    """Anything else shows what fits."""
    expected = re.escape(f"class_weight={given!r} does not fit. Give a dict from the class's")
    with pytest.raises(ArgumentTypeError, match=expected):
        check_class_weight(given)


@pytest.mark.parametrize("shape", [(4, 2), (4, 1, 1)])
def test_a_sample_weight_is_one_number_per_sample(shape):
    """(n,) and (n, 1) fit, everything else is refused."""
    with pytest.raises(DataError) as caught:
        as_source(np.zeros(4), None, np.ones(shape), place=Place(), training=True)

    assert str(caught.value) == (
        f"sample_weight has the shape {shape}. One weight per sample is needed: the shape "
        f"(samples,)."
    )


def test_a_column_of_sample_weights_is_flattened():
    """(n, 1) is accepted, for one output and for several with or without weights."""
    ones = np.ones((4, 1))
    source = as_source(np.zeros(4), [ones, ones], [ones, None], place=Place(), training=True)

    (batch,) = source.batches()

    assert batch.weight[0].shape == (4,)
    assert batch.weight[1] is None
