"""The Trainer of Hugging Face's transformers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
from _work import BATCH, EpochRows, Work, module_logits
from torch import nn
from torch.utils.data import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments

warnings.simplefilter("ignore")


class Samples(Dataset):
    def __init__(self, work: Work, rows: int | None = None) -> None:
        x, y = work.tensors
        self.x, self.y = x[:rows], y[:rows]

    def __len__(self):
        return len(self.x)

    def __getitem__(self, row):
        return {"x": self.x[row], "labels": self.y[row]}


class WithLoss(nn.Module):
    """It wants a module that returns its loss, here with the accuracy beside it."""

    def __init__(self, module: nn.Module, full: bool) -> None:
        super().__init__()
        self.module, self.full = module, full
        self.accuracy = 0.0

    def forward(self, x, labels=None):
        logits = self.module(x)
        if labels is None:
            return {"logits": logits}
        if self.full and self.training:
            self.accuracy = (logits.detach().argmax(1) == labels).float().mean()
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


class Logging(Trainer):
    """Adds the accuracy to what is logged."""

    def log(self, logs, *args, **kwargs):
        super().log({**logs, "accuracy": float(self.model.accuracy)}, *args, **kwargs)


class Rows(TrainerCallback):
    """It has no CSV of its own."""

    def __init__(self, path: Path) -> None:
        self.rows = EpochRows(path, "epoch", "loss", "accuracy")

    def on_epoch_end(self, args, state, control, **_):
        last = state.log_history[-1] if state.log_history else {}
        self.rows.write(state.epoch or 0, last.get("loss", 0), last.get("accuracy", 0))


class HuggingFace:
    """Its own DataLoader over samples; saves each epoch, for "best" needs an evaluation."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work, self.full, self.folder = work, full, folder
        self.model = WithLoss(work.module(), full)
        self.optimizer = work.torch_optimizer(self.model)
        self.samples = {None: Samples(work)}

    def fit(self, epochs: int) -> None:
        trainer = (Logging if self.full else Trainer)(
            self.model,
            self._arguments(num_train_epochs=epochs, **(FULL if self.full else BARE)),
            train_dataset=self.samples[None],
            optimizers=(self.optimizer, None),
            callbacks=[Rows(self.folder / "log.csv")] if self.full else None,
        )
        trainer.train()

    def _arguments(self, **settings: Any) -> TrainingArguments:
        return TrainingArguments(
            output_dir=str(self.folder),
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=BATCH,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            use_cpu=True,
            dataloader_pin_memory=False,
            **settings,
        )

    def logits(self) -> np.ndarray:
        return module_logits(self.model.module, self.work)

    def evaluate(self, rows: int) -> float:
        judge = Trainer(
            self.model,
            self._arguments(disable_tqdm=True, report_to=[]),
            compute_metrics=_accuracy,
        )
        return judge.evaluate(self._first(rows))["eval_loss"]

    def predict(self, rows: int) -> np.ndarray:
        judge = Trainer(self.model, self._arguments(disable_tqdm=True, report_to=[]))
        return judge.predict(self._first(rows)).predictions

    def _first(self, rows: int) -> Samples:
        if rows not in self.samples:
            self.samples[rows] = Samples(self.work, rows)
        return self.samples[rows]


def _accuracy(answers: Any) -> dict[str, float]:
    return {"accuracy": float((answers.predictions.argmax(1) == answers.label_ids).mean())}


BARE: dict[str, Any] = {
    "disable_tqdm": True,
    "report_to": [],
    "logging_strategy": "no",
    "save_strategy": "no",
}
FULL: dict[str, Any] = {
    "report_to": ["tensorboard"],
    "logging_strategy": "steps",
    "logging_steps": 1,
    "save_strategy": "epoch",
    "save_only_model": True,
    "save_total_limit": 1,
}

VARIANTS = {"": HuggingFace}
