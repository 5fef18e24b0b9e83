"""Processes that are killed or interrupted while a real fit overwrites one 50 MB checkpoint."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGINT, SIGKILL
from typing import Any

import numpy as np
import pytest
import torch

from backbeat.callbacks import Callback, ModelCheckpoint
from backbeat.checkpoints import read_tensors, read_weights
from backbeat.errors import CheckpointError
from backbeat.layers import Dense
from backbeat.models import Sequential
from tests.faults.nursery import INTERRUPTED, Nursery

pytestmark = [pytest.mark.faults, pytest.mark.slow, pytest.mark.timeout(900)]

WIDTH = 3536  # 50 MB in float32
SUFFIXES = [".h5", ".safetensors", ".weights.h5"]


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


class Numbering(Callback):
    """Fills the weights with the number of the epoch, and says which ones are on the disk."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.fill_(epoch + 1)

    def on_checkpoint_saved(self, path: Path) -> None:
        print("saved", flush=True)


def train(path: str, in_background: bool) -> None:
    """Trains for ever, saving after every epoch."""
    torch.set_num_threads(1)
    model = Sequential([Dense(WIDTH, input_dim=WIDTH)])
    model.compile(torch.optim.SGD(model.parameters(), lr=0.0), "mse")
    x, y = np.zeros((1, WIDTH), "float32"), np.zeros((1, WIDTH), "float32")
    saving = ModelCheckpoint(path, background=in_background)
    model.fit(x, y, batch_size=1, epochs=1_000_000, verbose=0, callbacks=[Numbering(), saving])


@dataclass
class Found:
    """What was there after all those trials."""

    trials: int = 0
    in_save: int = 0
    unreadable: list[str] = field(default_factory=list[str])
    mixed: list[str] = field(default_factory=list[str])
    swallowed: list[int] = field(default_factory=list[int])
    left: list[str] = field(default_factory=list[str])

    def look(self, path: Path, least: int, status: int) -> None:
        """After one trial: does it load, is it of one epoch, and not an older one?"""
        self.trials += 1
        beside = [each.name for each in path.parent.iterdir() if each.name.endswith(".tmp")]
        self.in_save += bool(beside)
        if status == INTERRUPTED:
            self.left += beside
        elif status != -SIGKILL:
            self.swallowed.append(status)
        try:
            number = numbers(path)
        except CheckpointError as error:
            self.unreadable.append(str(error))
            return
        if len(number) != 1 or number.pop() < least:
            self.mixed.append(path.name)


def numbers(path: Path) -> set[float]:
    """The numbers that the weights are filled with."""
    if path.suffix == ".safetensors":
        arrays = [tensor.array() for tensor in read_tensors(path).tensors.values()]
    else:
        arrays = [array for layer in read_weights(path).layers for _, array in layer.weights]
    return {float(bound) for array in arrays for bound in (array.min(), array.max())}


def try_out(nursery: Nursery, folder: Path, number: int, trials: int) -> Found:
    """Trains, waits for two saves and a random time, sends the signal, and looks."""
    found, chance = Found(), random.Random(number)
    for trial in range(trials):
        place = folder / str(trial)
        place.mkdir()
        path = place / f"m{SUFFIXES[trial % 3]}"
        output = folder / f"{trial}.txt"
        child = nursery.start(train, output, path=str(path), in_background=trial % 4 != 3)
        wait_for(output, 1)
        began = time.monotonic()
        wait_for(output, 2)
        # Anywhere between two saves, however slow the machine is at the moment.
        time.sleep(chance.uniform(0, time.monotonic() - began))
        saved = output.read_text().count("saved")
        child.send(number)
        found.look(path, saved, child.wait(20))
        shutil.rmtree(place)
    print(signal.Signals(number).name, found)
    return found


def wait_for(output: Path, saves: int) -> None:
    while output.read_text().count("saved") < saves:
        time.sleep(0.002)


def check(found: Found, trials: int) -> None:
    assert found.unreadable == []
    assert found.mixed == []
    assert found.swallowed == []
    assert found.left == []
    assert found.trials == trials


@pytest.mark.parametrize("trials", [20, pytest.param(200, marks=pytest.mark.long)])
def test_kill(nursery: Nursery, tmp_path: Path, trials: int) -> None:
    """kill -9 at a random moment: the file is whole, of one epoch, and no older than was said."""
    found = try_out(nursery, tmp_path, SIGKILL, trials)
    check(found, trials)

    # Few trials may all miss the save by chance; that many cannot, or they prove nothing.
    assert found.in_save > 0 or trials < 100


@pytest.mark.parametrize("trials", [20, pytest.param(200, marks=pytest.mark.long)])
def test_ctrl_c(nursery: Nursery, tmp_path: Path, trials: int) -> None:
    """SIGINT at a random moment: the same, and it ends the process, which leaves nothing."""
    check(try_out(nursery, tmp_path, SIGINT, trials), trials)
