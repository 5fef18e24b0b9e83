"""Golden vectors A.2: at which epochs ReduceLROnPlateau of Keras 2.3.1 reduces the rate."""

from __future__ import annotations

import math
from typing import Any

import pytest

from backbeat.callbacks import ReduceLROnPlateau
from backbeat.testing import FakeHost

NAN = math.nan


def rates(values: list[float], *, start: float = 1.0, **arguments: Any) -> list[float]:
    """The rate that each epoch logs, and at last the rate after the last epoch."""
    host = FakeHost(learning_rate=start)
    plateau = ReduceLROnPlateau(factor=0.1, **arguments)
    plateau.set_model(host)
    plateau.on_train_begin()
    logged = []
    for epoch, value in enumerate(values):
        logs: dict[str, Any] = {"val_loss": value}
        plateau.on_epoch_end(epoch, logs)
        logged.append(logs["lr"])
    return [*logged, host.learning_rate]


def drops(values: list[float], **arguments: Any) -> list[int]:
    """The epochs, counted from 1, at whose end the rate drops."""
    seen = rates(values, **arguments)
    return [epoch for epoch in range(1, len(seen)) if seen[epoch] < seen[epoch - 1]]


@pytest.mark.parametrize(
    ("patience", "cooldown", "values", "expected"),
    [
        (0, 0, [1] * 3, [2, 3]),
        (1, 0, [1] * 5, [2, 3, 4, 5]),
        (1, 1, [1] * 5, [2, 3, 4, 5]),
        (1, 2, [1] * 6, [2, 4, 6]),
        (2, 1, [1] * 7, [3, 5, 7]),
        (2, 2, [1] * 9, [3, 6, 9]),
        (1, 3, [1, 1, 0.5, 0.4, 0.4, 0.4, 0.4], [2, 5]),
        (2, 0, [1, NAN, NAN], [3]),
    ],
)
def test_the_rate_drops_at(
    patience: int, cooldown: int, values: list[float], expected: list[int]
) -> None:
    """Patience and cooldown, with its off-by-one, count as in the seed's system."""
    assert drops(values, patience=patience, cooldown=cooldown) == expected


def test_the_floor_is_reached_once(capsys: pytest.CaptureFixture[str]) -> None:
    """At min_lr the rate stays, and only the reduction that changed it is printed."""
    seen = rates([1] * 6, start=0.01, patience=1, min_lr=0.001, verbose=1)

    assert seen == [0.01, 0.01, 0.001, 0.001, 0.001, 0.001, 0.001]
    assert capsys.readouterr().out == (
        "\nEpoch 00002: ReduceLROnPlateau reducing learning rate to 0.001.\n"
    )
