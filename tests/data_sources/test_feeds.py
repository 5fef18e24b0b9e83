"""Whatever gives the batches, a resumed run takes up the very batch that comes next."""

import random
from itertools import islice

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from backbeat.data import Place, Randomness, as_source, feed_of

ROWS = 10
X = torch.arange(ROWS * 2.0).reshape(ROWS, 2)


class Noisy(Dataset):
    """Samples that draw from every generator there is."""

    def __len__(self):
        return ROWS

    def __getitem__(self, index):
        return X[index] + random.random() + np.random.rand() + torch.rand(1)


class Numbered:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        return X[2 * index : 2 * index + 2]


class Restarting:
    def __iter__(self):
        return (X[i : i + 3] + torch.rand(1) for i in range(0, 9, 3))


def generator():
    while True:
        yield X[:2] + torch.rand(1) + random.random()


def loader(**settings):
    return DataLoader(Noisy(), 3, shuffle=True, **settings)


KINDS = {
    "arrays": (lambda: X, {"batch_size": 3, "shuffle": True}),
    "arrays in order": (lambda: X, {"batch_size": 3}),
    "whole batches shuffled": (lambda: X, {"batch_size": 3, "shuffle": "batch"}),
    "arrays by steps": (lambda: X, {"batch_size": 3, "shuffle": True, "steps": 3}),
    "many steps": (lambda: X, {"batch_size": 3, "shuffle": True, "steps": 7}),
    "loader": (loader, {}),
    "loader by steps": (loader, {"steps": 3}),
    "loader with a generator": (lambda: loader(generator=torch.Generator()), {}),
    "loader with workers": (lambda: loader(num_workers=1, multiprocessing_context="fork"), {}),
    "sequence": (Numbered, {"shuffle": True}),
    "sequence by steps": (Numbered, {"shuffle": True, "steps": 3}),
    "generator": (generator, {"steps": 4}),
    "iterable": (Restarting, {}),
}


def begin(kind):
    """What a fresh process does: the same seeds, the same source."""
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)
    make, settings = KINDS[kind]
    source = as_source(make(), **settings, place=Place(), training=True)
    randomness = Randomness()
    source.watch(randomness)
    return source, randomness


def taken(batches):
    return [batch.x.tolist() for batch in batches]


@pytest.mark.parametrize("done", [1, 2, 3])
@pytest.mark.parametrize("epochs", [0, 1, 2])
@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_at_the_next_batch(kind, epochs, done):
    """The rest of the epoch and the epoch after it are those of the run before."""
    source, randomness = begin(kind)
    for _ in range(epochs):
        taken(source)
    stream = iter(source)
    first = list(islice(stream, done))
    position, now = source.position(len(first), over=False), randomness.state()
    expected = [taken(stream), taken(source)]

    again, randomness = begin(kind)
    again.resume(position)
    randomness.restore(now)

    assert [taken(again), taken(again)] == expected


@pytest.mark.parametrize("kind", KINDS)
def test_goes_on_with_the_next_epoch(kind):
    """Between two epochs too."""
    source, randomness = begin(kind)
    count = len(taken(source))
    position, now = source.position(count, over=True), randomness.state()
    expected = [taken(source), taken(source)]

    again, randomness = begin(kind)
    again.resume(position)
    randomness.restore(now)

    assert [taken(again), taken(again)] == expected


def test_a_loader_without_workers_loads_nothing_twice():
    """Only the indices of the earlier batches are drawn again."""
    asked = []

    class Counted(Noisy):
        def __getitem__(self, index):
            asked.append(index)
            return super().__getitem__(index)

    feed = feed_of(DataLoader(Counted(), 2))
    feed.watch(Randomness())
    list(islice(feed.raw(), 3))
    position = feed.position(3, over=False)
    asked.clear()
    again = feed_of(DataLoader(Counted(), 2))
    again.resume(position)

    assert asked == []
    assert len(list(again.raw())) == 2
    assert asked == [6, 7, 8, 9]


def test_other_samples_begin_a_new_order():
    """An order of more rows than there are now is not followed."""
    source, _ = begin("arrays")
    next(iter(source))
    position = source.position(1, over=False)
    fewer = as_source(X[:5], batch_size=3, shuffle=True, place=Place(), training=True)
    fewer.resume(position)

    assert [len(batch.x) for batch in fewer] == [2]
    assert source.describe()["the number of samples"] == 10


def test_what_may_not_be_exact_is_said():
    """Workers that live on, and sequences that change themselves, are reasons to doubt."""

    class Changing(Numbered):
        def on_epoch_end(self):
            pass

    persistent = loader(num_workers=1, persistent_workers=True)

    assert feed_of(persistent).doubts() == [
        "the workers of the DataLoader are persistent, and draw random numbers anew"
    ]
    assert as_source(Changing(), place=Place(), training=True).doubts() == [
        "what Changing.on_epoch_end changed in it is not known"
    ]
    assert feed_of(loader()).doubts() == []


def test_your_own_iterator_goes_on_across_epochs():
    """The same iterator in several epochs is one stream; a used-up one is not."""
    numbers = iter(range(6))
    feed = feed_of(numbers)
    stream = feed.raw()
    list(islice(stream, 2))
    stream.close()
    again = feed_of(iter(range(6)))
    again.resume(feed.position(2, over=True))

    assert list(again.raw()) == [2, 3, 4, 5]
    list(feed.raw())
    assert feed.position(4, over=True)["in_pass"] == 0
