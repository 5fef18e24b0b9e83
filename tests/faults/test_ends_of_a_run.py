"""Two signals, and kill -9 at the begin and the end of a run: the next run is right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM
from typing import Any

import pytest

from backbeat.callbacks import BackupAndRestore, Callback, CSVLogger, EarlyStopping, ModelCheckpoint
from backbeat.layers import BatchNormalization, Dense, Dropout
from backbeat.models import Sequential
from tests.faults.nursery import INTERRUPTED, Nursery
from tests.faults.resumable import X_VAL, Y_VAL, X, Y, seed, tell

pytestmark = [pytest.mark.faults, pytest.mark.slow]

KEPT = ("result.json", "log.csv", "best.h5")


class Killer(Callback):
    """Sends signals to its own process, at one moment."""

    def __init__(self, where: str, signals: list[int], at: int = 1) -> None:
        super().__init__()
        self.where, self.signals, self.at = where, signals, at
        self.seen = 0

    def strike(self, where: str) -> None:
        if where == self.where:
            for number in self.signals:
                os.kill(os.getpid(), number)

    def on_train_begin(self, logs: Any = None) -> None:
        self.strike("train begin")

    def on_batch_end(self, batch: int, logs: Any = None) -> None:
        self.seen += 1
        if self.seen == self.at:
            self.strike("batch")

    def on_train_end(self, logs: Any = None) -> None:
        self.strike("train end")

    def on_exception(self, error: BaseException) -> None:
        self.strike("exception")

    def close(self) -> None:
        self.strike("close")

    def state_dict(self) -> dict[str, Any]:
        return {"seen": self.seen}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.strike("restore")
        self.seen = state["seen"]


class LateKiller(Killer):
    """The same, after all the others at the end, and before them when they are closed."""

    phase = "save"


def train(folder: str, where: str = "", late: bool = False, **settings: Any) -> None:
    os.fsync = lambda descriptor: None  # the system outlives its processes
    os.chdir(folder)
    seed(7)
    model = Sequential(
        [Dense(6, "relu", input_dim=4), BatchNormalization(), Dropout(0.3), Dense(1)]
    )
    model.compile("adam", "mse")
    killer = (LateKiller if late else Killer)(where, settings.pop("signals", []), **settings)
    history = model.fit(
        X,
        Y,
        batch_size=4,
        epochs=3,
        verbose=0,
        validation_data=(X_VAL, Y_VAL),
        callbacks=[
            killer,
            BackupAndRestore("backup", 3),
            CSVLogger("log.csv"),
            ModelCheckpoint("best.h5", save_best_only=True),
            EarlyStopping(patience=1, min_delta=10, restore_best_weights=True),
        ][:: -1 if late else 1],
    )
    tell(history, model.get_weights())


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as made:
        yield made


def live(nursery: Nursery, folder: Path, **settings: Any) -> int:
    return nursery.start(train, folder / "output.txt", folder=str(folder), **settings).wait(60)


@pytest.fixture(scope="module")
def undisturbed(nursery: Nursery, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("undisturbed")
    assert live(nursery, folder) == 0, (folder / "output.txt").read_text()
    return {name: (folder / name).read_bytes() for name in KEPT}


def check_next_run(
    nursery: Nursery, folder: Path, undisturbed: dict[str, bytes], late: bool = False
) -> None:
    """It ends as the undisturbed one, and leaves nothing but its files."""
    assert not (folder / "result.json").exists()
    assert live(nursery, folder, late=late) == 0, (folder / "output.txt").read_text()
    assert {name: (folder / name).read_bytes() for name in KEPT} == undisturbed
    left = {path.name for path in folder.iterdir()} - {*KEPT, "output.txt"}
    assert {name for name in left if ".orphan" not in name} == set()


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("where", ["train begin", "train end", "close"])
def test_killed_at_an_end(
    nursery: Nursery, undisturbed: dict[str, bytes], tmp_path: Path, where: str, late: bool
) -> None:
    """Before the others, or after them: with the backup still there, or gone already."""
    status = live(nursery, tmp_path, where=where, late=late, signals=[SIGKILL])

    assert status == -SIGKILL
    check_next_run(nursery, tmp_path, undisturbed, late)


@pytest.mark.parametrize("late", [False, True])
def test_killed_while_it_is_restored(
    nursery: Nursery, undisturbed: dict[str, bytes], tmp_path: Path, late: bool
) -> None:
    """Twice: the backup is still what it was."""
    settings: Any = {"late": late, "at": 10, "signals": [SIGKILL]}
    moments = ("batch", "restore", "restore")
    statuses = [live(nursery, tmp_path, where=where, **settings) for where in moments]

    assert statuses == [-SIGKILL] * 3
    check_next_run(nursery, tmp_path, undisturbed, late)


@pytest.mark.parametrize(
    ("signals", "status"),
    [
        ([SIGTERM, SIGINT], INTERRUPTED),
        ([SIGINT, SIGTERM], 143),
        ([SIGTERM, SIGTERM], 143),
        ([SIGINT, SIGINT, SIGTERM], INTERRUPTED),
    ],
)
def test_two_signals_in_one_batch(
    nursery: Nursery,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    signals: list[int],
    status: int,
) -> None:
    """The second one ends the run at once, by its own name; the last backup is gone on from."""
    assert live(nursery, tmp_path, where="batch", at=10, signals=signals) == status
    check_next_run(nursery, tmp_path, undisturbed)


@pytest.mark.parametrize("number", [SIGTERM, SIGINT])
def test_a_signal_while_the_run_is_closed(
    nursery: Nursery, undisturbed: dict[str, bytes], tmp_path: Path, number: int
) -> None:
    """The files are complete then; the process ends by the signal all the same."""
    status = live(nursery, tmp_path, where="close", late=True, signals=[number])

    assert status == (143 if number == SIGTERM else INTERRUPTED)
    check_next_run(nursery, tmp_path, undisturbed, late=True)
