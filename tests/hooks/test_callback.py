from __future__ import annotations

import inspect
from typing import Any

import pytest

from backbeat.hooks import Callback
from backbeat.hooks.moments import MOMENTS


def test_every_moment_is_silent() -> None:
    """The base class answers nothing and needs nothing."""
    callback = Callback()
    for moment in MOMENTS:
        hook = getattr(callback, moment)
        needed = [
            parameter
            for parameter in inspect.signature(hook).parameters.values()
            if parameter.default is parameter.empty
        ]
        assert hook(*(0 for _ in needed)) is None


def test_every_moment_says_when_it_is() -> None:
    """Each hook has a docstring."""
    assert all(getattr(Callback, moment).__doc__ for moment in MOMENTS)


def test_a_subclass_need_not_call_super() -> None:
    """The attributes of the base are there before anybody set them."""

    class Mine(Callback):
        def __init__(self) -> None:
            self.mine = 1

    callback = Mine()

    assert callback.model is None
    assert callback.validation_data is None
    assert dict(callback.params) == {}


def test_the_default_params_cannot_be_shared_by_accident() -> None:
    """Writing into them would write into those of every callback."""
    with pytest.raises(TypeError):
        Callback().params["mine"] = 1  # type: ignore[index]


@pytest.mark.parametrize("moment", ["begin", "end"])
def test_the_train_name_passes_on_to_the_older_name(moment: str) -> None:
    """By position, looked up on the instance."""
    callback, said = Callback(), []

    def older(*arguments: Any) -> None:
        said.append(arguments)

    setattr(callback, f"on_batch_{moment}", older)
    getattr(callback, f"on_train_batch_{moment}")(3, {"size": 4})

    assert said == [(3, {"size": 4})]


def test_set_params_and_set_model() -> None:
    """They set what a callback reads; the model may be assigned too."""
    callback = Callback()
    callback.set_params({"epochs": 3})
    callback.set_model("model")

    assert (callback.params, callback.model) == ({"epochs": 3}, "model")
    callback.model = "another"
    assert callback.model == "another"
