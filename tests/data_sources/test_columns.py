"""Column: what is shared, what is copied once, and how much is held."""

import numpy as np
import torch

from backbeat.data import columns as room
from backbeat.data.columns import Column
from backbeat.data.place import Place


def one_pass(column, batch_size=4):
    return list(column.cut(torch.randperm(len(column.tensor)), batch_size))


def test_float64_is_cast_per_batch_in_the_first_pass_and_once_after_that():
    """One evaluation does not pay for a copy of the data; many epochs do not cast each batch."""
    array = np.arange(12.0).reshape(6, 2)
    column = Column(array, Place(), "input")

    first = one_pass(column)
    assert np.shares_memory(column.tensor.numpy(), array)
    second = one_pass(column)

    assert column.tensor.dtype is torch.float32
    assert {batch.dtype for batch in first + second} == {torch.float32}
    assert torch.cat(second).sum() == array.sum()


def test_a_large_array_is_never_copied_whole(monkeypatch):
    """Memory stays bounded: above the limit every batch is cast by itself."""
    monkeypatch.setattr(room, "_COPY_BYTES", 40)
    column = Column(np.zeros((6, 2)), Place(), "input")
    one_pass(column)

    assert one_pass(column)[0].dtype is torch.float32
    assert column.tensor.dtype is torch.float64


def test_an_array_in_column_order_is_turned_once_before_it_is_shuffled():
    """Rows of a data frame lie scattered in memory; gathering them there would be slow."""
    array = np.arange(12.0, dtype="float32").reshape(2, 6).T
    column = Column(array, Place(), "input")

    batches = one_pass(column)

    assert column.tensor.is_contiguous()
    assert sorted(torch.cat(batches)[:, 0].tolist()) == list(range(6))


def test_an_array_in_column_order_is_shared_when_read_in_order():
    """A single evaluate makes no copy of the data, however they lie."""
    array = np.arange(12.0, dtype="float32").reshape(2, 6).T
    column = Column(array, Place(), "input")

    assert torch.equal(torch.cat(list(column.cut(None, 4))), torch.from_numpy(array))
    assert np.shares_memory(column.tensor.numpy(), array)


def test_one_sample_repeated_stays_one_sample_in_memory():
    """An expanded tensor is not written out."""
    column = Column(torch.zeros(1, 3).expand(1000, 3), Place(), "input")

    assert one_pass(column, batch_size=500)[0].shape == (500, 3)
    assert column.tensor.untyped_storage().nbytes() == 12


def test_a_look_at_the_head_is_no_pass():
    """Peeking before a single evaluate does not make it pay for a copy."""
    array = np.arange(12.0).reshape(6, 2)
    column = Column(array, Place(), "input")

    assert column.head(None, 2).tolist() == [[0, 1], [2, 3]]
    assert column.head(torch.tensor([5, 0, 1]), 2).tolist() == [[10, 11], [0, 1]]
    one_pass(column)
    assert np.shares_memory(column.tensor.numpy(), array)


def test_images_stay_small():
    """uint8 images are never turned into floats as a whole."""
    array = np.zeros((6, 2), dtype="uint8")
    column = Column(array, Place(integers="cast"), "input")
    one_pass(column)

    assert one_pass(column)[0].dtype is torch.float32
    assert np.shares_memory(column.tensor.numpy(), array)


def test_narrow_rows_are_gathered_for_64_batches_at_a_time():
    """Batches of labels share a block; a new block begins after 64 of them."""
    column = Column(np.arange(100), Place(), "label")

    storages = [batch.untyped_storage().data_ptr() for batch in one_pass(column, batch_size=1)]

    assert len(set(storages[:64])) == 1
    assert storages[64] != storages[0]


def test_wide_rows_are_gathered_batch_by_batch():
    """No more than a batch of a wide array is held at a time."""
    column = Column(np.zeros((8, 100_000), dtype="float32"), Place(), "input")

    batches = one_pass(column, batch_size=2)

    assert [batch.untyped_storage().nbytes() for batch in batches] == [800_000] * 4


def test_inputs_in_order_are_lent_to_a_model_that_only_reads_them():
    """They are views then; labels, shuffled inputs and inputs that must be cast are not."""
    array = np.arange(12.0, dtype="float32").reshape(6, 2)
    place = Place(lends=True)
    batches = {
        "inputs": next(Column(array, place, "input").cut(None, 4)),
        "labels": next(Column(array, place, "label").cut(None, 4)),
        "shuffled": next(Column(array, place, "input").cut(torch.arange(6), 4)),
        "cast": next(Column(array.astype("float64"), place, "input").cut(None, 4)),
    }

    shared = [name for name, each in batches.items() if np.shares_memory(each.numpy(), array)]
    assert shared == ["inputs"]
