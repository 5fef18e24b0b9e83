"""Lightning."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _work import NEVER, Work, module_logits
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint, TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from torchmetrics.functional.classification import multiclass_accuracy

warnings.simplefilter("ignore")
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Module(LightningModule):
    def __init__(self, work: Work, full: bool) -> None:
        super().__init__()
        self.work, self.full = work, full
        self.module = work.module()

    def training_step(self, batch, number):
        x, y = batch
        logits = self.module(x)
        loss = F.cross_entropy(logits, y)
        if self.full:
            accuracy = multiclass_accuracy(logits, y, 10, average="micro")
            self.log_dict(
                {"loss": loss, "accuracy": accuracy}, prog_bar=True, on_step=True, on_epoch=True
            )
        return loss

    def test_step(self, batch, number):
        x, y = batch
        logits = self.module(x)
        self.log("loss", F.cross_entropy(logits, y))
        self.log("accuracy", multiclass_accuracy(logits, y, 10, average="micro"))

    def predict_step(self, batch, number):
        return self.module(batch[0])

    def configure_optimizers(self):
        optimizer = self.work.torch_optimizer(self.module)
        if not self.full:
            return optimizer
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=NEVER)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": plateau, "monitor": "loss_epoch"},
        }


class Lightning:
    """A DataLoader, `self.log`, and its own loggers and callbacks."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work, self.full, self.folder = work, full, folder
        self.model, self.loader = Module(work, full), work.loader()
        self.fits = 0

    def fit(self, epochs: int) -> None:
        self.fits += 1
        Trainer(max_epochs=epochs, **self._options()).fit(self.model, self.loader)

    def _options(self) -> dict[str, Any]:
        quiet: dict[str, Any] = {"accelerator": "cpu", "enable_model_summary": False}
        if not self.full:
            off = {"logger": False, "enable_progress_bar": False, "enable_checkpointing": False}
            return quiet | off
        folder = self.folder / str(self.fits)
        return quiet | {
            "logger": [TensorBoardLogger(folder), CSVLogger(folder)],
            "log_every_n_steps": 1,
            "callbacks": [
                TQDMProgressBar(),
                EarlyStopping("loss_epoch", patience=NEVER),
                ModelCheckpoint(folder, monitor="loss_epoch", save_weights_only=True),
            ],
        }

    def logits(self) -> np.ndarray:
        return module_logits(self.model.module, self.work)

    def evaluate(self, rows: int) -> float:
        loader = self.work.loader(rows, shuffle=False)
        return self._silent().test(self.model, loader, verbose=False)[0]["loss"]

    def predict(self, rows: int) -> Any:
        outputs = self._silent().predict(self.model, self.work.loader(rows, shuffle=False))
        return torch.cat(outputs)

    def _silent(self) -> Trainer:
        return Trainer(
            accelerator="cpu",
            logger=False,
            enable_progress_bar=False,
            enable_checkpointing=False,
            enable_model_summary=False,
        )


VARIANTS = {"": Lightning}
