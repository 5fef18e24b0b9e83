"""Anchor: a program that changes its directory in mid-run finds all files where they began."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat.callbacks import (
    BackupAndRestore,
    Callback,
    CSVLogger,
    ModelCheckpoint,
    TensorBoard,
)
from backbeat.callbacks._anchor import Anchor
from backbeat.layers import Dense
from backbeat.models import Sequential


def test_names_stay_as_they_were_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless the directory is another one; absolute names and addresses stay in any case."""
    monkeypatch.chdir(tmp_path)
    anchor = Anchor()
    before = anchor.name(Path("log.csv"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")

    assert before == "log.csv"
    assert anchor.name("log.csv") == str(tmp_path / "log.csv")
    assert [anchor.name(name) for name in ("/a/b", "s3://a/b")] == ["/a/b", "s3://a/b"]


def test_a_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be known the name stays, and whoever uses it will say so."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    anchor = Anchor()
    monkeypatch.chdir(tmp_path)

    assert anchor.name("log.csv") == "log.csv"


class Moving(Callback):
    """Changes the directory at the first batch, and to another one at the second epoch."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        os.chdir(self.home / "elsewhere")

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            os.chdir("/")


@pytest.mark.parametrize("in_background", [True, False])
def test_every_writer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_background: bool) -> None:
    """Whatever is written, and removed again, is where the run began."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "elsewhere").mkdir()
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    x = np.ones((4, 2), "float32")
    history = model.fit(
        x,
        x[:, :1],
        epochs=3,
        verbose=0,
        callbacks=[
            Moving(tmp_path),
            CSVLogger("logs/log.csv"),
            ModelCheckpoint(
                "w{epoch}.h5",
                "loss",
                save_weights_only=True,
                keep_last=1,
                last_path="last.h5",
                background=in_background,
            ),
            BackupAndRestore("backup", delete_checkpoint=False, background=in_background),
            TensorBoard("board"),
        ],
    )

    assert history.troubles == []
    assert list((tmp_path / "elsewhere").iterdir()) == []
    there = sorted(path.name for path in tmp_path.iterdir())
    assert there == ["backup", "board", "elsewhere", "last.h5", "logs", "w3.h5"]
    assert len((tmp_path / "logs" / "log.csv").read_text().splitlines()) == 4
