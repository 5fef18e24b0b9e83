"""What the body of a loop logs: plain floats for the callbacks, means for the epoch."""

import json

import numpy as np
import pytest
import torch

from backbeat.errors import BackbeatWarning, StateError
from backbeat.testing import HookRecorder
from backbeat.training import Loop
from tests.training.examples import X, Y, cut

BATCHES = cut(torch.tensor(X), torch.tensor(Y))


def linear():
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)


def test_epoch_means_are_weighted_by_the_size_given():
    """What `size` says is what the mean weighs by."""
    with Loop(linear()) as loop:
        for _ in loop.epochs():
            for index in loop.batches(range(3)):
                loop.log_batch(loss=float(index), size=index + 1)

    assert loop.history["loss"] == [pytest.approx((0 * 1 + 1 * 2 + 2 * 3) / 6)]


def test_values_may_be_anything_that_is_a_number():
    """Tensors with a gradient, NumPy numbers, ints: plain floats in the logs."""
    recorder = HookRecorder("on_batch_end")
    values = {
        "loss": torch.tensor(0.5, requires_grad=True) * 1,
        "half": torch.tensor([0.5], dtype=torch.bfloat16),
        "numpy": np.float32(2),
        "whole": 3,
    }
    with Loop(linear(), callbacks=recorder) as loop:
        for _ in loop.epochs():
            for _ in loop.batches([0]):
                loop.log_batch(**values)
    logs = recorder.calls[0][-1]

    assert {name: logs[name] for name in values} == {
        "loss": 0.5,
        "half": 0.5,
        "numpy": 2.0,
        "whole": 3.0,
    }
    assert all(type(logs[name]) is float for name in values)
    history = loop.history.history
    assert history == {"loss": [0.5], "half": [0.5], "numpy": [2.0], "whole": [3.0]}
    assert json.dumps(history)


def test_log_batch_outside_of_a_batch():
    """The wrong moment is named."""
    message = "log_batch was called outside of a batch of loop.batches(...)."
    with Loop(linear()) as loop:
        with pytest.raises(StateError) as caught:
            loop.log_batch(loss=1.0)

        assert str(caught.value) == message
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                pass
            with pytest.raises(StateError) as caught:
                loop.log_batch(loss=1.0)

            assert str(caught.value) == message


class Away(float):
    """A number that is on another device, so that nobody looks at it in its batch."""

    device = "elsewhere"


def test_nan_on_a_device_is_told_at_the_end_of_the_epoch():
    """Once; the means are read then anyway."""
    losses = {0: 1.0, 1: float("nan"), 2: float("nan")}
    with (
        pytest.warns(BackbeatWarning) as told,
        Loop(linear(), epochs=3) as loop,
    ):
        for epoch in loop.epochs():
            for _ in loop.batches(range(2)):
                loop.log_batch(loss=Away(losses[epoch]))

    assert [str(each.message) for each in told] == [
        "The loss of epoch 1 is nan. Training goes on; TerminateOnNaN() among the callbacks would "
        "end it here."
    ]


def test_nan_is_told_once():
    """The first non-finite loss of an own loop is one warning."""
    with pytest.warns(BackbeatWarning) as told, Loop(linear(), epochs=2) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(loss=float("nan"))

    assert len(told) == 1
    assert str(told[0].message).startswith("The loss of batch 0 in epoch 0 is nan. ")


def test_arrays_are_logged_as_tensors_are():
    """An array of one number is that number; a longer one is kept, and has no mean."""
    with Loop(linear()) as loop:
        for _ in loop.epochs():
            for _ in loop.batches(BATCHES):
                loop.log_batch(one=np.ones(1), several=np.ones(2), tensor=torch.ones(2))

    assert loop.history.history == {"one": [1.0]}
