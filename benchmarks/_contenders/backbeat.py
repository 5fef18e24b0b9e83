"""backbeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _work import BATCH, NEVER, Work

from backbeat import callbacks as watching
from backbeat.layers import Conv2D, Dense, Flatten, MaxPooling2D
from backbeat.losses import SparseCategoricalCrossentropy
from backbeat.models import Sequential
from backbeat.optimizers import Adam, RMSprop

FIRST = {"data_format": "channels_first"}
LAYERS = {
    "tiny": lambda: [Dense(10, input_dim=8)],
    "softmax": lambda: [Dense(10, input_dim=784)],
    "mlp": lambda: [
        Dense(256, activation="relu", input_dim=784),
        Dense(256, activation="relu"),
        Dense(10),
    ],
    "cnn": lambda: [
        Conv2D(16, 3, activation="relu", input_shape=(1, 28, 28), **FIRST),
        MaxPooling2D(**FIRST),
        Conv2D(32, 3, activation="relu", **FIRST),
        MaxPooling2D(**FIRST),
        Flatten(**FIRST),
        Dense(10),
    ],
}


class Backbeat:
    """Plain arrays, shuffled by `fit`, as a user of Keras writes it."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work, self.full, self.folder = work, full, folder
        self.model = Sequential(LAYERS[work.model]())
        self.model.compile(
            optimizer=(RMSprop if work.optimizer == "rmsprop" else Adam)(work.rate),
            loss=SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"] if full else None,
        )

    def fit(self, epochs: int) -> None:
        x, y = self.work.arrays
        self.model.fit(
            *(x, y),
            batch_size=BATCH,
            epochs=epochs,
            verbose=1 if self.full else 0,
            callbacks=usual(self.folder) if self.full else None,
        )

    def logits(self) -> np.ndarray:
        return self.model.predict(self.work.arrays[0])

    def evaluate(self, rows: int) -> float:
        x, y = self.work.arrays
        found: Any = self.model.evaluate(x[:rows], y[:rows], batch_size=BATCH, verbose=0)
        return found[0] if self.full else found

    def predict(self, rows: int) -> np.ndarray:
        return self.model.predict(self.work.arrays[0][:rows], batch_size=BATCH)


def usual(folder: Path) -> list[Any]:
    """The callbacks of `full`, beside the bar and the history that `fit` brings."""
    best = str(folder / "best.h5")
    return [
        watching.CSVLogger(str(folder / "log.csv")),
        watching.EarlyStopping("loss", patience=NEVER),
        watching.ReduceLROnPlateau("loss", patience=NEVER),
        watching.ModelCheckpoint(best, "loss", save_best_only=True, save_weights_only=True),
        watching.TensorBoard(str(folder / "board"), update_freq="batch"),
    ]


VARIANTS = {"": Backbeat}
