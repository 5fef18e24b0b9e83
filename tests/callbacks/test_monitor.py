"""The watched value: how it is found, and what is said when it does not come."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from backbeat.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau
from backbeat.callbacks._monitor import guess_direction
from backbeat.errors import BackbeatWarning, MonitorError
from backbeat.hooks import Plan
from backbeat.testing import FakeHost, play


def warned(callback: Any, epochs: Any, **options: Any) -> list[str]:
    """The texts of all warnings of a run."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        play(callback, epochs, **options)
    assert all(issubclass(each.category, BackbeatWarning) for each in caught)
    return [str(each.message) for each in caught]


def plan(*names: str, complete: bool = True) -> Plan:
    return Plan(epoch_names=frozenset(names), complete=complete)


def test_says_before_training_that_it_will_not_come() -> None:
    """One warning names what there is instead; none follows."""
    epochs = [{"loss": 1.0, "acc": 0.5}] * 3

    assert warned(EarlyStopping("val_acc"), epochs, plan=plan("loss", "acc")) == [
        (
            "EarlyStopping watches 'val_acc', but this run logs: loss, acc. "
            "Pass validation_data=... to fit, or monitor='acc'. It stops nothing."
        )
    ]


def test_names_the_nearest_name() -> None:
    """A typing error is seen at once."""
    names = ("loss", "accuracy", "val_loss", "val_accuracy")
    (text,) = warned(ReduceLROnPlateau("val_los"), [{}], plan=plan(*names))

    assert text == (
        "ReduceLROnPlateau watches 'val_los', but this run logs: loss, accuracy, val_loss, "
        "val_accuracy. Pass monitor='val_loss'. The learning rate stays as it is."
    )


def test_strict_raises_before_training() -> None:
    """No batch runs for nothing."""
    with pytest.raises(MonitorError) as caught:
        play(EarlyStopping("val_acc", strict=True), [{}], plan=plan("loss", "acc"))

    assert str(caught.value) == (
        "EarlyStopping watches 'val_acc', but this run logs: loss, acc. "
        "Pass validation_data=... to fit, or monitor='acc'."
    )


def test_what_cannot_be_known_is_said_after_the_first_epoch() -> None:
    """One warning, whatever the number of epochs."""
    epochs = [{"loss": 1.0}] * 3

    assert warned(EarlyStopping("val_loss"), epochs, plan=plan("loss", complete=False)) == [
        (
            "EarlyStopping watches 'val_loss', but this epoch logged: loss. "
            "Pass validation_data=... to fit, or monitor='loss'. It stops nothing."
        )
    ]


def test_strict_raises_after_the_first_epoch() -> None:
    """Where it could not be known earlier."""
    with pytest.raises(MonitorError, match="but this epoch logged: loss"):
        play(EarlyStopping("val_loss", strict=True), [{"loss": 1.0}])


def test_not_computed_this_epoch_is_silent() -> None:
    """With validation every second epoch nothing is missing."""
    epochs = [{"loss": 1.0}, {"loss": 1.0, "val_loss": 1.0}, {"loss": 1.0}]

    assert warned(EarlyStopping(patience=5), epochs, plan=plan("loss", "val_loss")) == []


def test_a_second_run_says_it_again() -> None:
    """Each run says once what is missing in it."""
    callback = EarlyStopping("val_loss")

    assert len(warned(callback, [{}] * 2, plan=plan("loss"))) == 1
    assert len(warned(callback, [{}] * 2, plan=plan("loss"))) == 1
    assert len(warned(callback, [{}] * 2)) == 1


@pytest.mark.parametrize(
    ("monitor", "logged"),
    [
        ("acc", "accuracy"),
        ("val_accuracy", "val_acc"),
        ("val_acc", "val_accuracy"),
        ("out_acc", "out_accuracy"),
    ],
)
def test_acc_stands_for_accuracy(monitor: str, logged: str) -> None:
    """And the other way round, where only one of them is logged; it is said once."""
    callback = EarlyStopping(monitor, patience=5)
    texts = warned(callback, [{logged: 0.5}, {logged: 0.75}], plan=plan(logged))

    assert texts == [f"EarlyStopping watches {monitor!r}; it is logged as {logged!r} here."]
    assert callback.best == 0.75


def test_the_own_name_goes_first() -> None:
    """If both are logged there is nothing to guess."""
    callback = EarlyStopping("acc", patience=5)

    assert warned(callback, [{"acc": 0.5, "accuracy": 0.75}]) == []
    assert callback.best == 0.5


def test_a_guessed_direction_is_said() -> None:
    """A name that nobody knows: the seed's rule, with one warning."""
    assert warned(EarlyStopping("val_auc", patience=5), [{"val_auc": 0.5}] * 3) == [
        (
            "EarlyStopping takes smaller values of 'val_auc' for better ones: a guess from its "
            "name. Pass mode='min' or mode='max'."
        )
    ]


@pytest.mark.parametrize("monitor", ["loss", "val_loss", "out_loss", "acc", "val_accuracy"])
def test_a_loss_and_an_accuracy_are_no_guess(monitor: str) -> None:
    """Their names say which way is better."""
    assert warned(EarlyStopping(monitor, patience=5), [{monitor: 0.5}]) == []


def test_a_metric_that_knows_its_direction_is_no_guess() -> None:
    """The host is asked first."""
    host = FakeHost(directions={"val_auc": "max"})

    assert warned(EarlyStopping("val_auc", patience=5), [{"val_auc": 0.5}], host=host) == []


def test_only_best_needs_a_monitor(tmp_path: Any) -> None:
    """A ModelCheckpoint that saves every epoch watches nothing."""
    every = ModelCheckpoint(tmp_path / "w.txt", "val_loss")
    best = ModelCheckpoint(tmp_path / "best.txt", "val_loss", save_best_only=True)

    assert warned(every, [{"loss": 1.0}], plan=plan("loss")) == []
    assert warned(best, [{"loss": 1.0}] * 2, plan=plan("loss")) == [
        (
            "ModelCheckpoint watches 'val_loss', but this run logs: loss. Pass validation_data=... "
            "to fit, or monitor='loss'. It can save best only with val_loss available, skipping."
        )
    ]
    assert not (tmp_path / "best.txt").exists()


@pytest.mark.parametrize(
    ("name", "direction"),
    [("val_acc", "max"), ("accuracy", "max"), ("fmeasure", "max"), ("val_loss", "min")],
)
def test_the_seeds_rule(name: str, direction: str) -> None:
    """`acc` anywhere in the name."""
    assert guess_direction(name) == direction
