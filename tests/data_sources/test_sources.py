"""as_source: which data become which source, and arguments that do not fit."""

import re

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from backbeat.data import Place, as_source
from backbeat.data.array_source import ArraySource
from backbeat.data.generators import IterableSource, IteratorSource
from backbeat.data.loaders import LoaderSource
from backbeat.data.sequences import SequenceSource
from backbeat.errors import ArgumentError, ArgumentTypeError, DataError


class Numbered:
    def __len__(self):
        return 2

    def __getitem__(self, index):
        return np.zeros((2, 1))


class Plain:
    def __iter__(self):
        return iter([np.zeros((2, 1))])


def source_of(*data, **settings):
    return as_source(*data, place=Place(), **{"training": True, **settings})


@pytest.mark.parametrize(
    ("x", "kind"),
    [
        (np.zeros((2, 1)), ArraySource),
        (torch.zeros(2, 1), ArraySource),
        ([[1.0], [2.0]], ArraySource),
        ([np.zeros(2), np.zeros(2)], ArraySource),
        ({"a": np.zeros(2)}, ArraySource),
        (TensorDataset(torch.zeros(2)), ArraySource),
        (DataLoader(torch.zeros(2)), LoaderSource),
        (Numbered(), SequenceSource),
        ((np.zeros((2, 1)) for _ in range(1)), IteratorSource),
        (map(np.zeros, [2]), IteratorSource),
        (Plain(), IterableSource),
    ],
)
def test_data_choose_their_source(x, kind):
    """Whatever it is, it gives a first batch of two samples (one, where the loader says so)."""
    source = source_of(x)

    assert type(source) is kind
    assert next(source.batches()).size == (1 if kind is LoaderSource else 2)


@pytest.mark.parametrize("training", [True, False])
def test_labels_may_be_missing(training):
    """A model may make its own loss."""
    (batch,) = source_of(np.zeros((2, 1)), training=training).batches()

    assert (batch.y, batch.weight) == (None, None)


def test_a_list_is_data_never_a_list_of_batches():
    """A list of pairs of arrays is a tree of inputs."""
    source = source_of([(np.zeros(2), np.zeros(2)), (np.zeros(2), np.zeros(2))])

    (batch,) = source.batches()

    assert [len(pair) for pair in batch.x] == [2, 2]


@pytest.mark.parametrize(
    ("name", "value", "error", "message"),
    [
        ("batch_size", 0, ArgumentError, "batch_size=0 is too small. Give at least 1."),
        ("batch_size", -3, ArgumentError, "batch_size=-3 is too small. Give at least 1."),
        (
            "batch_size",
            32.0,
            ArgumentTypeError,
            "batch_size=32.0 is a float. Give a whole number, such as 32.",
        ),
        (
            "batch_size",
            "32",
            ArgumentTypeError,
            "batch_size='32' is a str. Give a whole number, such as 32.",
        ),
        (
            "batch_size",
            True,
            ArgumentTypeError,
            "batch_size=True is a bool. Give a whole number, such as 32.",
        ),
        ("steps", 0, ArgumentError, "steps=0 is too small. Give at least 1."),
        (
            "steps",
            1.5,
            ArgumentTypeError,
            "steps=1.5 is a float. Give a whole number, such as 32.",
        ),
        (
            "shuffle",
            "batches",
            ArgumentError,
            (
                "shuffle='batches' does not fit. Give True (new order each epoch), False (as the "
                "data come) or 'batch' (whole batches in new order)."
            ),
        ),
    ],
)
def test_an_argument_that_does_not_fit_teaches(name, value, error, message):
    """Given, fitting, and what to do, in one sentence or two."""
    with pytest.raises(error) as caught:
        source_of(np.zeros(4), **{name: value})

    assert str(caught.value) == message


def test_whole_numbers_of_any_kind_fit():
    """NumPy's integers are integers."""
    assert source_of(np.zeros(4), batch_size=np.int64(2)).steps == 2


@pytest.mark.parametrize("beside", [{}, {"y": np.zeros(2)}, {"batch_size": 4}])
@pytest.mark.parametrize("x", [None, "data.csv", 3, object])
def test_what_holds_no_data_is_told(x, beside):
    """None, a file's name, a number, a class: all say what could be given instead."""
    with pytest.raises((ArgumentTypeError, ArgumentError), match=r"^(x is|y=|batch_size=)"):
        as_source(x, **beside, place=Place(), training=True)


def test_none_is_told_what_fits():
    """Forgetting x is the commonest of them."""
    with pytest.raises(ArgumentTypeError) as caught:
        source_of(None, np.zeros(2), batch_size=4)

    assert str(caught.value) == (
        "x is None, which holds no data. Give arrays (NumPy, torch, lists of numbers), a Dataset "
        "or DataLoader, or something that yields batches (x, y)."
    )


def test_a_generator_function_is_to_be_called():
    """Passing the function instead of its generator is a slip with an easy cure."""

    def batches():
        yield np.zeros((2, 1))

    with pytest.raises(ArgumentTypeError, match=re.escape("Call it: batches().")):
        source_of(batches)


def test_text_where_a_number_belongs_is_named():
    """The first such value of x or y is in the message."""
    with pytest.raises(DataError, match=re.escape("y[1] is 'cat' (dtype object), where a number")):
        source_of(np.zeros(2), np.array([1, "cat"], dtype=object))


def test_different_numbers_of_samples_are_named():
    """x, y and weights are compared before training."""
    with pytest.raises(DataError, match="x has 4, y has 3, sample_weight has 2"):
        source_of(np.zeros(4), np.zeros(3), np.zeros(2))


def test_no_samples_are_told():
    """Empty arrays make no epoch."""
    with pytest.raises(DataError, match="There are no samples: x, y is empty"):
        source_of(np.zeros((0, 3)), np.zeros(0))


@pytest.mark.parametrize("y", [None, np.zeros(3)])
def test_a_sparse_matrix_is_told_the_way(y):
    """SciPy's matrices have items and batches of neither kind."""
    sparse = pytest.importorskip("scipy.sparse")

    with pytest.raises(DataError) as caught:
        source_of(sparse.eye(3).tocsr(), y)

    assert str(caught.value) == (
        "x is a SciPy sparse matrix. Give x.toarray(), or batches made of it."
    )


def test_nan_and_infinity_pass():
    """What they do to the loss is for the callbacks to see."""
    (batch,) = source_of(np.array([np.nan, np.inf])).batches()

    assert not batch.x.isfinite().any()
