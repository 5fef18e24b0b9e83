from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.callbacks import History, LearningRateScheduler
from backbeat.errors import ArgumentError, ArgumentTypeError
from backbeat.testing import play


def test_gets_the_epoch_and_the_rate() -> None:
    """The epoch counts from 0 and goes on from initial_epoch; the rate is the present one."""
    seen: list[tuple[int, float]] = []

    def schedule(epoch: int, rate: float) -> float:
        seen.append((epoch, rate))
        return rate / 2

    host = play(LearningRateScheduler(schedule), [{}, {}], initial_epoch=3)

    assert seen == [(3, 0.1), (4, 0.05)]
    assert host.learning_rate == 0.025


class Halve:
    def __call__(self, epoch: int) -> float:
        return 0.5


@pytest.mark.parametrize(
    "schedule",
    [
        lambda epoch: 0.5,
        lambda epoch, rate: 0.5,
        lambda *args: 0.5,
        lambda epoch, rate=None, other=None: 0.5,
        functools.partial(lambda factor, epoch: factor, 0.5),
        Halve(),
        {0: 0.5}.get,
    ],
)
def test_one_or_two_arguments(schedule: Any) -> None:
    """Whatever can be called with the epoch, or with the epoch and the rate."""
    host = play(LearningRateScheduler(schedule), [{}])

    assert host.rates == [0.1, 0.5]


def test_an_error_in_the_schedule_is_seen() -> None:
    """A TypeError from within is not taken for a wrong number of arguments."""
    calls: list[int] = []

    def schedule(epoch: int, rate: float) -> float:
        calls.append(epoch)
        return rate + "1"  # type: ignore[operator]

    with pytest.raises(TypeError, match="unsupported operand"):
        play(LearningRateScheduler(schedule), [{}])
    assert calls == [0]


@pytest.mark.parametrize("rate", [1, np.float32(1), np.float64(1), np.int64(1), Fraction(1), 1.0])
def test_any_real_number_is_a_rate(rate: Any) -> None:
    """Not only floats."""
    host = play(LearningRateScheduler(lambda epoch: rate), [{}])

    assert type(host.learning_rate) is float
    assert host.learning_rate == 1.0


def test_a_tensor_is_a_rate() -> None:
    """If it holds one number."""
    assert play(LearningRateScheduler(lambda epoch: torch.tensor(0.5)), [{}]).learning_rate == 0.5


@pytest.mark.parametrize("answer", [None, "0.1", math.nan, math.inf, -0.1, True, [0.1], 1j])
def test_anything_else_teaches(answer: Any) -> None:
    """What was returned, for which epoch, and what fits."""
    with pytest.raises(ArgumentError) as caught:
        play(LearningRateScheduler(lambda epoch: answer), [{}])

    assert str(caught.value) == (
        "LearningRateScheduler: schedule returns a learning rate, a number such as 0.01; "
        f"for epoch 0 it returned {answer!r} ({type(answer).__name__})."
    )


def test_a_schedule_of_another_shape_is_refused_at_once() -> None:
    """When the callback is made."""
    with pytest.raises(ArgumentTypeError, match=r"fits neither"):
        LearningRateScheduler(lambda: 0.1)
    with pytest.raises(ArgumentTypeError, match=r"fits neither"):
        LearningRateScheduler(lambda a, b, c: 0.1)


def test_logs_the_rate() -> None:
    """The epoch's logs hold it as lr, for whoever comes later."""
    history = History()
    play([LearningRateScheduler(lambda epoch: 0.5 / (epoch + 1)), history], [{}, {"lr": 7.0}])

    assert history["lr"] == [0.5, 7.0]


def test_prints_the_rate(capsys: pytest.CaptureFixture[str]) -> None:
    """As the seed's system does."""
    play(LearningRateScheduler(lambda epoch: 0.1, verbose=1), [{}])

    assert capsys.readouterr().out == (
        "\nEpoch 00001: LearningRateScheduler setting learning rate to 0.1.\n"
    )


def test_an_optimizer_without_a_rate_teaches() -> None:
    """A ValueError, as in the seed's system."""

    class Bare:
        optimizer = object()

    scheduler = LearningRateScheduler(lambda epoch: 0.1)
    scheduler.model = Bare()

    with pytest.raises(ValueError, match="has no attribute 'lr'"):
        scheduler.on_epoch_begin(0)
