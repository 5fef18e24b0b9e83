from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import Callback, EarlyStopping
from backbeat.errors import ArgumentTypeError, BackbeatWarning
from backbeat.testing import FakeHost, play


class Trainer(Callback):
    """Sets the weight to the index of the epoch, as if it had been trained."""

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self.model.weights["w"] = np.array(epoch)


def run(stopping: EarlyStopping, values: list[float], **options: Any) -> FakeHost:
    epochs = [{stopping.monitor: value} for value in values]
    return play([Trainer(), stopping], epochs, **options)


def test_says_why_it_stopped() -> None:
    """Who, how long it waited, and what the best was."""
    host = run(EarlyStopping(patience=2), [1, 0.5, 0.6, 0.7, 0.8])

    assert host.stopped_by == "EarlyStopping"
    assert host.stop_reason == (
        "val_loss did not improve for 2 epochs; the best was 0.5 in epoch 2"
    )


def test_prints_what_the_seed_prints(capsys: pytest.CaptureFixture[str]) -> None:
    """verbose=1: the restoring, and at the end of training the epoch that stopped it."""
    run(EarlyStopping(patience=1, verbose=1, restore_best_weights=True), [1, 2, 3])

    assert capsys.readouterr().out == (
        "Restoring model weights from the end of the best epoch\nEpoch 00002: early stopping\n"
    )


def test_a_stop_after_the_first_epoch_is_said_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Epoch 0 is an epoch like any other."""
    run(EarlyStopping(baseline=0.5, verbose=1), [1, 2])

    assert capsys.readouterr().out == "Epoch 00001: early stopping\n"


def test_a_natural_end_is_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing stopped early, nothing is said."""
    stopping = EarlyStopping(patience=5, verbose=1)
    run(stopping, [1, 2])

    assert capsys.readouterr().out == ""
    assert stopping.stopped_epoch == 0


def test_the_better_direction_is_asked_of_the_metric() -> None:
    """The model knows that its score should grow."""
    host = FakeHost(directions={"score": "max"})
    stopping = EarlyStopping("score", patience=2)
    run(stopping, [1, 2, 1, 1], host=host)

    assert stopping.best == 2
    assert stopping.monitor_op is np.greater


@pytest.mark.parametrize(
    ("monitor", "mode", "operator"),
    [
        ("val_loss", "auto", np.less),
        ("val_acc", "auto", np.greater),
        ("val_loss", "max", np.greater),
        ("acc", "min", np.less),
    ],
)
def test_monitor_op(monitor: str, mode: str, operator: Any) -> None:
    """NumPy's comparison is there from the beginning."""
    assert EarlyStopping(monitor, mode=mode).monitor_op is operator


def test_restores_at_once_when_it_stops() -> None:
    """Callbacks that come later in the same epoch see the best weights already."""
    seen: list[float] = []

    class Later(Callback):
        phase = "record"

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            seen.append(float(self.model.weights["w"]))

    stopping = EarlyStopping(patience=1, restore_best_weights=True)
    play([Trainer(), Later(), stopping], [{"val_loss": v} for v in (1, 0.5, 0.6)])

    assert seen == [0, 1, 1]


def test_restores_at_the_end_when_somebody_else_stops() -> None:
    """Another's stop is no reason to lose the best weights."""

    class Impatient(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 2

    stopping = EarlyStopping(patience=9, restore_best_weights=True)
    host = play([Trainer(), Impatient(), stopping], [{"val_loss": v} for v in (1, 0.5, 0.6, 0.1)])

    assert host.weights["w"] == 1
    assert len(host.restored) == 1


def test_an_error_leaves_the_weights_alone() -> None:
    """The best are kept on the object for whoever wants them."""
    stopping = EarlyStopping(patience=9, restore_best_weights=True)
    host = run(stopping, [1, 0.5, 0.6], error=RuntimeError("boom"))

    assert host.weights["w"] == 2
    assert stopping.best_weights is not None
    assert stopping.best_weights.arrays() == {"w": 1}
    assert stopping.best_epoch == 1


def test_restores_the_best_whatever_min_delta_says() -> None:
    """min_delta decides when to stop, not which epoch had the best value."""
    stopping = EarlyStopping(min_delta=0.5, patience=2, restore_best_weights=True)
    host = run(stopping, [1, 0.9, 0.8, 0.7])

    assert stopping.best == 1
    assert host.weights["w"] == 2


def test_nothing_is_kept_unless_it_is_wanted() -> None:
    """Without restore_best_weights no weights are copied."""
    stopping = EarlyStopping(patience=1)
    run(stopping, [1, 0.5, 0.6])

    assert stopping.best_weights is None
    assert stopping.best_epoch == 1


def test_a_second_run_knows_nothing_of_the_first() -> None:
    """Neither its best value nor its best weights."""
    stopping = EarlyStopping(patience=1, restore_best_weights=True)
    run(stopping, [0.1, 0.2])
    with pytest.warns(BackbeatWarning, match="restored no weights"):
        host = run(stopping, [math.nan, math.nan])

    assert host.restored == []
    assert stopping.best == math.inf


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_never_becomes_the_best(value: float) -> None:
    """Not even minus infinity where less is better."""
    stopping = EarlyStopping(patience=9)
    run(stopping, [value, 0.5, value])

    assert stopping.best == 0.5


def test_epochs_without_a_measurement_do_not_count() -> None:
    """With validation every other epoch, patience counts validated epochs."""
    stopping = EarlyStopping(patience=2)
    epochs = [{"val_loss": 1.0}, {"loss": 1.0}, {"val_loss": 1.0}, {"loss": 1.0}, {"val_loss": 1.0}]
    host = play(stopping, [*epochs, {"loss": 1.0}])

    assert host.stop_training
    assert stopping.stopped_epoch == 4


def test_needs_no_more_than_weights_and_a_flag() -> None:
    """A bare object with get_weights, set_weights and stop_training is a model too."""

    class Bare:
        stop_training = False

        def __init__(self) -> None:
            self.weights = [0]

        def get_weights(self) -> list[int]:
            return list(self.weights)

        def set_weights(self, weights: list[int]) -> None:
            self.weights = weights

    model, stopping = Bare(), EarlyStopping(patience=1, restore_best_weights=True)
    stopping.model = model
    for epoch, value in enumerate([1, 0.5, 0.6]):
        model.weights = [epoch]
        stopping.on_epoch_end(epoch, {"val_loss": value})

    assert model.stop_training
    assert model.weights == [1]


def test_goes_on_where_it_was() -> None:
    """A run that is resumed waits no longer than one that was not interrupted."""
    first = EarlyStopping(patience=3)
    run(first, [1, 0.5, 0.6, 0.7])
    second, host = EarlyStopping(patience=3), FakeHost()
    second.set_model(host)
    second.on_train_begin()
    second.load_state_dict(first.state_dict())
    second.on_epoch_end(4, {"val_loss": 0.8})

    assert host.stop_training
    assert (second.wait, second.best, second.best_epoch) == (3, 0.5, 1)


def test_a_value_that_is_no_number_teaches() -> None:
    """What it is, and what to do."""
    with pytest.raises(ArgumentTypeError) as caught:
        play(EarlyStopping(), [{"val_loss": [1, 2]}])

    assert str(caught.value) == (
        "EarlyStopping watches 'val_loss', which is not one number but [1, 2] (list). "
        "Log a number under this name, or watch another one."
    )


def test_get_monitor_value_can_be_overridden() -> None:
    """As in the seed's system, a subclass may compute what is watched."""

    class Sum(EarlyStopping):
        def get_monitor_value(self, logs: dict[str, Any] | None) -> float | None:
            return sum((logs or {}).values())

    stopping = Sum(patience=1)
    play(stopping, [{"a": 1.0, "b": 2.0}, {"a": 2.0, "b": 2.0}])

    assert stopping.best == 3.0
    assert stopping.stopped_epoch == 1


def test_the_best_weights_travel_in_a_pickle() -> None:
    """A search that runs elsewhere brings them home."""
    stopping = EarlyStopping(patience=1, restore_best_weights=True)
    run(stopping, [1, 0.5, 0.6])
    twin = pickle.loads(pickle.dumps(stopping))

    assert twin.best_weights.arrays() == {"w": 1}
