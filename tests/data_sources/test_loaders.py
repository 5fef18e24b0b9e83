"""LoaderSource: DataLoaders pass through, datasets get one, TensorDatasets are cut directly."""

from itertools import chain

import numpy as np
import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    SequentialSampler,
    Subset,
    TensorDataset,
)

from backbeat.data import Place, as_source
from backbeat.data.array_source import ArraySource
from backbeat.data.loaders import LoaderSource
from backbeat.errors import ArgumentError, BackbeatWarning, DataError


class Squares(Dataset):
    """Samples (i, i * i) in double precision."""

    def __init__(self, count):
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return np.array([float(index)]), index * index


PAIRS = BatchSampler(SequentialSampler(range(5)), 2, drop_last=False)


class Counter(IterableDataset):
    """The numbers below `count`, without a length."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return iter(torch.arange(float(self.count)))


def source_of(x, training=True, **settings):
    return as_source(x, place=Place(), training=training, **settings)


def rows_of(source):
    return [batch.x.flatten().tolist() for batch in source.batches()]


def test_a_loader_is_passed_through():
    """Its batches arrive cast, with its sizes, and it starts again each epoch."""
    source = source_of(DataLoader(Squares(5), batch_size=2))

    first, second = list(source.batches()), list(source.batches())

    assert [batch.x.flatten().tolist() for batch in first] == [[0, 1], [2, 3], [4]]
    assert [batch.y.tolist() for batch in second] == [[0, 1], [4, 9], [16]]
    assert [batch.size for batch in first] == [2, 2, 1]
    assert first[0].x.dtype is torch.float32
    assert (source.samples, source.batch_size, source.steps) == (5, 2, 3)
    assert not source.exhausted


@pytest.mark.parametrize(
    ("loader", "samples", "batch_size", "steps"),
    [
        (DataLoader(Squares(5), batch_size=2, drop_last=True), 4, 2, 2),
        (DataLoader(Squares(5), batch_size=2, sampler=range(3)), 3, 2, 2),
        (DataLoader(Squares(5), batch_size=None), None, None, 5),
        (
            DataLoader(Squares(5), batch_sampler=PAIRS),
            None,
            None,
            3,
        ),
        (DataLoader(Counter(5), batch_size=2), None, 2, None),
    ],
)
def test_what_is_known_of_a_loader(loader, samples, batch_size, steps):
    """Numbers are given where they are certain, None where they are not."""
    source = source_of(loader)

    assert (source.samples, source.batch_size, source.steps) == (samples, batch_size, steps)


def test_training_steps_go_on_through_the_loader():
    """The next epoch continues, and the loader starts again when it is through."""
    source = source_of(DataLoader(Squares(5), batch_size=2), steps=2)

    assert rows_of(source) == [[0, 1], [2, 3]]
    assert rows_of(source) == [[4], [0, 1]]
    assert (source.steps, source.samples) == (2, None)


def test_evaluation_steps_begin_at_the_front():
    """Each evaluation sees the loader's first batches; too many steps are said once."""
    source = source_of(DataLoader(Squares(5), batch_size=2), training=False, steps=2)
    assert rows_of(source) == rows_of(source) == [[0, 1], [2, 3]]
    longer = source_of(DataLoader(Squares(5), batch_size=2), training=False, steps=4)

    with pytest.warns(BackbeatWarning) as caught:
        assert len(rows_of(longer)) == len(rows_of(longer)) == 3

    assert [str(warning.message) for warning in caught] == [
        (
            "The DataLoader ended: 3 of the 4 wanted batches came in the last epoch, 3 in all. Ask "
            "for fewer steps, or give more data."
        )
    ]
    assert not longer.exhausted


def test_an_epoch_left_early_leaves_nothing_behind():
    """After a stop in the middle, the next epoch starts at the front."""
    source = source_of(DataLoader(Squares(5), batch_size=2))
    next(source.batches())

    assert rows_of(source) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize("name", ["y", "sample_weight", "batch_size"])
def test_a_loader_brings_its_own(name):
    """Labels, weights and batch size beside a loader are refused."""
    cure = (
        "Set it where the batches are made."
        if name == "batch_size"
        else "Let them be (x, y) or (x, y, sample_weight)."
    )
    with pytest.raises(ArgumentError) as caught:
        source_of(DataLoader(Squares(5)), **{name: 4})

    assert str(caught.value) == (
        f"{name}= cannot be given when x is a DataLoader, which brings its own in every batch. "
        f"{cure}"
    )


def test_a_dataset_gets_a_loader_that_shuffles():
    """batch_size and shuffle apply to a map-style dataset."""
    source = source_of(Squares(40), batch_size=16, shuffle=True)

    rows = list(chain.from_iterable(rows_of(source)))

    assert isinstance(source, LoaderSource)
    assert sorted(rows) == list(range(40)) != rows
    assert (source.samples, source.batch_size, source.steps) == (40, 16, 3)
    assert source_of(Squares(40)).batch_size == 32


def test_an_iterable_dataset_keeps_its_order():
    """Nobody can shuffle what is not known beforehand, so shuffle=True (fit's default) passes."""
    assert rows_of(source_of(Counter(5), batch_size=2, shuffle=True)) == [[0, 1], [2, 3], [4]]


def test_whole_batches_of_a_dataset_cannot_be_shuffled():
    """shuffle="batch" needs arrays."""
    with pytest.raises(ArgumentError, match="shuffle='batch' needs arrays, and x is a Squares"):
        source_of(Squares(5), shuffle="batch")


@pytest.mark.parametrize("dataset", [Squares(0), Counter(0)])
def test_an_empty_dataset_is_told(dataset):
    """An epoch needs at least one batch."""
    with pytest.raises(DataError) as caught:
        list(source_of(dataset, shuffle=True).batches())

    assert str(caught.value) == (
        "The DataLoader gave no batch at all. An epoch needs at least one; if it was iterated "
        "over before, make a new one."
    )


def test_a_tensor_dataset_is_cut_like_arrays():
    """No Python call per sample: its tensors are gathered batch by batch."""
    dataset = TensorDataset(torch.arange(5.0), torch.arange(5), torch.ones(5))
    source = source_of(dataset, batch_size=2)

    batches = list(source.batches())

    assert isinstance(source, ArraySource)
    assert [batch.y.tolist() for batch in batches] == [[0, 1], [2, 3], [4]]
    assert batches[0].weight.tolist() == [1, 1]


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_a_part_of_a_tensor_dataset_is_cut_like_arrays(shuffle):
    """What random_split makes, split twice even, takes the fast way, rows as chosen."""
    dataset = TensorDataset(torch.arange(10.0), torch.arange(10))
    part = Subset(Subset(dataset, [9, 7, 5, 3, 1]), [0, 1, 4])
    source = source_of(part, batch_size=2, shuffle=shuffle)

    batches = list(source.batches())

    assert isinstance(source, ArraySource)
    rows = torch.cat([batch.y for batch in batches]).tolist()
    assert sorted(rows) == [1, 7, 9]
    assert rows == [9, 7, 1] or shuffle is True
    assert rows == torch.cat([batch.x for batch in batches]).tolist()
    assert (source.samples, source.steps) == (3, 2)


def test_class_weights_count_the_chosen_rows_only():
    """A class that only occurs in the other part of the split needs no weight."""
    dataset = TensorDataset(torch.arange(4.0), torch.tensor([0, 5, 1, 1]))
    source = source_of(Subset(dataset, [3, 0]), class_weight={0: 2.0, 1: 3.0})

    (batch,) = source.batches()

    assert batch.weight.tolist() == [3.0, 2.0]


def test_an_empty_subset_is_told():
    """A split may leave nothing."""
    dataset = TensorDataset(torch.arange(4.0))
    with pytest.raises(DataError, match="There are no samples: the Subset chooses none"):
        source_of(Subset(dataset, []))


def test_a_dataset_that_changes_its_samples_is_asked_for_each():
    """A subclass with its own __getitem__ may augment; nothing is read behind its back."""

    class Doubled(TensorDataset):
        def __getitem__(self, index):
            return tuple(2 * part for part in super().__getitem__(index))

    doubled = Doubled(torch.arange(3.0))

    assert rows_of(source_of(doubled)) == [[0, 2, 4]]
    assert rows_of(source_of(Subset(doubled, [2]))) == [[4]]


def test_another_librarys_dataset_gets_a_loader():
    """An object that answers __getitems__ gives samples, not batches."""

    class Rows:
        def __len__(self):
            return 3

        def __getitem__(self, index):
            return {"a": float(index)}

        def __getitems__(self, indices):
            return [self[index] for index in indices]

    (batch,) = source_of(Rows(), batch_size=3).batches()

    assert batch.x["a"].tolist() == [0, 1, 2]


def test_workers_are_the_loaders_own_affair():
    """Batches of worker processes arrive in order."""
    loader = DataLoader(Squares(6), batch_size=2, num_workers=1)

    assert rows_of(source_of(loader)) == [[0, 1], [2, 3], [4, 5]]


def test_evaluating_leaves_the_random_numbers_alone() -> None:
    """A pass that does not train draws nothing from torch's global generator."""
    loader = DataLoader(TensorDataset(torch.zeros(4, 2), torch.zeros(4)), batch_size=2)
    torch.manual_seed(0)
    before = torch.get_rng_state()

    list(as_source(loader, place=Place(), training=False).batches())
    assert torch.equal(torch.get_rng_state(), before)

    list(as_source(loader, place=Place(), training=True).batches())
    assert not torch.equal(torch.get_rng_state(), before)
