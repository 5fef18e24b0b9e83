from __future__ import annotations

import time

import pytest

from backbeat.callbacks._triggers import Triggers
from backbeat.errors import ArgumentError


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        (3, [3, 6, 9]),
        ("3 steps", [3, 6, 9]),
        ("4 batches", [4, 8]),
        ("25 samples", [3, 5, 8, 10]),
        (["5 steps", "40 samples"], [4, 5, 8, 10]),
    ],
)
def test_steps_and_samples(every: object, expected: list[int]) -> None:
    """Batches of ten; what is too much counts for the next interval."""
    triggers = Triggers("Any", every)

    assert [step for step in range(1, 11) if triggers.batch_ended(10)] == expected
    assert triggers.hear_batches


@pytest.mark.parametrize(
    ("every", "seconds"), [("90 s", 90), ("1.5min", 90), ("2 h", 7200), ("minute", 60)]
)
def test_time(monkeypatch: pytest.MonkeyPatch, every: str, seconds: float) -> None:
    """By the clock that never jumps; a long pause makes one save due, not several."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    triggers = Triggers("Any", every)
    triggers.begin()
    due: list[bool] = []
    for passed in (seconds - 1, 0.5, 0.5, 0.0, 5 * seconds, 0.0, seconds):
        now[0] += passed
        due.append(triggers.batch_ended(1))

    assert due == [False, False, True, False, True, False, True]


@pytest.mark.parametrize(
    ("every", "first", "expected"),
    [("epoch", 0, [0, 1, 2, 3]), ("2 epochs", 0, [1, 3]), ("2 epochs", 1, [2, 4])],
)
def test_epochs(every: str, first: int, expected: list[int]) -> None:
    """Counted from the first one."""
    triggers = Triggers("Any", every)
    epochs = range(first, first + 4)

    assert [epoch for epoch in epochs if triggers.epoch_ended(epoch, first)] == expected
    assert not triggers.hear_batches


def test_going_on() -> None:
    """The counts go on where they were; those of other intervals do not."""
    before, after, other = (Triggers("Any", each) for each in (5, 5, ["5 steps", "epoch"]))
    for _ in range(3):
        before.batch_ended(1)
    after.load_state(before.state())
    other.load_state(before.state())

    assert [after.batch_ended(1) for _ in range(2)] == [False, True]
    assert [other.batch_ended(1) for _ in range(5)] == [False, False, False, False, True]


@pytest.mark.parametrize(
    "every", [0, -1, 2.5, True, "", "fortnight", "0 steps", "1.5 epochs", "-3 s", [], [[1]], None]
)
def test_what_is_no_interval(every: object) -> None:
    """The error says what may stand there."""
    with pytest.raises(ArgumentError, match="every is"):
        Triggers("Any", every)
