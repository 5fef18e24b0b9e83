"""PyTorch-Ignite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from _work import NEVER, EpochRows, Work, module_logits
from ignite.contrib.handlers import ProgressBar
from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers import EarlyStopping, ModelCheckpoint
from ignite.handlers.param_scheduler import ReduceLROnPlateauScheduler
from ignite.handlers.tensorboard_logger import TensorboardLogger
from ignite.metrics import Accuracy, Loss


class Ignite:
    """A DataLoader and engines; the handlers are attached once."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        self.work = work
        self.module, self.loader = work.module(), work.loader()
        self.optimizer = work.torch_optimizer(self.module)
        measures = {"loss": Loss(F.cross_entropy), "accuracy": Accuracy()}
        self.judge = create_supervised_evaluator(self.module, measures)
        self.trainer = create_supervised_trainer(
            *(self.module, self.optimizer, F.cross_entropy),
            **(
                {"output_transform": lambda x, y, logits, loss: (logits, y, loss.item())}
                if full
                else {}
            ),
        )
        if full:
            self._attach(folder)

    def _attach(self, folder: Path) -> None:
        trainer = self.trainer
        Loss(F.cross_entropy, output_transform=_answers).attach(trainer, "loss")
        Accuracy(output_transform=_answers).attach(trainer, "accuracy")
        ProgressBar().attach(trainer, output_transform=lambda output: {"loss": output[2]})
        board = TensorboardLogger(log_dir=str(folder / "board"))
        board.attach_output_handler(
            *(trainer, Events.ITERATION_COMPLETED, "batch"), output_transform=_scalars
        )
        board.attach_output_handler(
            *(trainer, Events.EPOCH_COMPLETED, "epoch"), metric_names=["loss", "accuracy"]
        )
        rows = EpochRows(folder / "log.csv", "epoch", "loss", "accuracy")
        trainer.add_event_handler(
            Events.EPOCH_COMPLETED,
            lambda engine: rows.write(engine.state.epoch, *engine.state.metrics.values()),
        )
        stopping = EarlyStopping(NEVER, _lower_is_better, trainer)
        trainer.add_event_handler(Events.EPOCH_COMPLETED, stopping)
        plateau = ReduceLROnPlateauScheduler(
            self.optimizer, "loss", trainer=trainer, patience=NEVER
        )
        trainer.add_event_handler(Events.EPOCH_COMPLETED, plateau)
        best = ModelCheckpoint(
            folder, "best", score_function=_lower_is_better, n_saved=1, require_empty=False
        )
        trainer.add_event_handler(Events.EPOCH_COMPLETED, best, {"model": self.module})

    def fit(self, epochs: int) -> None:
        self.trainer.state.max_epochs = None  # else a shorter run would go on with the longer one
        self.trainer.run(self.loader, max_epochs=epochs)

    def logits(self) -> np.ndarray:
        return module_logits(self.module, self.work)

    def evaluate(self, rows: int) -> float:
        return self.judge.run(self.work.loader(rows, shuffle=False)).metrics["loss"]


def _answers(output: tuple[torch.Tensor, torch.Tensor, float]) -> tuple[torch.Tensor, torch.Tensor]:
    return output[0], output[1]


def _scalars(output: tuple[torch.Tensor, torch.Tensor, float]) -> dict[str, float]:
    logits, y, loss = output
    return {"loss": loss, "accuracy": (logits.argmax(1) == y).float().mean().item()}


def _lower_is_better(engine) -> float:
    return -engine.state.metrics["loss"]


VARIANTS = {"": Ignite}
