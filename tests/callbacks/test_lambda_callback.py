from __future__ import annotations

import inspect
from typing import Any

import pytest

from backbeat.callbacks import CallbackList, LambdaCallback
from backbeat.errors import ArgumentTypeError
from backbeat.hooks.moments import MOMENTS
from backbeat.testing import play


def test_calls_by_position() -> None:
    """The functions may name their parameters as they like."""
    said: list[Any] = []
    callback = LambdaCallback(
        on_epoch_begin=lambda e, whatever: said.append(("begin", e)),
        on_epoch_end=lambda e, whatever: said.append(("end", e, whatever["loss"])),
        on_batch_begin=lambda b, whatever: said.append(("batch", b)),
        on_batch_end=lambda b, whatever: said.append(("batch end", b, whatever["loss"])),
        on_train_begin=lambda whatever: said.append("train"),
        on_train_end=lambda whatever: said.append("train end"),
        close=lambda: said.append("close"),
    )
    play(callback, [{"loss": 0.5}], batches=[{"loss": 1.0}])

    assert said == [
        "train",
        ("begin", 0),
        ("batch", 0),
        ("batch end", 0, 1.0),
        ("end", 0, 0.5),
        "train end",
        "close",
    ]


def test_every_hook_has_its_keyword() -> None:
    """Whatever moment there is can be answered."""
    assert set(inspect.signature(LambdaCallback).parameters) == set(MOMENTS)


def test_only_what_was_given_is_answered() -> None:
    """The moments nobody asked for cost nothing."""
    hooks = CallbackList([LambdaCallback(on_test_begin=print)])

    assert [moment for moment in MOMENTS if hooks.answers(moment)] == ["on_test_begin"]


def test_both_names_of_a_batch_hook() -> None:
    """Each is called once per batch, the train name first."""
    said: list[str] = []
    callback = LambdaCallback(
        on_batch_end=lambda b, logs: said.append("batch"),
        on_train_batch_end=lambda b, logs: said.append("train batch"),
    )
    CallbackList([callback]).on_train_batch_end(0, {})

    assert said == ["train batch", "batch"]


def test_on_exception_and_close() -> None:
    """The two moments of an ending that is not normal."""
    said: list[Any] = []
    callback = LambdaCallback(
        on_train_end=lambda logs: said.append("end"),
        on_exception=said.append,
        close=lambda: said.append("close"),
    )
    error = RuntimeError("boom")
    play(callback, [{}], error=error)

    assert said == [error, "close"]


def test_something_that_cannot_be_called_is_refused() -> None:
    """When it is made, not at the end of the first epoch."""
    with pytest.raises(ArgumentTypeError) as caught:
        LambdaCallback(on_epoch_end="print")  # type: ignore[arg-type]

    assert str(caught.value) == "LambdaCallback: on_epoch_end is a function; got 'print' (str)."
