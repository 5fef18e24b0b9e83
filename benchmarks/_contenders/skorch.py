"""skorch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from _work import BATCH, NEVER, EpochRows, Work, module_logits
from skorch import NeuralNetClassifier
from skorch.callbacks import (
    Callback,
    Checkpoint,
    EarlyStopping,
    EpochScoring,
    LRScheduler,
    ProgressBar,
    TensorBoard,
)
from torch.utils.tensorboard import SummaryWriter


class Rows(Callback):
    """It has no CSV of its own, and no TensorBoard per batch."""

    def __init__(self, board: SummaryWriter, path: Path) -> None:
        self.board, self.path, self.steps = board, path, 0

    def initialize(self):
        self.rows = EpochRows(self.path, "epoch", "loss", "accuracy")
        return self

    def on_batch_end(self, net, batch=None, training=False, **_):
        self.board.add_scalar(
            "batch/loss", net.history[-1, "batches", -1, "train_loss"], self.steps
        )
        self.steps += 1

    def on_epoch_end(self, net, **_):
        last = net.history[-1]
        self.rows.write(last["epoch"], last["train_loss"], last["accuracy"])


class Skorch:
    """Plain arrays; a DataLoader inside."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work = work
        x, y = work.arrays
        self.x, self.y = x, y
        kind = torch.optim.RMSprop if work.optimizer == "rmsprop" else torch.optim.Adam
        self.net = NeuralNetClassifier(
            work.module(),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=kind,
            lr=work.rate,
            batch_size=BATCH,
            train_split=None,
            iterator_train__shuffle=True,
            verbose=1 if full else 0,
            callbacks=_callbacks(folder) if full else None,
            torch_load_kwargs={"weights_only": True},
        )
        self.net.initialize()

    def fit(self, epochs: int) -> None:
        self.net.partial_fit(self.x, self.y, epochs=epochs)

    def logits(self) -> np.ndarray:
        return module_logits(self.net.module_, self.work)

    def predict(self, rows: int) -> Any:
        return self.net.forward(self.x[:rows]).numpy()


def _callbacks(folder: Path) -> list[Any]:
    board, best = SummaryWriter(str(folder / "board")), str(folder / "best.pt")
    plateau = torch.optim.lr_scheduler.ReduceLROnPlateau
    return [
        (
            "accuracy",
            EpochScoring("accuracy", lower_is_better=False, on_train=True, name="accuracy"),
        ),
        ("progress", ProgressBar()),
        ("stopping", EarlyStopping(monitor="train_loss", patience=NEVER)),
        ("plateau", LRScheduler(policy=plateau, monitor="train_loss", patience=NEVER)),
        (
            "best",
            Checkpoint(
                monitor="train_loss_best",
                f_params=best,
                f_optimizer=None,
                f_criterion=None,
                f_history=None,
            ),
        ),
        ("board", TensorBoard(board, close_after_train=False)),
        ("rows", Rows(board, folder / "log.csv")),
    ]


VARIANTS = {"": Skorch}
