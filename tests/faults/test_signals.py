"""Ctrl-C and SIGTERM, sent to a real training in a process of its own, at random moments."""

import csv
import json
import os
import random
import shutil
import signal
import sys
import time
import weakref
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGTERM
from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from backbeat.callbacks import Callback, CSVLogger, ModelCheckpoint
from backbeat.layers import Dense
from backbeat.models import Sequential
from tests.faults.nursery import INTERRUPTED, Nursery

pytestmark = pytest.mark.faults

STATUS = {SIGINT: INTERRUPTED, SIGTERM: 143}


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


class Told(Callback):
    """Says what it hears; and leaves work to finalizers, in which an exception would be lost."""

    def on_train_begin(self, logs: Any = None) -> None:
        self.handlers = [signal.getsignal(SIGINT), signal.getsignal(SIGTERM)]

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        things = [set() for _ in range(20)]
        self.watch = [weakref.ref(thing, lambda gone: time.sleep(1e-5)) for thing in things]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        print("epoch", epoch, flush=True)

    def on_train_end(self, logs: Any = None) -> None:
        print("train end", flush=True)

    def on_exception(self, error: BaseException) -> None:
        print("exception", type(error).__name__, flush=True)

    def close(self) -> None:
        print("close", flush=True)


def small_model() -> Any:
    torch.manual_seed(0)
    model = Sequential([Dense(64, activation="relu", input_dim=32), Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    return model


def data(samples: int = 64) -> tuple[Any, Any]:
    x = np.random.RandomState(0).rand(samples, 32).astype("float32")
    return x, x[:, :1]


def train(folder: str) -> None:
    """Trains until a signal comes; says how it ended, and whether the handlers are the old ones."""
    model, before = small_model(), [signal.getsignal(SIGINT), signal.getsignal(SIGTERM)]
    callbacks = [
        Told(),
        ModelCheckpoint(f"{folder}/last.h5", save_weights_only=True),
        ModelCheckpoint(f"{folder}/last.safetensors", save_weights_only=True),
        CSVLogger(f"{folder}/log.csv"),
    ]
    try:
        model.fit(*data(), batch_size=8, epochs=10**6, verbose=0, callbacks=callbacks)
    finally:
        after = [signal.getsignal(SIGINT), signal.getsignal(SIGTERM)]
        print(json.dumps([after == before, len(model.history.epoch)]), flush=True)


def check_ended_well(folder: Path, output: str, number: int) -> None:
    """Everybody was told and closed, the handlers are restored, and every file is whole."""
    lines = output.splitlines()
    told = "KeyboardInterrupt" if number == SIGINT else "SystemExit"
    end = lines.index(f"exception {told}")
    restored, epochs = json.loads(lines[end + 2])

    assert lines[end + 1] == "close"
    assert "train end" not in lines
    assert restored
    rows = list(csv.reader((folder / "log.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == ["epoch", *map(str, range(epochs))]
    for name in ("last.h5", "last.safetensors"):
        small_model().load_weights(folder / name)
    assert sorted(path.name for path in folder.iterdir()) == [
        "last.h5",
        "last.safetensors",
        "log.csv",
        "output",
    ]


def interrupt_once(nursery: Nursery, folder: Path, number: int, seconds: float) -> None:
    folder.mkdir()
    child = nursery.start(train, folder / "output", folder=str(folder))
    child.wait_for("epoch 1\n")
    time.sleep(seconds)
    child.send(number)
    status = child.wait()
    output = (folder / "output").read_text()

    assert status == STATUS[number], output
    check_ended_well(folder, output, number)


def interrupt_often(trials: int, nursery: Nursery, folder: Path, number: int) -> None:
    moments = random.Random(int(number))
    for trial in range(trials):
        interrupt_once(nursery, folder / str(trial), number, moments.uniform(0, 0.05))
        shutil.rmtree(folder / str(trial))


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_at_a_random_moment(nursery: Nursery, tmp_path: Path, number: int) -> None:
    """None is swallowed, each has its status, handlers are restored, every file is whole."""
    interrupt_often(20, nursery, tmp_path, number)


@pytest.mark.long
@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_at_hundreds_of_random_moments(nursery: Nursery, tmp_path: Path, number: int) -> None:
    """The same, 250 times."""
    interrupt_often(250, nursery, tmp_path, number)


@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_two_at_random_moments(nursery: Nursery, tmp_path: Path, number: int) -> None:
    """The second one may hit anything: the run still ends, closed, and every file is whole."""
    moments = random.Random(int(number))
    for trial in range(10):
        folder = tmp_path / str(trial)
        folder.mkdir()
        child = nursery.start(train, folder / "output", folder=str(folder))
        child.wait_for("epoch 1\n")
        for _ in range(2):
            time.sleep(moments.uniform(0, 0.005))
            child.send(number)
        status, output = child.wait(), (folder / "output").read_text()

        # Too late for our handler, the second SIGTERM is the system's own.
        assert status in (STATUS[number], -number), output
        for name in ("last.h5", "last.safetensors"):
            small_model().load_weights(folder / name)


def train_with_workers(folder: str) -> None:
    """Trains on a DataLoader with a worker, all in a process group of their own."""
    os.setpgid(0, 0)
    x, y = map(torch.tensor, data())
    loader = DataLoader(TensorDataset(x, y), batch_size=8, num_workers=1)
    print("ready", flush=True)
    small_model().fit(loader, epochs=10**6, verbose=0, callbacks=[Told()])


@pytest.mark.slow
@pytest.mark.parametrize("number", [SIGINT, SIGTERM])
def test_a_whole_process_group(nursery: Nursery, tmp_path: Path, number: int) -> None:
    """Ctrl-C in a terminal reaches the workers of a DataLoader too; nothing else changes."""
    moments = random.Random(int(number))
    for trial in range(3):
        output = tmp_path / f"{trial}"
        child = nursery.start(train_with_workers, output, folder=str(tmp_path))
        child.wait_for("epoch 0\n")
        time.sleep(moments.uniform(0, 0.1))
        os.killpg(child.pid, number)
        status = child.wait()

        assert status == STATUS[number], output.read_text()
        assert "close" in output.read_text().splitlines()


def fork_while_training(folder: str) -> None:
    """At each moment of a run a child is born, and says which handlers it has."""
    before = [signal.getsignal(SIGINT), signal.getsignal(SIGTERM)]
    model = small_model()

    def born(where: str) -> None:
        pid = os.fork()
        if pid == 0:
            same = [signal.getsignal(SIGINT), signal.getsignal(SIGTERM)] == before
            os._exit(0 if same else 1)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(where, status, flush=True)

    class Forking(Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            born("train begin")

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            born("batch end")
            os.kill(os.getpid(), SIGINT)
            born("batch end, asked to end")

        def on_exception(self, error: BaseException) -> None:
            born("exception")

        def close(self) -> None:
            born("close")

    try:
        model.fit(*data(), verbose=0, callbacks=[Forking()])
    except KeyboardInterrupt:
        born("after")
    sys.exit(7)


def test_a_forked_child_has_the_old_handlers(nursery: Nursery, tmp_path: Path) -> None:
    """Whenever it is born: before a signal and after it, while the run is closed and later."""
    child = nursery.start(fork_while_training, tmp_path / "output", folder=str(tmp_path))

    assert child.wait() == 7
    assert (tmp_path / "output").read_text().splitlines() == [
        "train begin 0",
        "batch end 0",
        "batch end, asked to end 0",
        "exception 0",
        "close 0",
        "after 0",
    ]


def fit_in_a_thread(folder: str) -> None:
    """The main thread waits for a training in another one."""
    import threading

    thread = threading.Thread(
        target=small_model().fit,
        args=data(),
        kwargs={"epochs": 10**6, "verbose": 0, "callbacks": [Told()]},
        daemon=True,
    )
    thread.start()
    while True:
        time.sleep(0.01)


def test_a_training_in_another_thread(nursery: Nursery, tmp_path: Path) -> None:
    """Signals go to the main thread and mean there what they always mean."""
    for number, status in ((SIGINT, INTERRUPTED), (SIGTERM, -SIGTERM)):
        output = tmp_path / str(number)
        child = nursery.start(fit_in_a_thread, output, folder=str(tmp_path))
        child.wait_for("epoch 1\n")
        child.send(number)

        assert child.wait() == status
