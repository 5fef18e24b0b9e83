"""The runs that the tests of this folder look at in a real TensorBoard."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from backbeat.callbacks import EarlyStopping, TensorBoard
from backbeat.layers import Conv2D, Dense, Embedding, Flatten
from backbeat.models import Model, Sequential

random = np.random.RandomState(0)
IMAGES = random.rand(24, 6, 6, 1).astype("float32")
Y = np.eye(3, dtype="float32")[random.randint(0, 3, 24)]
WORDS = ["a", "rose", "is", "no", "daisy"]
SENTENCES = random.randint(0, 5, (24, 3))


@dataclass
class Runs:
    """Where they are, and what is known of them."""

    directory: Path
    pictures: Sequential
    histories: dict[str, dict[str, list[float]]]
    sentences: Sequential


class Branched(nn.Module):
    """A plain module that does more than send its input through layers."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.out = nn.Linear(36, 4), nn.Linear(36, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1)
        return self.out(torch.relu(self.left(flat)) * self.right(flat))


def train(directory: Path) -> Runs:
    """Train small models, each with a callback that shows other things."""
    torch.manual_seed(0)
    histories: dict[str, Any] = {}
    pictures = Sequential(
        [
            Conv2D(4, 3, input_shape=(6, 6, 1), name="conv"),
            Flatten(name="flat"),
            Dense(3, name="dense"),
        ]
    )
    pictures.compile("adam", "mse", metrics=["mae"])
    stopper = EarlyStopping("val_loss", min_delta=10, patience=2)
    board = TensorBoard(
        directory / "pictures", histogram_freq=1, write_grads=True, write_images=True
    )
    histories["pictures"] = fit(pictures, IMAGES, [board, stopper])

    plain = Model(Branched())
    plain.compile("adam", "mse", metrics=["mae"])
    board = TensorBoard(directory / "plain", update_freq=10, layout="keras3")
    histories["plain"] = fit(plain, IMAGES, [board])

    sentences = Sequential(
        [
            Embedding(5, 4, input_length=3, name="words"),
            Flatten(name="flat"),
            Dense(3, name="dense"),
        ]
    )
    sentences.compile("adam", "mse", metrics=["mae"])
    (directory / "labels.tsv").write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    board = TensorBoard(
        directory / "sentences",
        embeddings_freq=1,
        embeddings_metadata=str(directory / "labels.tsv"),
        embeddings_data=SENTENCES[:8],
        update_freq="batch",
    )
    histories["sentences"] = fit(sentences, SENTENCES, [board])
    return Runs(directory, pictures, histories, sentences)


def fit(model: Any, x: Any, callbacks: Any) -> Any:
    history = model.fit(
        x, Y, batch_size=6, epochs=4, verbose=0, validation_split=0.25, callbacks=callbacks
    )
    return history.history
