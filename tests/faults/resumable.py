"""A run with everything on that a resume has to bring back, which kills itself where it is told."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, Subset

from backbeat import Loop
from backbeat.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
)
from backbeat.layers import BatchNormalization, Dense, Dropout
from backbeat.models import Sequential
from backbeat.training import TorchScheduler

STEPS = 40
EPOCHS = 5
BATCH = 4
SAMPLES = STEPS // EPOCHS * BATCH

rng = np.random.default_rng(3)
X = rng.normal(size=(SAMPLES, 4)).astype("float32")
Y = (X[:, :1] * X[:, 1:2] + 0.3 * rng.normal(size=(SAMPLES, 1))).astype("float32")
X_VAL = rng.normal(size=(16, 4)).astype("float32")
Y_VAL = X_VAL[:, :1] * X_VAL[:, 1:2]


class Kill(Callback):
    """Ends the process by `number` in the midst of the callbacks of the `at`-th batch."""

    def __init__(self, at: int | None, number: int) -> None:
        self.at, self.number = at, number

    def on_train_begin(self, logs: Any = None) -> None:
        self.seen = 0

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        if self.seen == self.at:
            os.kill(os.getpid(), self.number)

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


class Noisy(Dataset[Any]):
    """Samples that differ each time: by Python's, NumPy's and torch's random numbers."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, index: int) -> Any:
        noise = random.random() + np.random.rand() + torch.rand(1).item()
        return torch.tensor(X[index]) + 0.1 * noise, torch.tensor(Y[index])


def rates(kind: str) -> Any:
    if kind == "schedule":
        return LearningRateScheduler(lambda epoch, rate: rate * 0.8)
    if kind == "plateau":
        return ReduceLROnPlateau("loss", factor=0.5, patience=1)
    return TorchScheduler(lambda optimizer: torch.optim.lr_scheduler.StepLR(optimizer, 2, 0.3))


def batches(workers: int | None) -> Any:
    if workers is None:
        return {"x": X, "y": Y, "batch_size": BATCH}
    options = {"multiprocessing_context": "fork"} if workers else {}
    return {"x": DataLoader(Noisy(), BATCH, shuffle=True, num_workers=workers, **options)}


def train(
    kind: str,
    save_freq: Any,
    at: int | None = None,
    number: int = signal.SIGKILL,
    workers: int | None = None,
) -> None:
    """Train in the present directory; a run that gets to its end leaves `result.json`."""
    seed(7)
    model = Sequential(
        [
            Dense(8, activation="relu", input_dim=4),
            BatchNormalization(),
            Dropout(0.3),
            Dense(1),
        ]
    )
    model.compile("adam", "mse", metrics=["mae"], accumulate=2)
    history = model.fit(
        **batches(workers),
        epochs=EPOCHS + 3,
        verbose=0,
        validation_data=(X_VAL, Y_VAL),
        callbacks=[
            BackupAndRestore("backup", save_freq),
            Kill(at, number),
            rates(kind),
            ModelCheckpoint("best.h5", save_best_only=True, save_weights_only=True),
            CSVLogger("log.csv"),
            EarlyStopping(patience=EPOCHS - 1, min_delta=10, restore_best_weights=True),
        ],
    )
    tell(history, model.get_weights())


def train_own_loop(
    kind: str,
    save_freq: Any,
    at: int | None = None,
    number: int = signal.SIGKILL,
    workers: int | None = None,
) -> None:
    """The same as a loop of the user's own, which gathers the gradients of three batches."""
    seed(7)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    noise = np.random.default_rng(5)
    loader = batches(workers or 0)["x"]
    callbacks = [
        CSVLogger("log.csv"),
        Kill(at, number),
        BackupAndRestore("backup", save_freq, also={"noise": noise}),
        rates(kind),
        ModelCheckpoint("best.h5", "loss", save_best_only=True, mode="min"),
    ]
    with Loop(module, optimizer, callbacks=callbacks, epochs=EPOCHS) as loop:
        for _ in loop.epochs():
            for x, y in loop.batches(loader):
                loss = (module(x + noise.normal()) - y).square().mean()
                loss.backward()
                if (loop.batch + 1) % 3 == 0:
                    optimizer.step()
                    optimizer.zero_grad()
                loop.log_batch(loss=loss)
    tell(loop.history, [each.detach().numpy() for each in module.state_dict().values()])


def train_in_parts(
    kind: str,
    save_freq: Any,
    at: int | None = None,
    number: int = signal.SIGKILL,
    workers: int | None = None,
) -> None:
    """Every epoch: all of a loader, two batches of a stream that goes on, two of the loader."""
    seed(7)
    module = torch.nn.Sequential(
        torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1)
    )
    optimizer = torch.optim.Adam(module.parameters(), lr=0.01)
    loader = DataLoader(Subset(Noisy(), range(SAMPLES // 2)), BATCH, shuffle=True)
    stream = (Noisy()[number % SAMPLES] for number in count())
    callbacks = [
        CSVLogger("log.csv"),
        Kill(at, number),
        BackupAndRestore("backup", save_freq),
        rates(kind),
        ModelCheckpoint("best.h5", "loss", save_best_only=True, mode="min"),
    ]

    def step(x: Any, y: Any) -> None:
        loss = (module(x) - y).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loop.log_batch(loss=loss)

    with Loop(module, optimizer, callbacks=callbacks, epochs=EPOCHS) as loop:
        for _ in loop.epochs():
            for x, y in loop.batches(loader):
                step(x, y)
            loop.log_epoch(between=module(torch.ones(1, 4)).item())
            for data in (stream, loader):
                for x, y in loop.batches(data):
                    step(x, y)
                    if loop.batch == 1:
                        break
    tell(loop.history, [each.detach().numpy() for each in module.state_dict().values()])


def seed(number: int) -> None:
    random.seed(number)
    np.random.seed(number)
    torch.manual_seed(number)


def tell(history: Any, weights: list[Any]) -> None:
    result = {
        "weights": digest(b"".join(np.ascontiguousarray(each).tobytes() for each in weights)),
        "history": history.history,
        "epochs": history.epoch,
        "stopped": None if history.stopped is None else vars(history.stopped),
        "best": digest(Path("best.h5").read_bytes()),
        "csv": Path("log.csv").read_bytes().decode(),
    }
    Path("result.json").write_text(json.dumps(result))


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def life(folder: str, run: str = "train", **settings: Any) -> None:
    """One life of the script, in `folder`."""
    # After kill -9 the system still has all that was handed over to it.
    os.fsync = lambda descriptor: None
    os.chdir(folder)
    globals()[run](**settings)
