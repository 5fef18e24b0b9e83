"""Metrics that are put off give what they would have given at once, whoever reads when."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from backbeat import Sequential
from backbeat.callbacks import Callback, LambdaCallback
from backbeat.errors import DataError
from backbeat.hooks import Later
from backbeat.layers import Dense
from backbeat.metrics import BatchMetric, get
from backbeat.training.deferred import Deferred

SAMPLES, BATCH = 1000, 8


def accuracy(*, copies: bool = False) -> Deferred:
    metric = get("sparse_categorical_accuracy")
    assert isinstance(metric, BatchMetric)
    assert metric.means is not None
    deferred = Deferred(metric, metric.means, copies=copies)
    deferred.reset(lasting=True)
    return deferred


def batch(size: int = 8) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randint(0, 3, (size,)), torch.rand(size, 3)


def at_once(y: torch.Tensor, output: torch.Tensor) -> float:
    return float(get("sparse_categorical_accuracy").update(y, output))


def test_values_are_those_measured_at_once() -> None:
    """Over more batches than are kept, of several shapes, to the last bit."""
    deferred, batches = accuracy(), [batch(size) for size in [8] * 40 + [3] * 40 + [8] * 5]
    values = [deferred.measure(*each, None) for each in batches]

    assert [type(value) for value in values[:3]] == [float, Later, Later]
    assert [float(value) for value in values] == [at_once(*each) for each in batches]


def test_readers_in_any_order_see_the_same() -> None:
    """Also while further batches come."""
    deferred, batches = accuracy(), [batch() for _ in range(20)]
    values: list[Any] = []
    for number, each in enumerate(batches):
        values.append(deferred.measure(*each, None))
        if number % 7 == 6:
            assert float(values[number - 3]) == at_once(*batches[number - 3])

    assert [float(value) for value in reversed(values)] == [at_once(*b) for b in reversed(batches)]


def test_values_of_the_epoch_before_stay_readable() -> None:
    """Though the next epoch uses the same memory, and batches with weights come in between."""
    deferred, batches = accuracy(), [batch() for _ in range(30)]
    values: list[Any] = []
    for number, each in enumerate(batches):
        if number % 10 == 9:
            deferred.reset(lasting=True)
        values.append(deferred.measure(*each, None))
        if number % 10 == 4:
            deferred.measure(*batch(), torch.ones(8))

    assert sum(isinstance(value, Later) for value in values) > 20
    assert [float(value) for value in values] == [at_once(*each) for each in batches]


def test_threads_may_read_while_training_goes_on() -> None:
    """As the one that writes event files does."""
    deferred, batches = accuracy(), [batch() for _ in range(400)]
    values: list[Any] = []
    read: list[float] = []

    def reader() -> None:
        while len(read) < len(batches):
            if len(values) > len(read):
                read.append(float(values[len(read)]))

    thread = threading.Thread(target=reader)
    thread.start()
    values.extend(deferred.measure(*each, None) for each in batches)
    thread.join()

    assert read == [at_once(*each) for each in batches]


@pytest.mark.parametrize("size", [1, 5000], ids=["weighted", "large"])
def test_what_is_weighted_or_large_is_measured_at_once(size: int) -> None:
    """There one kernel more does not matter, or the weights are not to be kept."""
    deferred = accuracy()
    weight = torch.ones(size) if size == 1 else None
    values = [deferred.measure(*batch(size), weight) for _ in range(3)]

    assert not any(isinstance(value, Later) for value in values)


def test_labels_that_somebody_changes_are_not_kept() -> None:
    """Streams may use the memory of their batches again."""
    deferred = accuracy()
    deferred.reset(lasting=False)

    assert [type(deferred.measure(*batch(), None)) for _ in range(3)] == [float] * 3


def test_outputs_that_the_model_uses_again_are_copied() -> None:
    """As those of a module that keeps a buffer."""
    deferred, kept = accuracy(copies=True), torch.rand(8, 3)
    y = torch.randint(0, 3, (8,))
    expected: list[float] = []
    values: list[Any] = []
    for _ in range(5):
        kept.copy_(torch.rand(8, 3))
        expected.append(at_once(y, kept))
        values.append(deferred.measure(y, kept, None))

    assert [float(value) for value in values] == expected


def test_a_mistake_shows_in_the_batch_that_has_it() -> None:
    """Not when the values are read."""
    deferred = accuracy()
    deferred.measure(*batch(), None)

    with pytest.raises(DataError, match="y_true has shape"):
        deferred.measure(torch.zeros(8, 3, dtype=torch.long), torch.rand(8, 3), None)


class Reused(nn.Module):
    """Gives its outputs in the same memory every time."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.memory = torch.zeros(BATCH, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        outputs = self.linear(x)
        self.memory = self.memory.detach()
        self.memory.copy_(outputs)
        return self.memory


def trained(model: Sequential, *callbacks: Callback) -> dict[str, list[float]]:
    torch.manual_seed(0)
    x, y = torch.rand(SAMPLES, 4), torch.randint(0, 3, (SAMPLES,))
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0, callbacks=list(callbacks))
    return history.history


@pytest.mark.parametrize("kind", ["dense", "reused"])
def test_fit_logs_what_it_logs_when_every_batch_is_read(kind: str) -> None:
    """The means of the epochs and the values of the batches, to the last bit."""
    torch.manual_seed(1)
    last = [Dense(3, activation="softmax", input_dim=4)] if kind == "dense" else [Reused()]
    model = Sequential(last)
    start = {name: value.clone() for name, value in model.state_dict().items()}
    unread = trained(model)
    model.load_state_dict(start)
    seen: list[float] = []

    def read_all(batch: int, logs: dict[str, float]) -> None:
        seen.append(logs["accuracy"])

    read = trained(model, LambdaCallback(on_batch_end=read_all))

    assert unread == read
    assert np.mean(seen[: SAMPLES // BATCH]) == pytest.approx(read["accuracy"][0])
    assert all(type(value) is float for value in seen)
