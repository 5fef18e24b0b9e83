"""Poutyne."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _work import BATCH, NEVER, Work, module_logits
from poutyne import (
    Callback,
    CSVLogger,
    EarlyStopping,
    Model,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TensorBoardLogger,
)
from torch.utils.tensorboard import SummaryWriter


class BatchScalars(Callback):
    """It has no TensorBoard per batch of its own."""

    def __init__(self, board: SummaryWriter) -> None:
        super().__init__()
        self.board, self.steps = board, 0

    def on_train_batch_end(self, batch_number, logs):
        self.board.add_scalar("batch/loss", logs["loss"], self.steps)
        self.board.add_scalar("batch/accuracy", logs["acc"], self.steps)
        self.steps += 1


class Poutyne:
    """A DataLoader."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work, self.full, self.folder = work, full, folder
        self.module, self.loader = work.module(), work.loader()
        optimizer = work.torch_optimizer(self.module)
        metrics = ["accuracy"] if full else []
        self.model = Model(self.module, optimizer, "cross_entropy", batch_metrics=metrics)
        # For evaluate, which always tells loss and accuracy.
        self.judge = Model(self.module, optimizer, "cross_entropy", batch_metrics=["accuracy"])

    def fit(self, epochs: int) -> None:
        callbacks = self._callbacks() if self.full else []
        self.model.fit_generator(self.loader, epochs=epochs, callbacks=callbacks, verbose=self.full)

    def _callbacks(self) -> list[Any]:
        board, best = SummaryWriter(str(self.folder / "board")), str(self.folder / "best.pt")
        return [
            CSVLogger(str(self.folder / "log.csv")),
            EarlyStopping(monitor="loss", patience=NEVER),
            ReduceLROnPlateau(monitor="loss", patience=NEVER),
            ModelCheckpoint(best, monitor="loss", save_best_only=True),
            TensorBoardLogger(board),
            BatchScalars(board),
        ]

    def logits(self) -> np.ndarray:
        return module_logits(self.module, self.work)

    def evaluate(self, rows: int) -> float:
        loader = self.work.loader(rows, shuffle=False)
        return self.judge.evaluate_generator(loader, verbose=False)[0]

    def predict(self, rows: int) -> Any:
        return self.model.predict(self.work.arrays[0][:rows], batch_size=BATCH, verbose=False)


VARIANTS = {"": Poutyne}
