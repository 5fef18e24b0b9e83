from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.callbacks import History, TerminateOnNaN
from backbeat.testing import FakeHost, HookRecorder, play


@pytest.mark.parametrize(
    "loss",
    [math.nan, math.inf, -math.inf, np.float32("nan"), np.array(math.inf), torch.tensor(math.nan)],
)
def test_stops_at_the_first_invalid_loss(loss: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """No later batch runs, the epoch ends, no further epoch begins; it says which batch it was."""
    recorder = HookRecorder("on_train_batch_end", "on_epoch_end", "on_train_end")
    batches = [{"loss": 1.0}, {"loss": 0.5}, {"loss": 0.5}, {"loss": loss}, {"loss": 1.0}]
    host = play([TerminateOnNaN(), recorder], [{}, {}], batches=batches)

    assert recorder.hooks == ["on_train_batch_end"] * 4 + ["on_epoch_end", "on_train_end"]
    assert capsys.readouterr().out == "Batch 3: Invalid loss, terminating training\n"
    assert host.stopped_by == "TerminateOnNaN"
    assert host.stop_reason == f"the loss of batch 3 is {float(loss)}"


@pytest.mark.parametrize("logs", [{}, {"loss": 1}, {"loss": "text"}, {"acc": math.nan}])
def test_only_the_loss_counts(logs: dict[str, Any]) -> None:
    """Other values, and losses that are no numbers, stop nothing."""
    host = play([TerminateOnNaN(), History()], [{}], batches=[logs])

    assert not host.stop_training


def test_used_bare(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a model it still says what it saw; with a bare one it sets stop_training."""

    class Bare:
        stop_training = False

    callback = TerminateOnNaN()
    callback.on_batch_end(7, {"loss": math.nan})
    callback.set_model(Bare())
    callback.on_train_batch_end(8, {"loss": math.nan})

    assert callback.model.stop_training
    assert capsys.readouterr().out.count("Invalid loss") == 2


def test_a_host_is_asked_once() -> None:
    """The first reason is the one that is kept."""
    host = FakeHost()
    callback = TerminateOnNaN()
    callback.set_model(host)
    callback.on_batch_end(1, {"loss": math.nan})
    callback.on_batch_end(2, {"loss": math.inf})

    assert host.stop_reason == "the loss of batch 1 is nan"
