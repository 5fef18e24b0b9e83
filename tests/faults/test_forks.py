"""A child that is forked in the middle of a run writes nothing for it, however it goes on."""

import csv
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backbeat.callbacks import Callback, CSVLogger, ModelCheckpoint
from tests.faults.nursery import Nursery
from tests.training.examples import X, Y, softmax_model

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as nursery:
        yield nursery


def forking(hook: str, ending: str, parent: int) -> Callback:
    """A callback that forks in a hook, once; the child goes on, fails there, or leaves."""
    children: list[int] = []

    def fork(self: Any, *arguments: Any) -> None:
        if children or os.getpid() != parent:
            return
        child = os.fork()
        if child:
            children.append(child)
            print("child", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        elif ending == "fails":
            raise ValueError("mine")
        elif ending == "leaves":
            sys.exit(5)

    return type("Forking", (Callback,), {hook: fork})()


def train_and_fork(folder: str, hook: str, ending: str) -> None:
    parent = os.getpid()
    callbacks = [
        forking(hook, ending, parent),
        CSVLogger(f"{folder}/log.csv", append=True),
        ModelCheckpoint(f"{folder}/{{epoch}}-of-{parent}.h5", save_weights_only=True),
    ]
    softmax_model().fit(X, Y, batch_size=4, epochs=3, verbose=2, callbacks=callbacks)
    # What a child has written would be behind this.
    print("end of", "parent" if os.getpid() == parent else "child", flush=True)


@pytest.mark.parametrize(("ending", "status"), [("goes on", 0), ("fails", 1), ("leaves", 5)])
@pytest.mark.parametrize(
    "hook", ["on_train_begin", "on_epoch_begin", "on_batch_end", "on_epoch_end"]
)
def test_a_child_writes_nothing(
    nursery: Nursery, tmp_path: Path, hook: str, ending: str, status: int
) -> None:
    """Every row, line and file is the parent's, once; and the parent loses none."""
    folder, output = tmp_path / "run", tmp_path / "output"
    folder.mkdir()
    child = nursery.start(train_and_fork, output, folder=str(folder), hook=hook, ending=ending)

    assert child.wait() == 0, output.read_text()
    lines = output.read_text().splitlines()
    assert f"child {status}" in lines
    rows = list(csv.reader((folder / "log.csv").read_text().splitlines()))
    assert [row[0] for row in rows] == ["epoch", "0", "1", "2"]
    assert sum(line.startswith("Epoch ") for line in lines) == 3
    assert len(list(folder.iterdir())) == 4
    assert lines.count("end of child") == (ending == "goes on")
    assert lines[-1] == "end of parent"


def train_and_vanish(folder: str) -> None:
    """Ends without any of Python's own clean-up, as soon as fit has returned."""
    callbacks = [
        CSVLogger(f"{folder}/log.csv"),
        ModelCheckpoint(f"{folder}/last.h5", save_weights_only=True),
    ]
    softmax_model().fit(X, Y, epochs=20, verbose=0, callbacks=callbacks)
    os._exit(9)


def test_nothing_relies_on_the_end_of_the_interpreter(nursery: Nursery, tmp_path: Path) -> None:
    """When fit has returned, every row and every file is there."""
    child = nursery.start(train_and_vanish, tmp_path / "output", folder=str(tmp_path))

    assert child.wait() == 9
    rows = list(csv.reader((tmp_path / "log.csv").read_text().splitlines()))
    assert len(rows) == 21
    softmax_model().load_weights(tmp_path / "last.h5")
