"""What counts as an array, as several, and as a mistake."""

import re
from decimal import Decimal

import numpy as np
import pytest
import torch

from backbeat.data.arrays import array_tree, as_column_tensor, count_samples, is_plain
from backbeat.errors import ArgumentTypeError, DataError


class Frame:
    """Like a data frame: has a length and items, and says how to become an array."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.shape, self.ndim = self.values.shape, self.values.ndim

    def __array__(self, dtype=None, copy=None):
        return self.values

    def __len__(self):
        return len(self.values)

    def __getitem__(self, column):
        return self.values[:, column]


@pytest.mark.parametrize(
    ("data", "shape"),
    [
        ([1, 2, 3], (3,)),
        ((1.0, 2.0), (2,)),
        ([[1, 2], [3, 4]], (2, 2)),
        ([(1, 2), (3, 4), (5, 6)], (3, 2)),
        ([np.float64(1), np.float64(2)], (2,)),
        ([torch.tensor(1.0), torch.tensor(2.0)], (2,)),
        (Frame([[1, 2], [3, 4]]), (2, 2)),
        (range(0), None),
    ],
)
def test_numbers_in_lists_and_frames_are_one_array(data, shape):
    """Lists of numbers, nested or not, and array-likes make one array."""
    if shape is None:
        with pytest.raises(ArgumentTypeError, match="which is no array"):
            array_tree(data, "x")
        return

    assert array_tree(data, "x").shape == shape


def test_lists_tuples_and_dicts_of_arrays_keep_their_form():
    """Several inputs stay several, whatever holds them."""
    a, b = np.zeros((2, 3)), torch.zeros(2)

    tree = array_tree({"pair": [a, (b, [1, 2])]}, "x")

    assert list(tree) == ["pair"]
    assert tree["pair"][0] is a
    assert tree["pair"][1][0] is b
    assert tree["pair"][1][1].tolist() == [1, 2]


def test_is_plain_looks_at_the_first_value():
    """The first thing in a list decides whether it is an array or a list of arrays."""
    assert is_plain([[1, 2], [3, 4]])
    assert is_plain([])
    assert not is_plain([np.zeros(2), np.zeros(2)])
    assert not is_plain([None, np.zeros(2)])
    assert not is_plain([{"a": np.zeros(2)}])


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            np.array(["cat", "dog"]),
            (
                "x[0] is 'cat' (dtype <U3), where a number belongs. Turn text, dates and "
                "categories into numbers first; for class names: "
                "classes, x = np.unique(x, return_inverse=True)."
            ),
        ),
        (
            np.array([[1.5, 2.0], [3.0, "?"]], dtype=object),
            "x[1, 1] is '?' (dtype object), where a number belongs.",
        ),
        ([1.0, None, 3.0], "x[1] is None (dtype object), where a number belongs."),
        (["1", "2"], "x[0] is '1' (dtype <U1), where a number belongs."),
        (
            np.array(["2020-01-01"], dtype="datetime64[D]"),
            "x[0] is np.datetime64('2020-01-01') (dtype datetime64[D]), where a number belongs.",
        ),
        (
            np.array([Decimal(3), Decimal(4)], dtype=object),
            (
                "x has the dtype object, although it begins with the number x[0] = Decimal('3'). "
                "Convert it first: np.asarray(x, dtype='float32')."
            ),
        ),
        ({"age": np.array(["9"])}, "x['age'][0] is '9' (dtype <U1), where a number belongs."),
        ([[1, 2], [3]], "x is a list whose parts differ in length, so it is no array"),
        (
            np.float32(3),
            (
                "x is a single number, 3.0. The first axis must count the samples: one sample is "
                "[3.0]."
            ),
        ),
        (torch.zeros(2, 2).to_sparse(), "x is a sparse tensor, which cannot be cut into batches."),
        ({}, "x is an empty dict. Give at least one array, or leave it out."),
    ],
)
def test_data_that_are_no_numbers_teach(data, message):
    """The message names the place, the value, the dtype, and the way out."""
    with pytest.raises(DataError, match=re.escape(message)):
        array_tree(data, "x")


def test_a_missing_part_is_named():
    """None among the inputs is no array; among weights it may be meant."""
    with pytest.raises(ArgumentTypeError, match=r"^x\[1\] is None \(NoneType\), which is no array"):
        array_tree([np.zeros(2), None], "x")

    assert array_tree([None, np.zeros(2)], "sample_weight", optional=True)[0] is None


@pytest.mark.parametrize("values", [[np.nan, 1.0], [np.inf, 1.0], [1 + 2j, 3]])
def test_non_finite_and_complex_numbers_pass(values):
    """NaN, inf and complex values are numbers like any other."""
    array = np.array(values)

    assert array_tree(array, "x") is array


def test_count_samples_names_every_array_when_they_disagree():
    """All counts are in the message, so that the odd one out is seen."""
    x, y = {"a": np.zeros((4, 2)), "b": np.zeros(4)}, [np.zeros(3)]

    with pytest.raises(DataError) as caught:
        count_samples(x=x, y=y, sample_weight=None)

    assert str(caught.value) == (
        "The data differ in their number of samples: x['a'] has 4, x['b'] has 4, y[0] has 3. "
        "Every array needs one row per sample along its first axis."
    )


def test_count_samples_recognises_a_list_of_samples():
    """A list of one array per sample is the usual cause of such a mismatch."""
    with pytest.raises(DataError, match=r"if its items are the samples, give np.stack\(x\)\."):
        count_samples(x=[np.zeros(7)] * 3, y=np.zeros(3))


def test_many_arrays_are_not_all_told():
    """A list of thousands of samples makes no error of thousands of words."""
    x = array_tree([np.zeros(4)] * 5000, "x")
    with pytest.raises(DataError) as caught:
        count_samples(x=x, y=np.zeros(5000))

    assert str(caught.value).startswith(
        "The data differ in their number of samples: x[0] has 4, x[1] has 4, x[2] has 4, ..., "
        "x[4999] has 4, y has 5000. Every array needs"
    )


def test_count_samples_refuses_empty_data():
    """Zero samples make no epoch."""
    with pytest.raises(DataError) as caught:
        count_samples(x=np.zeros((0, 3)), y=np.zeros(0))

    assert str(caught.value) == (
        "There are no samples: x, y is empty. At least one is needed; look at how the data were "
        "loaded or filtered."
    )


def test_memory_is_shared_also_with_read_only_arrays(tmp_path):
    """A memory-mapped file is not read into memory."""
    np.save(tmp_path / "x.npy", np.arange(6.0))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    plain = np.arange(3.0)

    assert as_column_tensor(mapped).data_ptr() == mapped.__array_interface__["data"][0]
    assert as_column_tensor(plain).data_ptr() == plain.__array_interface__["data"][0]


@pytest.mark.parametrize(
    "array", [np.arange(6)[::-1], np.arange(3.0, dtype=">f8"), np.broadcast_to(2.0, (3,))]
)
def test_arrays_that_torch_cannot_hold_are_converted(array):
    """Reversed, foreign-endian and broadcast arrays arrive with the right values."""
    assert as_column_tensor(array).tolist() == array.tolist()


@pytest.mark.parametrize("kind", ["u2", "u4", "u8", ">u2"])
def test_wide_unsigned_numbers_become_signed(kind):
    """torch can hold them, but neither choose rows of them nor compute with them."""
    column = as_column_tensor(np.arange(3, dtype=kind))

    assert column[torch.tensor([2, 0])].tolist() == [2, 0]
    assert column.dtype in (torch.int32, torch.int64)


def test_a_tensor_with_gradient_is_detached():
    """Data take no part in the backward pass."""
    assert not as_column_tensor(torch.zeros(2, requires_grad=True)).requires_grad
