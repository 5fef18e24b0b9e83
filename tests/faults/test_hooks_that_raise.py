"""Every hook raises, at first, in the middle and at last: training ends or goes on, by role."""

from __future__ import annotations

import warnings
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.callbacks import Callback, ModelCheckpoint
from backbeat.errors import BackbeatWarning
from backbeat.hooks.moments import MOMENTS
from backbeat.layers import Dense
from backbeat.models import Sequential

pytestmark = pytest.mark.faults

X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = X[:, :2]
NOT_RUNG_BY_FIT = {name for name in MOMENTS if "predict" in name} | {"on_exception"}
ALIASES = {"on_batch_begin", "on_batch_end"}
RUNG = [name for name in MOMENTS if name not in NOT_RUNG_BY_FIT | ALIASES]


class Witness(Callback):
    """Counts what it hears; at one of them it raises if it is told to."""

    def __init__(self, moment: str = "", at: int = 0) -> None:
        super().__init__()
        self.heard: Counter[str] = Counter()
        self.moment, self.at = moment, at
        self.error = ZeroDivisionError("mine")

    def hear(self, moment: str) -> None:
        self.heard[moment] += 1
        if moment == self.moment and self.heard[moment] == self.at:
            raise self.error


def hook(moment: str) -> Any:
    def heard(self: Witness, *arguments: Any) -> None:
        self.hear(moment)

    return heard


for name in (*RUNG, "on_exception"):
    setattr(Witness, name, hook(name))


def witness(role: str | None, moment: str, at: int) -> Witness:
    return type("Raising", (Witness,), {"role": role})(moment, at)


def new_model() -> Sequential:
    torch.manual_seed(0)
    model = Sequential([Dense(3, input_dim=4), Dense(2)])
    model.compile("adam", "mse")
    return model


def fit(model: Sequential, folder: Path, *callbacks: Any) -> Any:
    saving = ModelCheckpoint(folder / "{epoch}.safetensors")
    return model.fit(
        X,
        Y,
        batch_size=4,
        epochs=3,
        verbose=0,
        shuffle=False,
        validation_data=(X, Y),
        callbacks=[callbacks[0], saving, *callbacks[1:]],
    )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Counter[str], list[Any]]:
    heard, model = Witness(), new_model()
    fit(model, tmp_path_factory.mktemp("undisturbed"), heard)
    return heard.heard, model.get_weights()


@cache
def positions(count: int) -> list[int]:
    return sorted({1, (count + 1) // 2, count})


def test_all_of_them_are_rung(undisturbed: Any) -> None:
    """Else the others would say nothing."""
    assert {name for name in RUNG if not undisturbed[0][name]} == set()


@pytest.mark.parametrize("role", [None, "controller", "keeper"])
@pytest.mark.parametrize("moment", RUNG)
def test_a_hook_whose_error_ends_the_run(
    tmp_path: Path, undisturbed: Any, moment: str, role: str | None
) -> None:
    """The very same error is seen, with its hook; whoever was begun is told and closed, once."""
    for at in positions(undisturbed[0][moment]):
        before, after = Witness(), Witness()
        raising, model = witness(role, moment, at), new_model()
        with pytest.raises(ZeroDivisionError) as caught:
            fit(model, tmp_path, before, raising, after)

        assert caught.value is raising.error
        assert any(f"Raising.{moment}" in note for note in caught.value.__notes__)
        begun = [each for each in (before, raising, after) if each.heard["on_train_begin"]]
        assert [each.heard["close"] for each in begun] == [1] * len(begun)
        assert len(begun) == (2 if moment == "on_train_begin" else 3)
        ended = 0 if moment == "close" else 1
        assert [each.heard["on_exception"] for each in begun] == [ended] * len(begun)
        assert not model.stop_training
        model.evaluate(X, Y, verbose=0)


@pytest.mark.parametrize("moment", RUNG)
def test_a_hook_of_an_observer(tmp_path: Path, undisturbed: Any, moment: str) -> None:
    """Training goes on, the others hear everything, the weights are those of any other run."""
    counts, weights = undisturbed
    for at in positions(counts[moment]):
        before, after = Witness(), Witness()
        raising, model = witness("observer", moment, at), new_model()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            history = fit(model, tmp_path, before, raising, after)

        assert [each.category for each in caught] == [BackbeatWarning]
        assert history.troubles == [f"Raising.{moment} failed once"]
        assert before.heard == after.heard == counts
        assert raising.heard == counts
        assert all(map(np.array_equal, weights, model.get_weights()))


@pytest.mark.parametrize("role", [None, "observer", "controller", "keeper"])
@pytest.mark.parametrize("moment", ["on_exception", "close"])
def test_a_second_error_while_the_first_is_told(
    tmp_path: Path, moment: str, role: str | None
) -> None:
    """The first one is seen; everybody is told and closed all the same."""
    before, after = Witness(), Witness()
    first, second = witness(None, "on_train_batch_end", 5), witness(role, moment, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BackbeatWarning)
        with pytest.raises(ZeroDivisionError) as caught:
            fit(new_model(), tmp_path, before, second, first, after)

    assert caught.value is first.error
    for each in (before, first, second, after):
        assert (each.heard["on_exception"], each.heard["close"]) == (1, 1)
