"""Two trainings at the same time, in threads of one process: each is as if it were alone."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.callbacks import (
    BackupAndRestore,
    CSVLogger,
    EarlyStopping,
    LambdaCallback,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoard,
)
from backbeat.layers import BatchNormalization, Dense
from backbeat.models import Sequential, load_model

pytestmark = pytest.mark.faults

RANDOM = np.random.RandomState(0)
X, Y = RANDOM.rand(48, 4).astype("float32"), RANDOM.rand(48, 2).astype("float32")


def new_model(seed: int) -> Sequential:
    torch.manual_seed(seed)
    model = Sequential([Dense(5, "relu", input_dim=4), BatchNormalization(), Dense(2)])
    model.compile("adam", "mse")
    return model


def fit(model: Sequential, folder: Path, *others: Any) -> Any:
    # Nothing random takes part: the generators belong to the whole process.
    return model.fit(
        X,
        Y,
        batch_size=8,
        epochs=6,
        verbose=0,
        shuffle=False,
        validation_data=(X, Y),
        callbacks=[
            *others,
            ModelCheckpoint(folder / "{epoch}.h5", keep_last=2, best_path=folder / "best.h5"),
            CSVLogger(folder / "log.csv"),
            ReduceLROnPlateau(patience=1, min_delta=0.05),
            EarlyStopping(patience=4, restore_best_weights=True),
            TensorBoard(folder / "board", update_freq="batch"),
            BackupAndRestore(folder / "backup", 3),
        ],
    )


def test_two_fits_at_once(tmp_path: Path) -> None:
    """Weights, history and files are those of one training after the other."""
    together = threading.Barrier(2)
    models, alone = [new_model(0), new_model(1)], [new_model(0), new_model(1)]
    histories: dict[int, Any] = {}

    def run(number: int) -> None:
        (tmp_path / f"together {number}").mkdir()
        # At each epoch both are there, so that neither is over before the other begins.
        meet = LambdaCallback(on_epoch_begin=lambda epoch, logs: together.wait(30))
        histories[number] = fit(models[number], tmp_path / f"together {number}", meet)

    threads = [threading.Thread(target=run, args=[number]) for number in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    for number in (0, 1):
        folder = tmp_path / f"alone {number}"
        folder.mkdir()
        history, other = fit(alone[number], folder), tmp_path / f"together {number}"
        assert histories[number].history == history.history
        assert histories[number].troubles == history.troubles == []
        assert all(map(np.array_equal, models[number].get_weights(), alone[number].get_weights()))
        assert sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in other.iterdir())
        assert (folder / "log.csv").read_bytes() == (other / "log.csv").read_bytes()
        best, expected = load_model(other / "best.h5"), load_model(folder / "best.h5")
        assert all(map(np.array_equal, best.get_weights(), expected.get_weights()))
        assert not (other / "backup").exists()


def test_the_other_one_fails(tmp_path: Path) -> None:
    """The error ends its own training alone."""
    together = threading.Barrier(2)
    model, errors = new_model(0), list[BaseException]()
    (tmp_path / "good").mkdir()
    (tmp_path / "bad").mkdir()

    def fail(epoch: int, logs: Any) -> None:
        together.wait(30)
        if epoch == 2:
            raise KeyError("mine")

    def run() -> None:
        try:
            fit(new_model(1), tmp_path / "bad", LambdaCallback(on_epoch_begin=fail))
        except KeyError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    meet = LambdaCallback(on_epoch_begin=lambda epoch, logs: epoch < 3 and together.wait(30))
    history = fit(model, tmp_path / "good", meet)
    thread.join()

    assert [type(error) for error in errors] == [KeyError]
    assert history.epoch == list(range(6))
    assert history.troubles == []
