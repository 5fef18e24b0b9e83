"""Metric objects can be asked how far they have counted, and go on from there."""

import numpy as np
import pytest
import torch

from backbeat.metrics import load_counts, read_counts


class Plain:
    def __init__(self):
        self.hits, self.seen, self.each, self.function = torch.zeros(2), 0, [1.0], len


class LikeTorchmetrics:
    def __init__(self):
        self._defaults, self._update_count = {"total": torch.zeros(())}, 0
        self.total = torch.zeros(())


class Variable:
    def __init__(self, value):
        self.value = np.array(value)

    def numpy(self):
        return self.value

    def assign(self, value):
        self.value = np.array(value)


class LikeKeras:
    def __init__(self):
        self.variables = [Variable(0.0), Variable([0.0, 0.0])]


def test_a_plain_object():
    """Everything in it that is plain is its state; what is not is left alone."""
    metric, again = Plain(), Plain()
    metric.hits, metric.seen, metric.each = torch.ones(2), 3, [1.0, 2.0]
    load_counts(again, read_counts(metric))

    assert (again.hits.tolist(), again.seen, again.each) == ([1.0, 1.0], 3, [1.0, 2.0])
    assert "function" not in read_counts(metric)["attributes"]


def test_one_of_torchmetrics():
    """Its states are named in it, and how often it was updated counts too."""
    metric, again = LikeTorchmetrics(), LikeTorchmetrics()
    metric.total, metric._update_count = torch.tensor(4.0), 2
    load_counts(again, read_counts(metric))

    assert (again.total.item(), again._update_count) == (4.0, 2)


def test_one_of_keras():
    """Its variables are its state."""
    metric, again = LikeKeras(), LikeKeras()
    metric.variables[1].assign([2.0, 3.0])
    load_counts(again, read_counts(metric))

    assert again.variables[1].numpy().tolist() == [2.0, 3.0]


@pytest.mark.parametrize("attributes", [{}, {"function": len}])
def test_what_shows_nothing_has_no_state(attributes):
    """None says that it cannot be gone on with."""
    metric = type("Hidden", (), {})()
    vars(metric).update(attributes)

    assert read_counts(metric) is None
