"""A killed run that is resumed looks in TensorBoard as if it had never been killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.event_files.reading import loaded, series
from tests.tensorboard.server import serving

pytestmark = [pytest.mark.slow, pytest.mark.faults]

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import os, signal, sys, time
import numpy as np
import torch
from backbeat.callbacks import BackupAndRestore, Callback, TensorBoard
from backbeat.layers import Dense, Dropout
from backbeat.models import Sequential

class Killer(Callback):
    def on_train_begin(self, logs=None):
        self.batches = 0

    def on_train_batch_end(self, batch, logs=None):
        self.batches += 1
        if self.batches == int(kill_at):
            time.sleep(1.5)  # what was written last is on the disk by now
            os.kill(os.getpid(), signal.SIGKILL)

folder, kill_at = sys.argv[1:]
random = np.random.RandomState(0)
x, y = random.rand(20, 4).astype("float32"), random.rand(20, 2).astype("float32")
torch.manual_seed(0)
model = Sequential([Dense(8, input_dim=4), Dropout(0.5), Dense(2)])
model.compile("adam", "mse", metrics=["mae"])
boards = [
    TensorBoard(f"{folder}/logs/epochs", histogram_freq=1),
    TensorBoard(f"{folder}/logs/batches", histogram_freq=1, update_freq="batch"),
    TensorBoard(f"{folder}/logs/samples", update_freq=10, layout="keras3"),
]
backup = BackupAndRestore(f"{folder}/backup")
model.fit(x, y, batch_size=5, epochs=5, verbose=0, validation_split=0.2,
          callbacks=[*boards, backup, Killer()])
"""


RUNS = ["epochs", "batches", "samples/train", "samples/validation"]


def run(folder: Path, kill_at: int) -> int:
    """Train in a process of its own; returns its exit status."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder), str(kill_at)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        check=False,
        timeout=100,
    ).returncode


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The logs of an undisturbed run, and of one that was killed twice and resumed."""
    undisturbed, killed = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    assert run(undisturbed, 0) == 0
    # The first time in the third epoch, the second time in the epoch that is resumed.
    assert run(killed, 11) == -signal.SIGKILL
    assert run(killed, 3) == -signal.SIGKILL
    assert run(killed, 0) == 0
    return undisturbed / "logs", killed / "logs"


@pytest.mark.parametrize("name", RUNS)
def test_same_scalars_and_histograms(logs, name):
    """Tag for tag, TensorBoard's own loader reads the same steps and the same values."""
    undisturbed, killed = (directory / name for directory in logs)
    accumulator = loaded(undisturbed)

    for plugin in accumulator.ActivePlugins() & {"scalars", "histograms"}:
        tags = accumulator.PluginTagToContent(plugin)
        assert set(tags) == set(loaded(killed).PluginTagToContent(plugin))
        for tag in tags:
            found, wanted = series(killed, tag), series(undisturbed, tag)
            assert [(s, v.tolist()) for s, v in found] == [(s, v.tolist()) for s, v in wanted]


def test_abandoned_work_is_set_aside(logs):
    """The kills really left something behind the points of resumption; it is kept, unread."""
    assert list((logs[1] / "batches").glob("*.orphan"))
    assert not list((logs[0] / "batches").glob("*.orphan"))


def test_same_scalars_in_the_server(logs):
    """The server, with its fast loader, serves the same of both."""
    with serving(logs[0], load_fast=True) as one, serving(logs[1], load_fast=True) as other:
        for server in (one, other):
            server.wait_for("scalars", "samples/validation", "epoch_loss")
            server.wait_for("scalars", "epochs", "loss")
            server.wait_for("scalars", "batches", "batch_loss")
        tags = one.tags("scalars")

        assert set(tags) == set(RUNS)
        assert other.tags("scalars") == tags
        for run_name, names in tags.items():
            for tag in names:
                assert other.scalars(run_name, tag) == one.scalars(run_name, tag)
