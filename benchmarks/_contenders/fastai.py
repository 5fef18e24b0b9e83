"""fastai."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from _work import BATCH, NEVER, Work, module_logits
from fastai.callback.core import Callback
from fastai.callback.progress import CSVLogger
from fastai.callback.tracker import EarlyStoppingCallback, ReduceLROnPlateau, SaveModelCallback
from fastai.data.core import DataLoaders
from fastai.data.load import DataLoader
from fastai.learner import Learner
from fastai.metrics import accuracy
from fastai.optimizer import OptimWrapper
from torch import nn
from torch.utils.data import TensorDataset
from torch.utils.tensorboard import SummaryWriter


class Board(Callback):
    """Its own TensorBoard needs torchvision."""

    def __init__(self, folder: Path) -> None:
        self.board, self.steps = SummaryWriter(str(folder / "board")), 0

    def after_batch(self):
        if self.training:
            right = (self.learn.pred.argmax(1) == self.learn.yb[0]).float().mean()
            self.board.add_scalar("batch/loss", self.learn.loss.item(), self.steps)
            self.board.add_scalar("batch/accuracy", right.item(), self.steps)
            self.steps += 1

    def after_epoch(self):
        self.board.add_scalar("epoch/loss", self.learn.recorder.log[1], self.learn.epoch)


class Fastai:
    """DataLoaders, the second of them with one batch, for it always validates."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work, self.full, self.folder = work, full, folder
        self.module = work.module()
        x, y = work.tensors
        training, held_out = TensorDataset(x, y), TensorDataset(x[:BATCH], y[:BATCH])
        self.learner = Learner(
            DataLoaders(DataLoader(training, BATCH, shuffle=True), DataLoader(held_out, BATCH)),
            self.module,
            loss_func=nn.CrossEntropyLoss(),
            opt_func=lambda *_, **__: OptimWrapper(opt=work.torch_optimizer(self.module)),
            lr=work.rate,
            metrics=[accuracy] if full else None,
            path=folder,
        )

    def fit(self, epochs: int) -> None:
        if self.full:
            self.learner.fit(epochs, cbs=self._callbacks())
        else:
            with self.learner.no_bar(), self.learner.no_logging():
                self.learner.fit(epochs)

    def _callbacks(self) -> list[Any]:
        watch: dict[str, Any] = {"monitor": "train_loss", "patience": NEVER}
        return [
            CSVLogger(append=True),
            EarlyStoppingCallback(**watch),
            ReduceLROnPlateau(**watch),
            SaveModelCallback(monitor="train_loss", with_opt=False),
            Board(self.folder),
        ]

    def logits(self) -> np.ndarray:
        return module_logits(self.module, self.work)

    def predict(self, rows: int) -> Any:
        loader = DataLoader(TensorDataset(*(each[:rows] for each in self.work.tensors)), BATCH)
        with self.learner.no_bar():
            return self.learner.get_preds(dl=loader)[0]


VARIANTS = {"": Fastai}
