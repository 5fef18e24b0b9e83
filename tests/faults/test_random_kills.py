"""Processes that are killed or interrupted while a real fit overwrites one 50 MB checkpoint."""

from __future__ import annotations

import random
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import repeat
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
    """Fills the weights with the number of the batch, and says which ones are on the disk."""

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        with torch.no_grad():
            for parameter in self.model.parameters():
                parameter.fill_(batch + 1)

    def on_checkpoint_saved(self, path: Path) -> None:
        print("saved", flush=True)


def train(path: str, in_background: bool) -> None:
    """Trains for ever and saves after every batch, which takes most of the time."""
    torch.set_num_threads(1)
    model = Sequential([Dense(WIDTH, input_dim=WIDTH), Dense(1)])
    # Its gradient alone would take as long as a save.
    model.layers[0].requires_grad_(False)
    model.compile("sgd", "mse")
    batch = np.zeros((1, WIDTH), "float32"), np.zeros((1, 1), "float32")
    saving = ModelCheckpoint(path, every=1, background=in_background)
    callbacks = [Numbering(), saving]
    model.fit(repeat(batch), steps_per_epoch=1_000_000, verbose=0, callbacks=callbacks)


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
        """After one trial: does it load, is it of one batch, and not an older one?"""
        self.trials += 1
        if status == INTERRUPTED:
            self.left += unfinished(path.parent)
        elif status != -SIGKILL:
            self.swallowed.append(status)
        try:
            number = numbers(path)
        except CheckpointError as error:
            self.unreadable.append(str(error))
            return
        if len(number) != 1 or number.pop() < least:
            self.mixed.append(path.name)


def unfinished(folder: Path) -> list[str]:
    """The files of saves that are going on, or were killed."""
    return [path.name for path in folder.iterdir() if path.suffix == ".tmp"]


def numbers(path: Path) -> set[float]:
    """The numbers that the weights are filled with."""
    if path.suffix == ".safetensors":
        arrays = [tensor.array() for tensor in read_tensors(path).tensors.values()]
    else:
        arrays = [array for layer in read_weights(path).layers for _, array in layer.weights]
    return {float(bound) for array in arrays for bound in (array.min(), array.max())}


def try_out(nursery: Nursery, folder: Path, number: int, trials: int) -> Found:
    """Trains, waits for a save and a random time, sends the signal, and looks."""
    found, chance = Found(), random.Random(number)
    between: dict[tuple[int, int], float] = {}  # the seconds between two saves, by kind
    for trial in range(trials):
        place = folder / str(trial)
        place.mkdir()
        path = place / f"m{SUFFIXES[trial % 3]}"
        output = folder / f"{trial}.txt"
        child = nursery.start(train, output, path=str(path), in_background=trial % 2 == 0)
        wait_for(output, 1)
        kind = trial % 3, trial % 2
        if kind not in between:
            began = time.monotonic()
            wait_for(output, 2)
            between[kind] = time.monotonic() - began
        # Anywhere in the next two saves, however slow the machine is.
        time.sleep(chance.uniform(0, 2 * between[kind]))
        if trial // 2 % 2:
            # Half of them are aimed: at a file that is being written.
            wait_for_a_write(place, chance.uniform(0, 0.02))
        saved = output.read_text().count("saved")
        in_save = bool(unfinished(place))
        child.send(number)
        status = child.wait(20)
        # What it finds is what a kill left; an interrupted process has cleared up by now.
        found.in_save += bool(unfinished(place)) if number == SIGKILL else in_save
        found.look(path, saved, status)
        shutil.rmtree(place)
    print(signal.Signals(number).name, found)
    return found


def wait_for(output: Path, saves: int) -> None:
    while output.read_text().count("saved") < saves:
        time.sleep(0.002)


def wait_for_a_write(place: Path, seconds: float) -> None:
    """Return so many seconds after a save is seen to write."""
    while not unfinished(place):
        time.sleep(0.001)
    time.sleep(seconds)


def check(found: Found, trials: int) -> None:
    assert found.unreadable == []
    assert found.mixed == []
    assert found.swallowed == []
    assert found.left == []
    assert found.trials == trials
    # Or the signals came where there was nothing to break.
    assert found.in_save >= trials / 4


@pytest.mark.parametrize("trials", [20, pytest.param(200, marks=pytest.mark.long)])
def test_kill(nursery: Nursery, tmp_path: Path, trials: int) -> None:
    """kill -9 at a random moment: the file is whole, of one batch, and no older than was said."""
    check(try_out(nursery, tmp_path, SIGKILL, trials), trials)


@pytest.mark.parametrize("trials", [20, pytest.param(200, marks=pytest.mark.long)])
def test_ctrl_c(nursery: Nursery, tmp_path: Path, trials: int) -> None:
    """SIGINT at a random moment: the same, and it ends the process, which leaves nothing."""
    check(try_out(nursery, tmp_path, SIGINT, trials), trials)
