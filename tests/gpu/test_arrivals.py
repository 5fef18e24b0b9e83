"""Values of batches that come from a GPU many at a time."""

import threading

import pytest
import torch

from backbeat.hooks import Waits
from backbeat.training.arrivals import putting_off
from backbeat.training.target import Values
from backbeat.training.values import counted

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]


def noted(count):
    """The values of `count` batches, put off, a way to read them, and the waits it counts."""
    waits = Waits()

    def run(batch):
        return Values(loss=torch.tensor(batch / 8, device="cuda"), text="a", number=2.0)

    train = putting_off(run, torch.device("cuda"))
    return [train(batch) for batch in range(count)], counted(waits), waits


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("count", [1, 127, 128, 129, 1000])
def test_each_value_is_its_own(count, backwards):
    """In whatever order they are read."""
    values, *_ = noted(count)
    order = reversed(range(count)) if backwards else range(count)

    assert all(float(values[index]["loss"]) == index / 8 for index in order)


def test_only_what_is_not_on_its_way_is_waited_for():
    """44 of 300 have not been sent."""
    values, read, waits = noted(300)
    losses = [each["loss"] for each in values]
    assert read(losses[:256]) == [index / 8 for index in range(256)]
    assert waits == {}

    assert read(losses[-1:]) == [299 / 8]
    assert read(losses) == [index / 8 for index in range(300)]
    assert sum(waits.values()) == 1


def test_reading_twice_waits_once():
    (values,), read, waits = noted(1)
    assert read([values["loss"]]) == read([values["loss"]]) == [0]

    assert sum(waits.values()) == 1


def test_what_is_on_the_host_is_left_alone():
    values, *_ = noted(1)

    assert (values[0]["text"], values[0]["number"]) == ("a", 2.0)


def test_a_thread_that_writes_may_read_them():
    values, *_ = noted(50)
    found = []
    thread = threading.Thread(target=lambda: found.extend(float(v["loss"]) for v in values))
    thread.start()
    thread.join()

    assert found == [index / 8 for index in range(50)]
