"""Generators go on, iterables start again, and their end is said once."""

import itertools

import numpy as np
import pytest

from backbeat.data import Place, as_source
from backbeat.errors import BackbeatWarning, DataError


def numbers(count=None):
    """Batches (i, i), endless without a count."""
    for number in itertools.count() if count is None else range(count):
        yield np.array([float(number)]), np.array([number])


def source_of(x, **settings):
    return as_source(x, place=Place(), **{"training": True, **settings})


def epoch_of(source):
    return [int(batch.y) for batch in source.batches()]


@pytest.mark.parametrize("training", [True, False])
def test_an_endless_generator_goes_on_and_is_never_read_ahead(training):
    """Every epoch takes exactly its steps from the same generator."""
    generator = numbers()
    source = source_of(generator, steps=3, training=training)

    assert epoch_of(source) == [0, 1, 2]
    assert epoch_of(source) == [3, 4, 5]
    assert next(generator)[1] == 6
    assert (source.steps, source.samples, source.exhausted) == (3, None, False)


@pytest.mark.parametrize("training", [True, False])
def test_an_epoch_left_early_does_not_close_the_generator(training):
    """After a stop the user can go on with his generator."""
    generator = numbers()
    batches = source_of(generator, steps=3, training=training).batches()
    next(batches)
    batches.close()

    assert next(generator)[1] == 1


def test_a_generator_that_ends_early_says_so_once():
    """One warning with both numbers; the source then knows that it has ended."""
    source = source_of(numbers(5), steps=3)
    assert epoch_of(source) == [0, 1, 2]
    assert not source.exhausted

    with pytest.warns(BackbeatWarning) as caught:
        assert epoch_of(source) == [3, 4]
    source.warn_ended()

    assert epoch_of(source) == []
    assert source.exhausted
    assert [str(warning.message) for warning in caught] == [
        (
            "The generator ended: 2 of the 3 wanted batches came in the last epoch, 5 in all. It "
            "can be used only once: ask for fewer steps or epochs, or give a DataLoader or any "
            "other object that can be iterated over again."
        )
    ]


def test_without_steps_the_first_epoch_takes_everything():
    """One epoch is enough for a finite generator, silently; wanting a second one is said."""
    source = source_of(numbers(4))

    assert source.steps is None
    assert epoch_of(source) == [0, 1, 2, 3]
    assert source.exhausted
    with pytest.warns(BackbeatWarning, match="The generator ended: 4 batches came in the last epo"):
        source.warn_ended()


def test_just_enough_batches_are_enough():
    """A generator that ends with the last step gives no warning."""
    source = source_of(numbers(4), steps=2)

    assert epoch_of(source) + epoch_of(source) == [0, 1, 2, 3]


@pytest.mark.parametrize("steps", [None, 2])
def test_an_empty_generator_is_told(steps):
    """Not a single batch is an error."""
    with pytest.raises(DataError) as caught:
        epoch_of(source_of(numbers(0), steps=steps))

    assert str(caught.value) == (
        "The generator gave no batch at all. An epoch needs at least one; if it was iterated over "
        "before, make a new one."
    )


class Again:
    """Starts again each time it is iterated over."""

    def __init__(self, count):
        self.count = count

    def __iter__(self):
        return numbers(self.count)


def test_an_iterable_starts_again_each_epoch():
    """Every `for` over it is one pass."""
    source = source_of(Again(2))

    assert epoch_of(source) == epoch_of(source) == [0, 1]
    assert not source.exhausted


def test_training_steps_go_on_through_an_iterable():
    """With steps the next epoch continues, and starts again when a pass is over."""
    source = source_of(Again(3), steps=2)

    assert [epoch_of(source) for _ in range(3)] == [[0, 1], [2, 0], [1, 2]]


def test_evaluation_steps_begin_an_iterable_anew():
    """Each evaluation sees the same batches."""
    source = source_of(Again(3), steps=2, training=False)

    assert epoch_of(source) == epoch_of(source) == [0, 1]


def test_an_iterable_that_dries_up_has_ended():
    """A later pass without batches does not loop for ever."""
    again = Again(3)
    source = source_of(again, steps=2)
    epoch_of(source)
    again.count = 0

    with pytest.warns(BackbeatWarning, match="1 of the 2 wanted batches came in the last epoch, 3"):
        assert epoch_of(source) == [2]

    assert source.exhausted


@pytest.mark.parametrize("steps", [None, 2])
def test_a_peeked_batch_is_not_lost(steps):
    """What was looked at comes first in the epoch, and nothing beyond it was read."""
    generator = numbers(4)
    source = source_of(generator, steps=steps)

    assert int(source.peek().y) == int(source.peek().y) == 0
    assert epoch_of(source) == [0, 1, 2, 3][:steps]
    assert len(list(generator)) == (0 if steps is None else 2)


def test_peeking_at_an_empty_generator_is_told():
    """There is nothing to look at."""
    with pytest.raises(DataError, match="The generator gave no batch at all"):
        source_of(numbers(0)).peek()


def test_an_error_in_the_generator_is_the_users_own():
    """The very exception arrives, at the batch where it happened."""
    mistake = OSError("disk gone")

    def failing():
        yield np.zeros((2, 1))
        raise mistake

    batches = source_of(failing()).batches()
    next(batches)

    with pytest.raises(OSError, match="disk gone") as caught:
        next(batches)
    assert caught.value is mistake
