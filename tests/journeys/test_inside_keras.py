"""The callbacks in the `fit` of Keras 3, as in its own models."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
    TerminateOnNaN,
)
from backbeat.cli import main
from backbeat.errors import StateError

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

# Keras' own variables do not yet know NumPy 2's `copy` argument.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

X = np.random.default_rng(0).random((32, 4), dtype=np.float32)
Y = X.sum(axis=1, keepdims=True)


def fit(*callbacks: Callback, epochs: int = 3) -> tuple[Any, list[float]]:
    """A Keras model trained with `callbacks`, and its losses."""
    model = keras.Sequential([keras.layers.Input((4,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.Adam(0.5), "mse")
    history = model.fit(X, Y, epochs=epochs, verbose=0, callbacks=list(callbacks))
    return model, history.history["loss"]


def test_what_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row, a curve and a call for every epoch."""
    heard: list[int] = []
    _, losses = fit(
        CSVLogger(tmp_path / "log.csv"),
        TensorBoard(tmp_path / "logs"),
        LambdaCallback(on_epoch_end=lambda epoch, logs: heard.append(epoch)),
        TerminateOnNaN(),
    )
    # Keras knows no `close`, so what is open must not wait for it.
    assert not [each for each in threading.enumerate() if each.name.startswith("backbeat")]
    main(["curves", str(tmp_path / "logs")])

    rows = (tmp_path / "log.csv").read_text().splitlines()
    assert [float(row.split(",")[1]) for row in rows[1:]] == losses
    assert re.search(r"^ +loss +3 ", capsys.readouterr().out, re.MULTILINE)
    assert heard == [0, 1, 2]


def test_what_stops_and_brings_back() -> None:
    """EarlyStopping ends its fit, with the weights of the best epoch."""
    model, losses = fit(
        EarlyStopping("loss", mode="min", min_delta=1e6, restore_best_weights=True), epochs=9
    )

    assert len(losses) == 2
    assert float(model.evaluate(X, Y, verbose=0)) < losses[0] * 10


def test_what_sets_the_rate() -> None:
    """Keras 3 calls it learning_rate; it is read and set under that name."""
    falling, _ = fit(LearningRateScheduler(lambda epoch, rate: rate / 2), epochs=2)
    reduced, _ = fit(ReduceLROnPlateau("loss", 0.1, 1, mode="min", min_delta=1e6), epochs=2)

    assert float(falling.optimizer.learning_rate) == 0.125
    assert float(reduced.optimizer.learning_rate) == pytest.approx(0.05)


def test_what_saves(tmp_path: Path) -> None:
    """ModelCheckpoint lets Keras write its own files, whole; a backup needs a run of ours."""
    model, _ = fit(ModelCheckpoint(str(tmp_path / "{epoch}.weights.h5"), save_weights_only=True))
    kernel = model.get_weights()[0].copy()
    model.load_weights(tmp_path / "3.weights.h5")

    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f"{epoch}.weights.h5" for epoch in (1, 2, 3)
    ]
    assert np.array_equal(model.get_weights()[0], kernel)
    with pytest.raises(StateError, match="BackupAndRestore was called outside of a run"):
        fit(BackupAndRestore(tmp_path / "backup"))
