from __future__ import annotations

import warnings
from typing import Any

import pytest

from backbeat.callbacks import LambdaCallback
from backbeat.errors import ArgumentTypeError, BackbeatWarning
from backbeat.hooks import Callback, CallbackList


class Both(Callback):
    """Answers a batch by both of its names."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.said.append("train")

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self.said.append("batch")


class BothAndSuper(Both):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.said.append("train")
        Callback.on_train_batch_end(self, batch, logs)


@pytest.mark.parametrize("kind", [Both, BothAndSuper])
def test_both_names_are_heard_once_each(kind: type[Both]) -> None:
    """The train name first, whether or not it passes the moment on itself."""
    callback = kind()
    hooks = CallbackList([callback])
    hooks.on_train_batch_end(0, {})
    hooks.on_batch_end(1, {})

    assert callback.said == ["train", "batch"] * 2


def test_a_hook_hung_on_an_instance_is_heard() -> None:
    """Also under the older name, also when it is hung there before training begins."""
    callback, said = Callback(), []
    hooks = CallbackList([callback])
    callback.on_batch_end = lambda batch, logs: said.append(batch)  # type: ignore[method-assign]
    hooks.on_train_begin()
    hooks.on_train_batch_end(5, {})

    assert said == [5]


def test_wrapping_the_train_name_is_seen() -> None:
    """Somebody who replaces on_train_batch_end on the instance is called."""
    callback = Both()
    original, said = callback.on_train_batch_end, []

    def wrapped(batch: int, logs: Any = None) -> None:
        said.append(batch)
        original(batch, logs)

    callback.on_train_batch_end = wrapped  # type: ignore[method-assign]
    CallbackList([callback]).on_train_batch_end(7, {})

    assert said == [7]
    assert callback.said == ["train", "batch"]


def test_a_callback_of_no_family_is_heard() -> None:
    """An object that has hooks need not inherit anything."""

    class Duck:
        said: tuple[Any, ...] = ()

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            self.said = (epoch, logs)

    duck = Duck()
    hooks = CallbackList(duck)
    hooks.set_model("model")
    hooks.set_params({})
    hooks.on_epoch_end(2, {"loss": 1.0})

    assert duck.said == (2, {"loss": 1.0})


def test_a_misspelt_hook_is_reported() -> None:
    """At once, with the nearest real name."""

    class Typo(Callback):
        def on_epoch_ended(self, epoch: int, logs: Any = None) -> None:
            """Never called."""

    with pytest.warns(BackbeatWarning) as caught:
        CallbackList([Typo()])

    assert [str(each.message) for each in caught] == [
        "Typo.on_epoch_ended is never called: there is no such hook. Did you mean on_epoch_end?"
    ]


def test_an_attribute_that_is_no_function_is_no_hook() -> None:
    """A counter named on_something is nobody's mistake."""

    class Counting(Callback):
        on_epochs = 3

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        CallbackList([Counting()])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (Callback, "callbacks holds the class Callback, not an instance of it; write Callback"),
        ([3], "callbacks holds 3, which answers no moment of training."),
        ("history", "callbacks is 'history'; pass a callback or a list of callbacks."),
        ({"a": 1}, "callbacks is {'a': 1}; pass a callback or a list of callbacks."),
    ],
)
def test_what_is_no_callback_teaches(given: Any, message: str) -> None:
    """Before anything is trained."""
    with pytest.raises(ArgumentTypeError) as caught:
        CallbackList(given)

    assert str(caught.value).startswith(message)


class OneArgument(Callback):
    def on_epoch_end(self, epoch: int) -> None: ...  # type: ignore[override]


class Named(Callback):
    def on_batch_end(self, batch: int, *, logs: Any) -> None: ...  # type: ignore[override]


class Awaited(Callback):
    async def close(self) -> None: ...  # type: ignore[override]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        (
            OneArgument(),
            "OneArgument.on_epoch_end is called with (epoch, logs), but takes (epoch: 'int') -> "
            "'None'. Arguments come by position.",
        ),
        (
            Named(),
            "Named.on_batch_end is called with (batch, logs), but takes (batch: 'int', *, "
            "logs: 'Any') -> 'None'. Arguments come by position.",
        ),
        (Awaited(), "Awaited.close is async, but nobody awaits it; write a plain def."),
        (
            LambdaCallback(on_train_end=lambda: None),
            "LambdaCallback.on_train_end is called with (logs), but takes (). Arguments come by "
            "position.",
        ),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_hook_that_could_not_be_called(callback: Callback, message: str) -> None:
    """It is refused before training, not when its moment comes."""
    with pytest.raises(ArgumentTypeError) as caught:
        CallbackList([callback])

    assert str(caught.value) == message


def test_hooks_whose_arguments_are_not_known() -> None:
    """Whatever takes everything, or does not say what it takes, is believed."""

    class Anything:
        def on_epoch_end(self, *anything: Any) -> None: ...

        on_train_end = staticmethod(print)

    CallbackList([Anything()]).on_epoch_end(0)
