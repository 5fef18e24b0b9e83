"""ArraySource: order, sizes, steps, and what a batch may be done to."""

from itertools import chain

import numpy as np
import pytest
import torch

from backbeat.data import Place, Randomness, as_source
from backbeat.errors import BackbeatWarning
from backbeat.tensors import same_trees


def source_of(*arrays, training=True, place=None, **settings):
    return as_source(*arrays, place=place or Place(), training=training, **settings)


def rows_of(source):
    """The first feature of every sample of one epoch, batch by batch."""
    return [batch.x.flatten().tolist() for batch in source.batches()]


def test_batches_come_in_order_and_the_last_may_be_short():
    """Without shuffling the data come as they are, every epoch."""
    source = source_of(np.arange(7.0, dtype="float32"), batch_size=3)

    assert rows_of(source) == rows_of(source) == [[0, 1, 2], [3, 4, 5], [6]]
    assert [batch.size for batch in source.batches()] == [3, 3, 1]
    assert (source.samples, source.batch_size, source.steps) == (7, 3, 3)


def test_32_samples_make_a_batch_by_default():
    """The batch size that Keras users expect."""
    assert [batch.size for batch in source_of(np.zeros(40)).batches()] == [32, 8]


@pytest.mark.parametrize("batch_size", [1, 3, 128, 10_000])
@pytest.mark.parametrize("width", [1, 3000])
def test_shuffled_rows_stay_together(batch_size, width):
    """x, y and weight are shuffled alike, for narrow rows (cut from blocks) and wide ones."""
    numbers = np.arange(1000, dtype="float32")
    x = np.repeat(numbers[:, None], width, axis=1)
    source = source_of(x, numbers, numbers, batch_size=batch_size, shuffle=True)

    batches = list(source.batches())

    firsts = torch.cat([batch.x[:, 0] for batch in batches])
    assert firsts.sort().values.tolist() == numbers.tolist()
    assert firsts.tolist() != numbers.tolist()
    assert torch.equal(firsts, torch.cat([batch.x[:, -1] for batch in batches]))
    assert torch.equal(firsts, torch.cat([batch.y for batch in batches]))
    assert torch.equal(firsts, torch.cat([batch.weight for batch in batches]))
    assert [batch.size for batch in batches] == [len(batch.x) for batch in batches]


def test_every_epoch_has_a_new_order_that_the_seed_decides():
    """One permutation per epoch, drawn from torch's global generator."""
    source = source_of(np.arange(50.0), batch_size=50, shuffle=True)
    torch.manual_seed(3)
    first, second = rows_of(source), rows_of(source)
    torch.manual_seed(3)

    assert first != second
    assert rows_of(source) == first
    torch.manual_seed(3)
    assert first == [torch.randperm(50).tolist()]


def test_batch_shuffling_keeps_batches_whole_and_the_rest_last():
    """shuffle="batch" is for data that must be read in runs."""
    source = source_of(np.arange(23.0), batch_size=5, shuffle="batch")

    rows = rows_of(source)

    assert rows[-1] == [20, 21, 22]
    assert sorted(rows) == [list(range(start, min(start + 5, 23))) for start in range(0, 23, 5)]
    assert any(rows_of(source)[:4] != rows[:4] for _ in range(5))


def test_the_tree_of_the_data_is_the_tree_of_the_batches():
    """Lists, tuples and dicts of inputs arrive as such."""
    x = {"a": np.arange(4.0), "pair": (np.arange(4.0), [np.arange(4.0), np.arange(4.0)])}
    source = source_of(x, [np.arange(4.0)], batch_size=3, shuffle=True)

    batches = list(source.batches())

    assert [batch.size for batch in batches] == [3, 1]
    for batch in batches:
        assert list(batch.x) == ["a", "pair"]
        assert isinstance(batch.x["pair"], tuple)
        assert isinstance(batch.x["pair"][1], list)
        assert isinstance(batch.y, list)
        assert torch.equal(batch.x["a"], batch.x["pair"][1][1])
        assert torch.equal(batch.x["a"], batch.y[0])


@pytest.mark.parametrize("shuffle", [True, False])
def test_numbers_arrive_as_the_model_needs_them(shuffle):
    """Floats become float32 in every pass, integers stay unless they are to be cast."""
    place = Place(integers="cast")
    x = [np.ones((4, 2)), np.ones((4, 2), dtype="uint8"), np.ones((4, 2), dtype="float32")]
    source = source_of(x, np.arange(4), [1, 2, 3, 4], place=place, shuffle=shuffle)

    for _ in range(3):
        (batch,) = source.batches()
        assert [part.dtype for part in batch.x] == [torch.float32] * 3
        assert batch.y.dtype is torch.int64
        assert batch.weight.dtype is torch.float32
        assert batch.x[1].tolist() == [[1, 1]] * 4


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("dtype", ["float32", "float64", "uint8"])
def test_batches_arrive_on_the_models_device(shuffle, dtype):
    """Every part of a batch is moved, whatever had to be cast."""
    place = Place(device=torch.device("meta"), integers="cast")
    source = source_of(
        np.ones((5, 2), dtype=dtype), np.arange(5), np.ones(5), place=place, shuffle=shuffle
    )

    (batch,) = source.batches()

    assert {part.device.type for part in batch[:3]} == {"meta"}
    assert batch.x.dtype is torch.float32


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("width", [1, 5000])
def test_a_batch_may_be_kept_and_written_to(shuffle, width):
    """Nobody else's values change: not the user's array, not an earlier or later batch."""
    x = np.ones((300, width), dtype="float32")
    source = source_of(x, batch_size=100, shuffle=shuffle)

    kept = []
    for number, batch in enumerate(source.batches()):
        batch.x.mul_(number + 10)
        kept.append(batch.x)

    assert [part.unique().tolist() for part in kept] == [[10], [11], [12]]
    assert (x == 1).all()


def test_changes_to_the_users_array_are_seen():
    """The array is shared, not copied, so rows written later are trained on."""
    x = np.zeros((4, 1), dtype="float32")
    source = source_of(x)
    x[:] = 7

    assert rows_of(source) == [[7, 7, 7, 7]]


def test_training_steps_go_on_through_the_data():
    """With steps, an epoch is that many batches; the next goes on, a new pass follows the last."""
    source = source_of(np.arange(7.0), batch_size=3, steps=2)

    assert rows_of(source) == [[0, 1, 2], [3, 4, 5]]
    assert rows_of(source) == [[6], [0, 1, 2]]
    assert (source.steps, source.samples) == (2, None)


def test_more_training_steps_than_batches_begin_another_pass():
    """Arrays never run out in training, and every pass is shuffled anew."""
    source = source_of(np.arange(6.0), batch_size=3, steps=4, shuffle=True)

    rows = list(chain.from_iterable(rows_of(source)))

    assert sorted(rows[:6]) == sorted(rows[6:]) == list(range(6))
    assert source.samples == 12


def test_evaluation_steps_begin_at_the_front_each_time():
    """Each validation sees the same samples."""
    source = source_of(np.arange(9.0), batch_size=2, steps=2, training=False)

    assert rows_of(source) == rows_of(source) == [[0, 1], [2, 3]]
    assert (source.steps, source.samples) == (2, 4)


def test_too_many_evaluation_steps_are_said():
    """Counting samples twice would falsify the mean."""
    with pytest.warns(BackbeatWarning, match="steps=9 were asked for, but 5 samples make 3 batche"):
        source = source_of(np.arange(5.0), batch_size=2, steps=9, training=False)

    assert rows_of(source) == [[0, 1], [2, 3], [4]]
    assert (source.steps, source.samples) == (3, 5)


def test_peeking_takes_nothing_away_and_draws_nothing():
    """A look at the first samples changes neither the epoch nor the random numbers."""
    x = {"a": np.arange(5.0), "b": np.ones((5, 2), dtype="float32")}
    source = source_of(x, np.arange(5), batch_size=2, shuffle=True)
    torch.manual_seed(0)

    first = source.peek()

    assert first.x["a"].tolist() == first.y.tolist() == [0, 1]
    assert (first.weight, first.size) == (None, 2)
    torch.manual_seed(0)
    without = [
        batch.y.tolist()
        for batch in source_of(x, np.arange(5), batch_size=2, shuffle=True).batches()
    ]
    torch.manual_seed(0)
    assert [batch.y.tolist() for batch in source.batches()] == without


def test_arrays_never_end():
    """The rest of the Source protocol is silent."""
    source = source_of(np.arange(5.0))
    list(source.batches())
    source.epoch_ended()
    source.warn_ended()

    assert not source.exhausted


def test_the_random_numbers_before_a_batch_that_failed():
    """Those from before the order of a pass was drawn, where none of it is done."""
    randomness = Randomness()
    source = source_of(np.arange(7.0), batch_size=3, shuffle=True)
    source.watch(randomness)
    before = randomness.state()
    batches = source.batches()
    torch.rand(1)
    now = randomness.state()

    assert same_trees(source.random_before(0), before)
    next(iter(batches))
    assert same_trees(source.random_before(1), now)
