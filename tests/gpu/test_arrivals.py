"""Values of batches that come from a GPU many at a time."""

import threading

import pytest
import torch

from backbeat.training.arrivals import putting_off
from backbeat.training.target import Values
from backbeat.training.values import fetch

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def noted(count):
    """The values of `count` batches, put off, and how often somebody had to wait."""
    waits = []

    def counting(values):
        waits.append(len(values))
        return fetch(values)

    def run(batch):
        return Values(loss=torch.tensor(batch / 8, device="cuda"), text="a", number=2.0)

    train = putting_off(run, torch.device("cuda"), counting)
    return [train(batch) for batch in range(count)], waits


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("count", [1, 127, 128, 129, 1000])
def test_each_value_is_its_own(count, backwards):
    """In whatever order they are read."""
    values, _ = noted(count)
    order = reversed(range(count)) if backwards else range(count)

    assert all(float(values[index]["loss"]) == index / 8 for index in order)


def test_only_what_is_not_on_its_way_is_waited_for():
    values, waits = noted(300)
    assert [float(each["loss"]) for each in values[:256]] == [i / 8 for i in range(256)]
    assert waits == []

    assert float(values[-1]["loss"]) == 299 / 8
    assert [float(each["loss"]) for each in values] == [i / 8 for i in range(300)]
    assert waits == [44]


def test_reading_every_batch_reads_that_batch_only():
    values, waits = noted(1)
    assert float(values[0]["loss"]) == 0
    assert float(values[0]["loss"]) == 0
    assert waits == [1]


def test_what_is_on_the_host_is_left_alone():
    values, _ = noted(1)

    assert (values[0]["text"], values[0]["number"]) == ("a", 2.0)


def test_a_thread_that_writes_may_read_them():
    """It is no wait of the training's."""
    values, waits = noted(50)
    found = []
    thread = threading.Thread(target=lambda: found.extend(float(v["loss"]) for v in values))
    thread.start()
    thread.join()

    assert found == [index / 8 for index in range(50)]
    assert waits == []
