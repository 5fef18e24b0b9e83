"""Sequence: numbered batches, made when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from backbeat.layers import Dense
from backbeat.models import Sequential
from backbeat.utils import Sequence


class Batches(Sequence):
    """Three batches of four samples."""

    def __init__(self) -> None:
        self.told = 0

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: int) -> Any:
        return np.full((4, 2), index, "float32"), np.ones((4, 1), "float32")

    def on_epoch_end(self) -> None:
        self.told += 1


def test_fit_takes_one() -> None:
    """For training and validation, as `fit_generator` does; it is told of the end of an epoch."""
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    batches = Batches()

    history = model.fit(batches, epochs=2, verbose=0, validation_data=Batches())
    model.fit_generator(batches, verbose=0)

    assert len(history.history["val_loss"]) == 2
    assert batches.told == 3
    assert model.predict(Batches(), verbose=0).shape == (12, 1)


def test_what_a_subclass_has_to_define() -> None:
    """The error names the method."""
    with pytest.raises(NotImplementedError, match=r"^Sequence does not define __len__\(\)$"):
        len(Sequence())
    with pytest.raises(NotImplementedError, match=r"does not define __getitem__\(index\)$"):
        Sequence()[0]
