"""A CSV file has every row once, wherever the run dies, and wherever its resumption dies too."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from backbeat import files
from backbeat.callbacks import Callback, CSVLogger
from backbeat.testing import FakeHost
from tests.files.disks import DyingDisk, Killed, RecordingDisk

pytestmark = pytest.mark.faults

EPOCHS: list[dict[str, Any]] = [
    {"loss": 1.0, "note": 'a,"b"\nc'},
    {"loss": 0.5, "note": "d"},
    {"loss": 0.25, "note": "e", "late": [1, 2]},  # the file is written anew
    {"loss": 0.125, "note": "f", "late": "g"},
]
BEFORE = b"epoch,loss,note\r\n7,9.0,old\r\n"


class Run:
    """Epochs, after each of which everything is stored, as BackupAndRestore does."""

    def __init__(self, path: Path, append: bool) -> None:
        self.path, self.append = path, append
        self.stored: str | None = None
        self.done = 0

    def start(self) -> None:
        """Begin, or go on behind what was stored last; whoever is killed says nothing more."""
        logger: Callback = CSVLogger(self.path, append=self.append)
        logger.set_model(FakeHost())
        with contextlib.suppress(Killed):
            logger.on_train_begin()
            if self.stored is not None:
                logger.load_state_dict(json.loads(self.stored))
            else:
                self.commit(logger, 0)
            for epoch in range(self.done, len(EPOCHS)):
                logger.on_epoch_end(epoch, dict(EPOCHS[epoch]))
                self.commit(logger, epoch + 1)
        with contextlib.suppress(Killed):
            logger.close()

    def commit(self, logger: Callback, done: int) -> None:
        state = json.dumps(logger.state_dict())
        self.stored, self.done = state, done


def run_on(disk: files.Disk, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.disk, "current", disk)
    run.start()
    monkeypatch.undo()


@pytest.fixture(params=[False, True], ids=["new", "append"])
def append(request: pytest.FixtureRequest) -> bool:
    return request.param


def new_run(folder: Path, append: bool) -> Run:
    folder.mkdir()
    if append:
        (folder / "log.csv").write_bytes(BEFORE)
    return Run(folder / "log.csv", append)


def uninterrupted(folder: Path, append: bool) -> tuple[bytes, int]:
    """The file of a run that nothing disturbs, and how many operations that takes."""
    run, disk = new_run(folder, append), RecordingDisk()
    with pytest.MonkeyPatch.context() as patch:
        run_on(disk, run, patch)
    return run.path.read_bytes(), len(disk.operations)


def test_killed_at_every_operation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, append: bool
) -> None:
    """Open, write, the rewrite with a late column, fsync, close: the file is that of one run."""
    expected, operations = uninterrupted(tmp_path / "whole", append)
    assert operations > 15
    for at in range(1, operations + 1):
        run = new_run(tmp_path / str(at), append)
        run_on(DyingDisk(at), run, monkeypatch)
        run.start()

        assert run.path.read_bytes() == expected


def test_killed_again_while_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, append: bool
) -> None:
    """At every second operation, then at every operation of what follows."""
    expected, operations = uninterrupted(tmp_path / "whole", append)
    for first in range(1, operations + 1, 2):
        for second in range(1, operations + 8):
            run = new_run(tmp_path / f"{first}-{second}", append)
            run_on(DyingDisk(first), run, monkeypatch)
            again = DyingDisk(second)
            run_on(again, run, monkeypatch)
            run.start()

            assert run.path.read_bytes() == expected
            if len(again.operations) < second:
                break


@pytest.mark.parametrize(("stored", "written"), [(0, 2), (1, 1), (3, 1)])
def test_cut_at_every_byte_of_what_was_not_stored(
    tmp_path: Path, append: bool, stored: int, written: int
) -> None:
    """Rows below the header, one behind a late column: no byte of them is in the way."""
    expected, _ = uninterrupted(tmp_path / "whole", append)
    first = new_run(tmp_path / "first", append)
    write_on(first, stored, written)
    data = first.path.read_bytes()
    size = json.loads(first.stored or "")["position"]["size"]
    for end in range(size, len(data) + 1):
        run = new_run(tmp_path / str(end), append)
        run.stored, run.done = first.stored, first.done
        run.path.write_bytes(data[:end])
        run.start()

        assert run.path.read_bytes() == expected


def write_on(run: Run, stored: int, written: int) -> None:
    """Store after so many epochs, then write so many more rows."""
    logger = CSVLogger(run.path, append=run.append)
    logger.on_train_begin()
    for epoch in range(stored):
        logger.on_epoch_end(epoch, dict(EPOCHS[epoch]))
    run.commit(logger, stored)
    for epoch in range(stored, stored + written):
        logger.on_epoch_end(epoch, dict(EPOCHS[epoch]))
    logger.close()
