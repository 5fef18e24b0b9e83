"""Golden vectors A.1: what Keras 2.3.1 does epoch by epoch, with the two exceptions of the design.

The exceptions: `set_weights(None)` is never called, and a natural end restores the best weights.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import EarlyStopping
from backbeat.errors import BackbeatWarning
from backbeat.testing import FakeHost

INF = math.inf
NAN = math.nan

# values, arguments, (wait, best) after each epoch, index of the epoch that stops
VECTORS = [
    ([1, 1, 1], {"patience": 0}, [(0, 1), (1, 1)], 1),
    ([1, 1, 1], {"patience": 1}, [(0, 1), (1, 1)], 1),
    ([1, 1, 1, 1], {"patience": 2}, [(0, 1), (1, 1), (2, 1)], 2),
    ([1, 0.95, 0.9, 0.85], {"patience": 2, "min_delta": 0.1}, [(0, 1), (1, 1), (2, 1)], 2),
    (
        [1, 1.05, 1.2],
        {"patience": 1, "min_delta": -0.1},
        [(0, 1), (0, 1.05), (1, 1.05)],
        2,
    ),
    ([0.5, 0.5, 0.5], {"patience": 2, "baseline": 0.5}, [(1, 0.5), (2, 0.5)], 1),
    ([1, 1, 1, 1], {"patience": 1, "baseline": 0.5}, [(1, 0.5)], 0),
    ([1, 0.9, 0.8, 0.7], {"patience": 2, "baseline": 0.5}, [(1, 0.5), (2, 0.5)], 1),
    ([NAN, NAN, NAN], {"patience": 1}, [(1, INF)], 0),
    ([NAN, 0.5, 0.4], {"patience": 5}, [(1, INF), (0, 0.5), (0, 0.4)], None),
    (
        [1, 0.5, 0.6, 0.7],
        {"patience": 2},
        [(0, 1), (0, 0.5), (1, 0.5), (2, 0.5)],
        3,
    ),
    ([1, 0.5, 0.6], {"patience": 5}, [(0, 1), (0, 0.5), (1, 0.5)], None),
    (
        [1, 1, 1, 1],
        {"patience": 1, "start_from_epoch": 2},
        [(0, INF), (0, INF), (0, 1), (1, 1)],
        3,
    ),
]


def drive(values: list[float], **arguments: Any) -> tuple[list[tuple[int, float]], FakeHost]:
    """(wait, best) after each epoch until it stops, and the host; epoch i sets the weight to i."""
    stopping, host = EarlyStopping(**arguments), FakeHost()
    stopping.set_model(host)
    stopping.on_train_begin()
    states = []
    for epoch, value in enumerate(values):
        host.weights["w"] = np.array(epoch)
        stopping.on_epoch_end(epoch, {"val_loss": value})
        states.append((stopping.wait, stopping.best))
        if host.stop_training:
            break
    stopping.on_train_end()
    return states, host


@pytest.mark.parametrize(("values", "arguments", "states", "stop"), VECTORS)
@pytest.mark.parametrize("restore", [False, True])
def test_wait_and_best_after_each_epoch(
    values: list[float], arguments: dict[str, Any], states: Any, stop: int | None, restore: bool
) -> None:
    """Waiting, the best value and the epoch of the stop are those of the seed's system."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BackbeatWarning)  # nothing to restore: said elsewhere
        seen, host = drive(values, restore_best_weights=restore, **arguments)

    assert seen == states
    assert host.stop_training is (stop is not None)
    if stop is not None:
        assert len(seen) == stop + 1


@pytest.mark.parametrize(
    ("values", "arguments", "best_epoch"),
    [
        ([1, 1, 1, 1], {"patience": 1, "baseline": 0.5}, 0),
        ([1, 0.9, 0.8, 0.7], {"patience": 2, "baseline": 0.5}, 1),
        ([1, 0.5, 0.6, 0.7], {"patience": 2}, 1),
        ([1, 0.5, 0.6], {"patience": 5}, 1),
        ([NAN, 0.5, 0.4, NAN], {"patience": 5}, 2),
    ],
)
def test_the_weights_of_the_best_epoch_come_back(
    values: list[float], arguments: dict[str, Any], best_epoch: int
) -> None:
    """The best finite epoch is restored, after an own stop and after a natural end."""
    _, host = drive(values, restore_best_weights=True, **arguments)

    assert host.weights["w"] == best_epoch


def test_weights_are_left_alone_when_nothing_was_finite() -> None:
    """nan from the start: no restore, no crash, and a warning that says so."""
    with pytest.warns(BackbeatWarning, match="restored no weights") as caught:
        _, host = drive([NAN, NAN], patience=1, restore_best_weights=True)

    assert host.restored == []
    assert str(caught[0].message) == (
        "EarlyStopping restored no weights: val_loss was a finite number in no epoch. "
        "The weights are those of the last one."
    )


@pytest.mark.parametrize("patience", [0, 1, 2, 3])
def test_patience_counts_from_the_best_epoch(patience: int) -> None:
    """10, 9, 8 and then never better: it stops max(patience, 1) epochs after the best."""
    states, host = drive([10, 9, 8, 9, 8.9, 8.8, 8.7, 8.6], patience=patience)

    assert host.stop_training
    assert len(states) - 1 == max(patience, 1) + 2
