"""Loops written by hand in plain torch. `raw` is the floor: tensor slices and nothing else."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from _work import BATCH, NEVER, EpochRows, Work, module_logits
from torch import Tensor

Batches = Iterable[tuple[Tensor, Tensor]]


def in_order(work: Work) -> Batches:
    """Slices, not shuffled, not copied."""
    x, y = work.tensors
    return zip(x.split(BATCH), y.split(BATCH), strict=True)


def shuffled(work: Work) -> Batches:
    """Gathered the quickest way that torch has."""
    x, y = work.tensors
    for rows in torch.randperm(len(x)).split(BATCH):
        yield x.index_select(0, rows), y.index_select(0, rows)


def loaded(work: Work) -> Batches:
    """By a DataLoader, as most documentation shows it."""
    return work.loader()


class Raw:
    """The bare loop: forward, loss, backward, step. It never looks at the loss."""

    def __init__(
        self,
        work: Work,
        full: bool,
        folder: Path,
        batches: Callable[[Work], Batches] = in_order,
        **options: Any,
    ) -> None:
        self.work, self.batches = work, batches
        self.module = work.module()
        self.optimizer = work.torch_optimizer(self.module, **options)

    def fit(self, epochs: int) -> None:
        module, optimizer = self.module, self.optimizer
        for _ in range(epochs):
            for x, y in self.batches(self.work):
                optimizer.zero_grad()
                loss = F.cross_entropy(module(x), y)
                loss.backward()
                optimizer.step()

    def logits(self) -> np.ndarray:
        return module_logits(self.module, self.work)

    def evaluate(self, rows: int) -> float:
        loss, right = torch.zeros(()), torch.zeros(())
        with torch.no_grad():
            for x, y in self._first(rows):
                logits = self.module(x)
                loss += F.cross_entropy(logits, y, reduction="sum")
                right += (logits.argmax(1) == y).sum()
        return float(loss) / rows

    def predict(self, rows: int) -> Tensor:
        with torch.no_grad():
            return torch.cat([self.module(x) for x, _ in self._first(rows)])

    def _first(self, rows: int) -> Batches:
        x, y = (tensor[:rows] for tensor in self.work.tensors)
        if self.batches is loaded:
            return self.work.loader(rows, shuffle=False)
        return zip(x.split(BATCH), y.split(BATCH), strict=True)


class HandMade(Raw):
    """What careful code without a framework does for `full`: shuffled, everything logged."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None:
        from torch.utils.tensorboard import SummaryWriter

        super().__init__(work, full, folder, shuffled)
        self.board = SummaryWriter(str(folder / "board"))
        self.rows = EpochRows(folder / "log.csv", "epoch", "loss", "accuracy")
        self.best = folder / "best.pt"
        self.steps = 0

    def fit(self, epochs: int) -> None:
        plateau = torch.optim.lr_scheduler.ReduceLROnPlateau(self.optimizer, patience=NEVER)
        history, lowest, since = [], math.inf, 0
        for epoch in range(epochs):
            loss, accuracy = self._epoch(epoch)
            history.append((loss, accuracy))
            self.rows.write(epoch, loss, accuracy)
            self.board.add_scalar("epoch/loss", loss, epoch)
            self.board.add_scalar("epoch/accuracy", accuracy, epoch)
            plateau.step(loss)
            since += 1
            if loss < lowest:
                lowest, since = loss, 0
                torch.save(self.module.state_dict(), self.best)
            if since > NEVER:
                break
        self.board.flush()

    def _epoch(self, epoch: int) -> tuple[float, float]:
        module, optimizer, sums = self.module, self.optimizer, [0.0, 0.0, 0]
        for batch, (x, y) in enumerate(self.batches(self.work)):
            optimizer.zero_grad()
            logits = module(x)
            loss = F.cross_entropy(logits, y)
            loss.backward()
            optimizer.step()
            accuracy = (logits.argmax(1) == y).float().mean().item()
            self.board.add_scalar("batch/loss", loss.item(), self.steps)
            self.board.add_scalar("batch/accuracy", accuracy, self.steps)
            self.steps += 1
            sums = [sums[0] + loss.item() * len(x), sums[1] + accuracy * len(x), sums[2] + len(x)]
            sys.stdout.write(f"\repoch {epoch} batch {batch} loss {sums[0] / sums[2]:.4f}")
        return sums[0] / sums[2], sums[1] / sums[2]


VARIANTS: dict[str, Callable[..., Raw]] = {
    "": Raw,
    "shuffle": lambda *given: Raw(*given, batches=shuffled),
    "fused": lambda *given: Raw(*given, fused=True),
    "DataLoader": lambda *given: Raw(*given, batches=loaded),
    "by hand": HandMade,
}
