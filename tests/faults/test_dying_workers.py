"""A worker of a DataLoader that dies: the run ends between two batches, with a backup."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from backbeat.callbacks import BackupAndRestore, Callback, CSVLogger
from backbeat.layers import Dense, Dropout
from backbeat.models import Sequential
from tests.faults.nursery import Nursery

pytestmark = [pytest.mark.faults, pytest.mark.slow]

EPOCHS, STEPS = 2, 8


class Samples(Dataset[Any]):
    """Sixty-four of them; the slow ones take a moment."""

    def __init__(self, slow: bool) -> None:
        self.slow = slow

    def __len__(self) -> int:
        return 8 * STEPS

    def __getitem__(self, index: int) -> Any:
        if self.slow:
            time.sleep(0.01)
        x = torch.full((4,), index / 64) + 0.1 * torch.rand(4)
        return x, x[:1]


class Killing(Callback):
    """Sends a signal to one worker, from within a batch or from between two."""

    def __init__(self, at: int | None, number: int, loader: Any, within: bool) -> None:
        super().__init__()
        self.at, self.number, self.loader, self.within = at, number, loader, within
        self.seen = 0

    def kill(self) -> None:
        pids = [
            int(each)
            for each in Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        ]
        os.kill(pids[0], self.number)

    def on_batch_begin(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        if self.seen == self.at and self.within:
            self.kill()
            time.sleep(0.2)  # it dies in the midst of the batch

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.seen == self.at and not self.within:
            self.kill()  # it is missed at the latest when the next batch is fetched

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.seen = state["seen"]


def train(folder: str, at: int | None, number: int = 0, within: bool = True) -> None:
    os.chdir(folder)
    torch.manual_seed(3)
    loader = DataLoader(
        Samples(slow=not within), 8, shuffle=True, num_workers=2, multiprocessing_context="fork"
    )
    model = Sequential([Dense(6, "relu", input_dim=4), Dropout(0.3), Dense(1)])
    model.compile("adam", "mse")
    callbacks = [
        Killing(at, number, loader, within),
        BackupAndRestore("backup"),
        CSVLogger("log.csv"),
    ]
    history = model.fit(loader, epochs=EPOCHS, verbose=0, callbacks=callbacks)
    weights = [np.asarray(each).tolist() for each in model.get_weights()]
    Path("result.json").write_text(json.dumps([weights, history.history]))


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


@pytest.fixture(scope="module")
def undisturbed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    child = nursery.start(train, folder / "output.txt", folder=str(folder), at=None)
    assert child.wait(60) == 0, (folder / "output.txt").read_text()
    return folder


@pytest.mark.parametrize(
    ("number", "within", "at"),
    [
        (signal.SIGTERM, True, 11),
        (signal.SIGTERM, False, 1),
        (signal.SIGKILL, True, 1),
        (signal.SIGKILL, False, 11),
    ],
)
def test_nothing_is_lost(
    nursery: Nursery, undisturbed: Path, tmp_path: Path, number: int, within: bool, at: int
) -> None:
    """The error is torch's; started again, the run ends as if nothing had been."""
    output = tmp_path / "output.txt"
    dying = {"at": at, "number": number, "within": within}
    first = nursery.start(train, output, folder=str(tmp_path), **dying)

    assert first.wait(60) == 1
    # If it dies while it hands over a batch, torch sees no more than a broken connection.
    assert re.search("DataLoader worker|ConnectionResetError|EOFError", output.read_text())
    assert "saved nothing" not in output.read_text()
    assert list((tmp_path / "backup").iterdir()), output.read_text()
    second = nursery.start(train, output, folder=str(tmp_path), at=None)
    assert second.wait(60) == 0, output.read_text()
    for name in ("result.json", "log.csv"):
        assert (tmp_path / name).read_bytes() == (undisturbed / name).read_bytes()


def break_in_a_batch(folder: str) -> None:
    os.chdir(folder)

    class Breaking(Callback):
        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            raise KeyError("mine")

    model = Sequential([Dense(1, input_dim=4)])
    model.compile("sgd", "mse")
    x = np.zeros((8, 4), "float32")
    model.fit(x, x[:, :1], verbose=0, callbacks=[BackupAndRestore("backup"), Breaking()])


def test_why_nothing_is_saved(nursery: Nursery, tmp_path: Path) -> None:
    """Whatever ends a run in the midst of a batch says that there is no backup of that."""
    child = nursery.start(break_in_a_batch, tmp_path / "output.txt", folder=str(tmp_path))

    assert child.wait(60) == 1
    assert (
        "BackupAndRestore saved nothing at this end: nothing was trained yet, or no run could go "
        "on from it exactly. A restart goes on from the last backup."
    ) in (tmp_path / "output.txt").read_text()
