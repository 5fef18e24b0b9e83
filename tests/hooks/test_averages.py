from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from backbeat.hooks import Averages, Logs

batches = st.lists(st.tuples(st.floats(-1e6, 1e6), st.integers(1, 1000)), min_size=1, max_size=20)


@given(batches)
def test_the_mean_weighs_by_size(values: list[tuple[float, int]]) -> None:
    """It is what NumPy says."""
    means = Averages()
    for value, size in values:
        means.add({"loss": value, "size": size})
    sizes = [size for _, size in values]

    expected = np.average([value for value, _ in values], weights=sizes)
    assert means["loss"] == pytest.approx(expected, rel=1e-9, abs=1e-6)


def test_a_batch_without_a_size_counts_once() -> None:
    """As one sample."""
    means = Averages()
    means.add({"loss": 1.0})
    means.add({"loss": 2.0, "size": 3})

    assert means["loss"] == 1.75


def test_stateful_values_keep_their_last() -> None:
    """They carry their running value already."""
    means = Averages(stateful=["acc"])
    means.add({"acc": 1.0, "size": 100})
    means.add({"acc": 0.5, "size": 1})

    assert means["acc"] == 0.5


def test_only_numbers_are_averaged() -> None:
    """Not the batch's own index and size, texts, flags, lists or pictures."""
    means = Averages()
    means.add(
        {
            "batch": 1,
            "size": 2,
            "loss": np.float32(1),
            "zero_d": torch.tensor(2.0),
            "text": "a",
            "flag": True,
            "list": [1],
            "picture": np.zeros((2, 2)),
        }
    )

    assert list(means) == ["loss", "zero_d"]


def test_named_values_only() -> None:
    """Where it is known what is measured."""
    means = Averages(names=["loss"])
    means.add({"loss": 1.0, "mine": 2.0})
    means.add({"mine": 2.0})

    assert dict(means) == {"loss": 1.0}


def test_a_weight_of_its_own() -> None:
    """Weighted metrics count by the sum of their weights; nothing weighed is nan."""
    means = Averages()
    for value, weight in ((1.0, 0.5), (3.0, 1.5)):
        logs = Logs({"size": 4, "acc": value, "loss": value})
        logs.weights = {"acc": weight}
        means.add(logs)

    assert means["acc"] == 2.5
    assert means["loss"] == 2.0
    empty, logs = Averages(), Logs({"acc": 1.0})
    logs.weights = {"acc": 0.0}
    empty.add(logs)
    assert math.isnan(empty["acc"])


@pytest.mark.parametrize("value", [float, torch.tensor], ids=["float", "tensor"])
@pytest.mark.parametrize("empty", [0, 1], ids=["first", "later"])
def test_a_weight_of_nothing_on_a_device(value: Any, empty: int) -> None:
    """There nobody looks whether it is 0; the nan of that batch spoils nothing."""
    batches = [(0.25, 2.0), (0.75, 6.0)]
    batches.insert(empty, (math.nan, 0.0))
    means = Averages()
    for each, weight in batches:
        logs = Logs({"size": 4, "acc": value(each)})
        logs.weights = {"acc": torch.tensor(weight)}
        means.add(logs)

    assert float(means["acc"]) == 0.625


def test_tensors_are_read_once() -> None:
    """Sums stay where their parts are; one transfer brings all means."""
    reads: list[int] = []

    def fetch(values: list[Any]) -> list[float]:
        reads.append(len(values))
        return [float(value) for value in values]

    means = Averages(fetch=fetch)
    for value in (1.0, 2.0):
        logs = Logs({"size": 1}, fetch=fetch)
        logs.add_late({"loss": torch.tensor(value), "acc": torch.tensor(value)})
        means.add(logs)

    assert reads == []
    assert isinstance(means["loss"], torch.Tensor)
    assert means.read() == {"loss": 1.5, "acc": 1.5}
    assert reads == [2]


def test_a_tensor_that_was_added_is_not_changed() -> None:
    """The sums are their own."""
    value = torch.tensor(1.0)
    means = Averages()
    means.add({"loss": value, "size": 1})
    means.add({"loss": value, "size": 1})

    assert value.item() == 1.0


def test_names_keep_the_order_of_the_first_batch() -> None:
    """Whether a value is put down or taken in at once."""
    means = Averages()
    means.add({"loss": 1.0, "error": np.float32(2.0)})
    means.add({"loss": np.float32(3.0), "error": 4.0})

    assert list(means.read().items()) == [("loss", 2.0), ("error", 3.0)]


def test_reset() -> None:
    """A new epoch begins."""
    means = Averages()
    means.add({"loss": 1.0})
    means.reset()

    assert len(means) == 0
    assert means.read() == {}
