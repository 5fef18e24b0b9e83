from __future__ import annotations

from typing import Any

import pytest

from backbeat.errors import ArgumentError
from backbeat.hooks import Capturable, as_host
from backbeat.hooks.host import is_overridden
from backbeat.testing import FakeHost


class Optimizer:
    lr = 0.5


class Bare:
    """A model that knows nothing of hosts."""

    def __init__(self) -> None:
        self.optimizer: Any = Optimizer()
        self.weights = [1, 2]
        self.saved: list[tuple[str, Any]] = []

    def get_weights(self) -> list[int]:
        return list(self.weights)

    def set_weights(self, weights: list[int]) -> None:
        self.weights = list(weights)

    def save(self, path: Any) -> None:
        self.saved.append(("save", path))

    def save_weights(self, path: Any) -> None:
        self.saved.append(("save_weights", path))


def test_a_host_is_itself() -> None:
    """Nothing is put around what offers everything."""
    host = FakeHost()

    assert as_host(host) is host


def test_a_bare_model_is_understood() -> None:
    """Stop, rate, weights and saving, through what it has."""
    model = Bare()
    host = as_host(model)
    assert not host.stop_training
    host.stop("enough", by="me")
    host.learning_rate = 0.25
    before = host.snapshot()
    model.weights = [7, 8]
    host.restore(before)
    host.save("a")
    host.save_weights("b")

    assert host.stop_training
    assert model.stop_training  # type: ignore[attr-defined]
    assert (model.optimizer.lr, host.learning_rate) == (0.25, 0.25)
    assert model.weights == [1, 2]
    assert before.arrays() == {"0": 1, "1": 2}
    assert model.saved == [("save", "a"), ("save_weights", "b")]
    assert host.direction("loss") is None


def test_a_missing_rate_teaches() -> None:
    """What is missing, and what to do."""
    model = Bare()
    model.optimizer = object()
    with pytest.raises(ArgumentError) as caught:
        _ = as_host(model).learning_rate

    assert str(caught.value) == (
        "object has no attribute 'lr' or 'learning_rate', so its learning rate can neither be read "
        "nor set. Give the model an optimizer that has one."
    )


def test_whose_method_it_is() -> None:
    """A subclass, or an attribute of the very object, takes the place of the base's method."""

    class Own(FakeHost):
        def save(self, path: Any) -> None:
            pass

    replaced = FakeHost()
    replaced.save = lambda path: None  # type: ignore[method-assign]

    assert not is_overridden(FakeHost(), "save", FakeHost)
    assert is_overridden(Own(), "save", FakeHost)
    assert is_overridden(replaced, "save", FakeHost)
    assert not is_overridden(Own(), "save_weights", FakeHost)


def test_who_can_be_copied() -> None:
    """A host with `capture`; not what is thinly wrapped."""
    assert isinstance(FakeHost(), Capturable)
    assert not isinstance(as_host(Bare()), Capturable)
