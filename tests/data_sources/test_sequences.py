"""SequenceSource: numbered batches, and when their owner hears of the end."""

import numpy as np
import pytest

from backbeat.data import Place, as_source
from backbeat.errors import DataError


class Chunks:
    """Batch i holds the number i; grows by one batch after every pass."""

    def __init__(self, count):
        self.count, self.ends, self.asked = count, 0, []

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        self.asked.append(index)
        return np.array([float(index)]), np.array([index])

    def on_epoch_end(self):
        self.ends += 1
        self.count += 1


def source_of(sequence, **settings):
    return as_source(sequence, place=Place(), **{"training": True, **settings})


def epoch_of(source):
    """The numbers of one epoch, rung to its end."""
    numbers = [int(batch.y) for batch in source.batches()]
    source.epoch_ended()
    return numbers


def test_the_length_is_read_anew_each_epoch():
    """on_epoch_end runs once per epoch, and what it changes counts in the next."""
    chunks = Chunks(2)
    source = source_of(chunks)

    assert (source.steps, source.samples, source.batch_size) == (2, None, None)
    assert epoch_of(source) == [0, 1]
    assert epoch_of(source) == [0, 1, 2]
    assert (source.steps, chunks.ends) == (4, 2)


def test_batches_come_in_shuffled_order_if_asked():
    """Each pass has its own order."""
    source = source_of(Chunks(20), shuffle=True)

    first, second = epoch_of(source), epoch_of(source)

    assert sorted(first) == list(range(20)) != first
    assert sorted(second) == list(range(21))
    assert first != second[:20]


def test_training_steps_go_on_and_the_end_of_a_pass_is_told():
    """With steps, the object hears of the end of its pass, not of our epoch."""
    chunks = Chunks(3)
    source = source_of(chunks, steps=2)

    assert epoch_of(source) == [0, 1]
    assert chunks.ends == 0
    assert epoch_of(source) == [2, 0]
    assert chunks.ends == 1
    assert epoch_of(source) == [1, 2]
    assert epoch_of(source) == [3, 0]
    assert chunks.ends == 2


def test_a_pass_that_ends_with_the_epoch_is_told_once():
    """Neither our epoch's end nor the next epoch's beginning tells it twice."""
    chunks = Chunks(2)
    source = source_of(chunks, steps=2)

    assert epoch_of(source) == [0, 1]
    assert chunks.ends == 1
    assert epoch_of(source) == [0, 1]
    assert chunks.ends == 1


def test_an_epoch_left_early_is_no_end():
    """A stop in the middle of a pass is not reported as its end."""
    chunks = Chunks(3)
    source = source_of(chunks)
    next(source.batches())
    source.epoch_ended()

    assert chunks.ends == 0


def test_nothing_is_asked_for_before_it_is_wanted():
    """No batch is fetched ahead."""
    chunks = Chunks(3)
    batches = source_of(chunks).batches()
    next(batches)

    assert chunks.asked == [0]


def test_an_object_without_on_epoch_end_will_do():
    """Length and items are all that is needed."""

    class Plain:
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return np.zeros((2, 1)), np.array([index, index])

    source = source_of(Plain())
    (batch,) = source.batches()
    source.epoch_ended()

    assert batch.size == 2


def test_an_empty_sequence_is_told():
    """An epoch needs at least one batch."""
    with pytest.raises(DataError, match="The Chunks gave no batch at all"):
        epoch_of(source_of(Chunks(0)))
