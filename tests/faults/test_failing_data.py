"""Data, a validation or a callback that fails after a whole batch: the run is saved as it stood.

Each trial trains until something raises, begins again as another start of the same script would,
and must end as the run in which nothing ever failed.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from backbeat import Loop
from backbeat.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
)
from backbeat.layers import BatchNormalization, Dense, Dropout
from backbeat.models import Sequential

pytestmark = pytest.mark.faults

EPOCHS, STEPS, BATCH = 3, 5, 4
SAMPLES = STEPS * BATCH


class BrokenError(Exception):
    """What the data, or whatever else was told to, fail with."""


class Fuse:
    """Raises when it is asked for the `at`-th time; if that is negative, it sends SIGTERM."""

    def __init__(self, at: int | None) -> None:
        self.at, self.asked = at, 0

    def __call__(self) -> None:
        self.asked += 1
        if self.asked == self.at:
            raise BrokenError("a file of the data is broken")
        if self.at is not None and self.asked == -self.at:
            os.kill(os.getpid(), signal.SIGTERM)


class Noisy(Dataset[Any]):
    """Samples with noise of all three global generators, drawn before one of them fails."""

    def __init__(self, fuse: Fuse, length: int = SAMPLES) -> None:
        self.fuse, self.length = fuse, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Any:
        noise = random.random() + np.random.rand() + torch.rand(1).item()
        self.fuse()
        x = torch.linspace(0, 1, 4) * (index + 1) / self.length + 0.1 * noise
        return x, x[:1] * x[1:2]


class Items:
    """Numbered batches, as Keras' Sequence gives them."""

    def __init__(self, fuse: Fuse) -> None:
        self.samples = Noisy(fuse)

    def __len__(self) -> int:
        return STEPS

    def __getitem__(self, index: int) -> Any:
        rows = [self.samples[index * BATCH + row] for row in range(BATCH)]
        return tuple(torch.stack(column).numpy() for column in zip(*rows, strict=True))


def endless(fuse: Fuse) -> Iterator[Any]:
    # Its own order: what it draws beside the training is not drawn again when it is skipped.
    items, order = Items(fuse), np.random.RandomState(3)
    while True:
        for index in order.permutation(STEPS):
            yield items[int(index)]


def training(kind: str, fuse: Fuse) -> dict[str, Any]:
    if kind == "generator":
        return {"x": endless(fuse), "steps_per_epoch": STEPS}
    if kind == "sequence":
        return {"x": Items(fuse), "shuffle": True}
    if kind == "workers":
        options = {"num_workers": 1, "multiprocessing_context": "fork"}
        return {"x": DataLoader(Noisy(fuse), BATCH, shuffle=True, **options)}
    own = torch.Generator().manual_seed(5) if kind == "own generator" else None
    return {"x": DataLoader(Noisy(fuse), BATCH, shuffle=True, generator=own)}


class Listener(Callback):
    """Hears a validation, and fails where it is told to: when others have heard the epoch too."""

    phase = "record"

    def __init__(self, fuse: Fuse) -> None:
        self.fuse, self.batches = fuse, 0

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        self.batches += 1

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        logs["heard"] = self.batches
        self.fuse()

    def state_dict(self) -> dict[str, Any]:
        return {"batches": self.batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.batches = state["batches"]


def seed() -> None:
    random.seed(1)
    np.random.seed(1)
    torch.manual_seed(1)


def digest(arrays: Any) -> str:
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(each).tobytes() for each in arrays)
    ).hexdigest()


def fit(kind: str, where: str, at: int | None) -> Any:
    """Train; `at` is when the training data, the validation or the callback fails."""
    seed()
    fuses = {name: Fuse(at if name == where else None) for name in ("data", "validation", "hook")}
    model = Sequential(
        [Dense(6, "relu", input_dim=4), BatchNormalization(), Dropout(0.3), Dense(1)]
    )
    model.compile("adam", "mse", metrics=["mae"], accumulate=2)
    history = model.fit(
        **training(kind, fuses["data"]),
        epochs=EPOCHS,
        verbose=0,
        validation_data=DataLoader(Noisy(fuses["validation"], 6), 3),
        callbacks=[
            BackupAndRestore("backup"),
            LearningRateScheduler(lambda epoch, rate: rate * 0.8),
            ModelCheckpoint("best.h5", save_best_only=True, save_weights_only=True),
            CSVLogger("log.csv"),
            Listener(fuses["hook"]),
            EarlyStopping(patience=EPOCHS, restore_best_weights=True),
        ],
    )
    return digest(model.get_weights()), history.history, Path("log.csv").read_bytes()


def loop(kind: str, where: str, at: int | None) -> Any:
    """The same in a loop of one's own, whose validation knows nothing of backbeat."""
    seed()
    fuses = {name: Fuse(at if name == where else None) for name in ("data", "validation", "hook")}
    module = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Dropout(0.3), nn.Linear(6, 1))
    optimizer = torch.optim.Adam(module.parameters())
    data = training(kind, fuses["data"])["x"]
    others = DataLoader(Noisy(fuses["validation"], 6), 3)
    callbacks = [BackupAndRestore("backup"), CSVLogger("log.csv"), Listener(fuses["hook"])]
    with Loop(module, optimizer, callbacks=callbacks, epochs=EPOCHS) as run:
        for _ in run.epochs():
            module.train()
            for x, y in run.batches(data):
                optimizer.zero_grad()
                loss = (module(x) - y).square().mean()
                loss.backward()
                optimizer.step()
                run.log_batch(loss=loss, size=len(x))
            module.eval()
            with torch.no_grad():
                losses = [(module(x) - y).square().mean().item() for x, y in others]
            run.log_epoch(val_loss=sum(losses) / len(losses))
    weights = [each.detach().numpy() for each in module.parameters()]
    return digest(weights), run.history.history, Path("log.csv").read_bytes()


@pytest.fixture(autouse=True)
def own_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


FIRST, MIDST, LAST = 1, SAMPLES + 2 * BATCH + 2, 2 * SAMPLES


@cache
def undisturbed(train: Any, kind: str) -> Any:
    ended = train(kind, "nowhere", None)
    Path("log.csv").unlink()
    return ended


def check(train: Any, kind: str, where: str, at: int) -> BaseException:
    """It fails, and then goes on as if it had not; returns what it failed with."""
    expected = undisturbed(train, kind)
    with pytest.raises(BrokenError if at > 0 else SystemExit) as raised:
        train(kind, where, at)
    # Before the first batch there is nothing to save; a restart may have another model.
    is_saved = not any("saved nothing" in note for note in raised.value.__notes__)
    assert is_saved == any(Path("backup").glob("gen-*")) == ((where, at) != ("data", FIRST))
    assert train(kind, "nowhere", None) == expected
    assert not Path("backup").exists()
    return raised.value


@pytest.mark.parametrize(
    ("kind", "at"),
    [
        ("loader", FIRST),
        ("loader", SAMPLES + 1),
        ("loader", MIDST),
        ("loader", LAST),
        ("own generator", SAMPLES + 1),
        ("own generator", LAST),
        ("sequence", MIDST),
        ("sequence", SAMPLES + 1),
        ("generator", FIRST),
        ("generator", MIDST),
    ],
)
def test_data_that_fail(kind: str, at: int) -> None:
    """At the first batch of all, the first of an epoch, in its midst and at its last one."""
    failure = check(fit, kind, "data", at)

    assert f"while fetching batch {(at - 1) % SAMPLES // BATCH}" in " ".join(failure.__notes__)


def test_data_of_workers_that_fail() -> None:
    """Torch raises its error here: nothing that a worker drew was drawn in this process."""
    check(fit, "workers", "data", 10)


@pytest.mark.parametrize(
    ("kind", "at"),
    [("loader", 1), ("loader", 10), ("own generator", 18), ("generator", 10), ("loader", -10)],
)
def test_a_validation_that_fails(kind: str, at: int) -> None:
    """It is done again, with the same random numbers; no batch of training is. SIGTERM too."""
    check(fit, kind, "validation", at)


@pytest.mark.parametrize("at", [1, 3])
def test_a_callback_that_fails_at_the_end_of_an_epoch(at: int) -> None:
    """When others have recorded the epoch already: nothing is recorded twice."""
    check(fit, "loader", "hook", at)


@pytest.mark.parametrize(
    ("kind", "where", "at"),
    [
        ("loader", "data", FIRST),
        ("own generator", "data", MIDST),
        ("own generator", "validation", 10),
        ("loader", "validation", 1),
        ("loader", "hook", 2),
    ],
)
def test_in_a_loop_of_ones_own(kind: str, where: str, at: int) -> None:
    """What the body does after its loop over batches may fail too."""
    check(loop, kind, where, at)


class Swapping(Callback):
    """Validates other weights than those that are trained, as averages of weights are."""

    def __init__(self, gives_back: bool) -> None:
        self.gives_back = gives_back

    def swap(self) -> None:
        for weight in self.model.parameters():
            weight.data.mul_(-1)

    def on_test_begin(self, logs: Any = None) -> None:
        self.swap()

    def on_test_end(self, logs: Any = None) -> None:
        self.swap()

    def on_exception(self, error: BaseException) -> None:
        if self.gives_back:
            self.swap()


@pytest.mark.parametrize("gives_back", [False, True])
def test_weights_that_were_exchanged_for_the_validation(gives_back: bool) -> None:
    """They are never saved as those of the training; a callback may put the others back before."""
    model = Sequential([Dense(1, input_dim=4)])
    model.compile("sgd", "mse")
    x = np.ones((8, 4), "float32")
    with pytest.raises(BrokenError) as raised:
        model.fit(
            x,
            x[:, :1],
            verbose=0,
            validation_data=DataLoader(Noisy(Fuse(3), 6), 3),
            callbacks=[Swapping(gives_back), BackupAndRestore("backup")],
        )
    notes = [note for note in raised.value.__notes__ if "saved nothing" in note]

    assert bool(notes) != gives_back
    assert any(Path("backup").glob("gen-*")) == gives_back
