"""Keras 3. The environment says on which backend."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
from _work import BATCH, NEVER, Work
from keras import Input, callbacks
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D


class Keras:
    """Plain arrays; images channels last, which is its default."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work, self.full, self.folder = work, full, folder
        x, self.y = work.arrays
        self.x = x.transpose(0, 2, 3, 1).copy() if work.model == "cnn" else x
        keras.utils.set_random_seed(0)
        self.model = keras.Sequential(_layers(work.model, self.x.shape[1:]))
        make = keras.optimizers.RMSprop if work.optimizer == "rmsprop" else keras.optimizers.Adam
        self.model.compile(
            optimizer=make(work.rate),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy"] if full else None,
        )

    def fit(self, epochs: int) -> None:
        self.model.fit(
            *(self.x, self.y),
            batch_size=BATCH,
            epochs=epochs,
            verbose=1 if self.full else 0,
            callbacks=self._callbacks() if self.full else None,
        )

    def _callbacks(self) -> list[Any]:
        best = str(self.folder / "best.weights.h5")
        return [
            callbacks.CSVLogger(str(self.folder / "log.csv")),
            callbacks.EarlyStopping("loss", patience=NEVER),
            callbacks.ReduceLROnPlateau("loss", patience=NEVER),
            callbacks.ModelCheckpoint(best, "loss", save_best_only=True, save_weights_only=True),
            callbacks.TensorBoard(
                str(self.folder / "board"), update_freq="batch", write_graph=False
            ),
        ]

    def logits(self) -> np.ndarray:
        return self.predict(len(self.x))

    def evaluate(self, rows: int) -> float:
        found = self.model.evaluate(self.x[:rows], self.y[:rows], batch_size=BATCH, verbose=0)
        return found[0] if self.full else found

    def predict(self, rows: int) -> np.ndarray:
        return self.model.predict(self.x[:rows], batch_size=BATCH, verbose=0)


def _layers(model: str, shape: tuple[int, ...]) -> list[Any]:
    hidden: dict[str, list[Any]] = {
        "mlp": [Dense(256, activation="relu"), Dense(256, activation="relu")],
        "cnn": [
            Conv2D(16, 3, activation="relu"),
            MaxPooling2D(),
            Conv2D(32, 3, activation="relu"),
            MaxPooling2D(),
            Flatten(),
        ],
    }
    return [Input(shape), *hidden.get(model, []), Dense(10)]


VARIANTS = {"": Keras}
