"""The work that every contender does: the same data, models and rates, and what they share."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor, nn
    from torch.utils.data import DataLoader

BATCH = 128
CLASSES = 10

# A patience or a threshold that is never reached.
NEVER = 10**6

# Batches per epoch.
STEPS = {"softmax": 100, "mlp": 50, "cnn": 20, "tiny": 5}


@dataclass(frozen=True)
class Work:
    """One model to train on `steps` batches, or whatever is usual for it.

    `tiny` is there for trying things out. The rate of the Adam models keeps clear of denormal
    numbers, which make every contender slow; `learning` asks for a rate that learns instead.
    """

    model: str
    steps: int = 0
    learning: bool = False

    @property
    def batches(self) -> int:
        return self.steps or STEPS[self.model]

    @property
    def rate(self) -> float:
        if self.learning and self.model == "cnn":
            return 1e-2
        return 1e-3 if self.learning or self.model in ("softmax", "tiny") else 1e-6

    @property
    def optimizer(self) -> str:
        """`rmsprop` or `adam`; at the defaults of the contender but for the rate."""
        return "rmsprop" if self.model in ("softmax", "tiny") else "adam"

    @cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """Float32 inputs, as (samples, 784) or (samples, 1, 28, 28), and int64 classes to learn."""
        width = 8 if self.model == "tiny" else 784
        random = np.random.default_rng(0)
        x = random.random((self.batches * BATCH, width), dtype=np.float32) - np.float32(0.5)
        truth = random.standard_normal((width, CLASSES), dtype=np.float32)
        y = (x @ truth).argmax(axis=1)
        return x.reshape(-1, 1, 28, 28) if self.model == "cnn" else x, y.astype(np.int64)

    @cached_property
    def tensors(self) -> tuple[Tensor, Tensor]:
        import torch

        x, y = self.arrays
        return torch.from_numpy(x), torch.from_numpy(y)

    def module(self) -> nn.Module:
        """The model in plain torch; it returns logits."""
        import torch
        from torch import nn

        torch.manual_seed(0)
        if self.model == "tiny":
            return nn.Sequential(nn.Linear(8, CLASSES))
        if self.model == "softmax":
            return nn.Sequential(nn.Linear(784, CLASSES))
        if self.model == "mlp":
            first, second = nn.Linear(784, 256), nn.Linear(256, 256)
            return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Linear(256, CLASSES))
        return nn.Sequential(
            *(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Conv2d(16, 32, 3), nn.ReLU(), nn.MaxPool2d(2)),
            *(nn.Flatten(), nn.Linear(32 * 5 * 5, CLASSES)),
        )

    def torch_optimizer(self, module: nn.Module, **options: Any) -> Any:
        """torch's own, at its defaults."""
        import torch

        kind = torch.optim.RMSprop if self.optimizer == "rmsprop" else torch.optim.Adam
        return kind(module.parameters(), lr=self.rate, **options)

    def loader(self, rows: int | None = None, shuffle: bool = True) -> DataLoader[Any]:
        """Batches as most documentation of PyTorch shows them."""
        from torch.utils.data import DataLoader, TensorDataset

        dataset = TensorDataset(*(tensor[:rows] for tensor in self.tensors))
        return DataLoader(dataset, batch_size=BATCH, shuffle=shuffle)


class Contender(Protocol):
    """One way to train. `full` is said in benchmarks/README.md; its files go into `folder`."""

    def __init__(self, work: Work, full: bool, folder: Path) -> None: ...

    def fit(self, epochs: int) -> None:
        """Train that long, and continue where the last call ended."""
        ...

    def logits(self) -> np.ndarray:
        """What the model says now to all the data; outside of what is timed."""
        ...


class Predictor(Protocol):
    """A contender that also has a way to evaluate and predict, on the first `rows` samples."""

    def evaluate(self, rows: int) -> float:
        """Loss and accuracy in batches; returns the loss."""
        ...

    def predict(self, rows: int) -> Any: ...


def module_logits(module: nn.Module, work: Work) -> np.ndarray:
    """`logits` of a contender that trains a torch module."""
    import torch

    with torch.no_grad():
        return module(work.tensors[0]).numpy()


def cross_entropy(logits: np.ndarray, classes: np.ndarray) -> float:
    """The loss that all contenders train, from outside of them all."""
    logits = logits.astype(np.float64)
    logits = logits - logits.max(axis=1, keepdims=True)
    picked = logits[np.arange(len(classes)), classes]
    return float((np.log(np.exp(logits).sum(axis=1)) - picked).mean())


class EpochRows:
    """A CSV of epochs, for contenders that have none of their own."""

    def __init__(self, path: Path, *columns: str) -> None:
        self._file = path.open("w", encoding="utf-8", newline="")
        self._rows = csv.writer(self._file)
        self._rows.writerow(columns)

    def write(self, *values: float) -> None:
        self._rows.writerow(values)
        self._file.flush()

    def close(self) -> None:
        self._file.close()
