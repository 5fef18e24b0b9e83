"""One run at a time in a file: what the CSVLogger does about a second one."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from backbeat.callbacks import Callback, CSVLogger, LambdaCallback
from backbeat.errors import BackbeatWarning, FileInUseError, StateError
from backbeat.testing import HookRecorder, play
from tests.files.disks import names

EPOCHS = [{"loss": 1.0}, {"loss": 0.5}]
TRAIN = """
import sys, time
from backbeat.callbacks import CSVLogger, LambdaCallback
from backbeat.testing import play

def wait(epoch, logs):
    if epoch == 1:
        print("training", flush=True)
        time.sleep(60)

play([CSVLogger(sys.argv[1]), LambdaCallback(on_epoch_begin=wait)], [{"loss": 1.0}] * 2)
"""


class During(Callback):
    """Does something when the first row is written, and keeps what it raised."""

    def __init__(self, action: Any) -> None:
        super().__init__()
        self.action = action
        self.error: Exception | None = None

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            try:
                self.action()
            except Exception as error:
                self.error = error


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.csv"


def test_a_second_run_on_the_same_file_is_refused(path: Path) -> None:
    """Before its first batch; the rows of the first one are not touched."""
    recorder = HookRecorder()
    during = During(lambda: play([CSVLogger(path), recorder], EPOCHS))
    play([CSVLogger(path), during], EPOCHS)

    assert isinstance(during.error, FileInUseError)
    assert str(during.error).startswith(
        f"{path} is being written by another run (process {os.getpid()} on "
    )
    assert str(during.error).endswith(
        "Give this run a file of its own, or wait until the other has ended; if it ended long ago, "
        f"remove {path.with_name('.log.csv.lock')}."
    )
    assert recorder.calls == []
    assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n1,0.5\r\n"
    assert names(path.parent) == ["log.csv"]


def test_two_in_one_run(path: Path) -> None:
    """They would mix their rows too."""
    with pytest.raises(FileInUseError):
        play([CSVLogger(path), CSVLogger(path)], EPOCHS)

    play([CSVLogger(path), CSVLogger(path.with_name("other.csv"))], EPOCHS)


def test_one_object_in_two_runs(path: Path) -> None:
    """Refused too, and the first run goes on with it as if nothing had been."""
    logger = CSVLogger(path)
    during = During(lambda: play(logger, EPOCHS))
    play([logger, during], EPOCHS)

    assert isinstance(during.error, StateError)
    assert str(during.error) == (
        f"this CSVLogger writes {path} for another run at this moment. Give each run a CSVLogger, "
        "and a file, of its own."
    )
    assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n1,0.5\r\n"


def test_one_object_in_two_threads(path: Path) -> None:
    """The same, where the second run comes from beside."""
    logger, errors = CSVLogger(path), list[Exception]()

    def second() -> None:
        try:
            play(logger, EPOCHS)
        except Exception as error:
            errors.append(error)

    def start_second() -> None:
        thread = threading.Thread(target=second)
        thread.start()
        thread.join()

    play([logger, During(start_second)], EPOCHS)

    assert [type(error) for error in errors] == [StateError]
    assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n1,0.5\r\n"


def test_one_run_after_the_other(path: Path) -> None:
    """The same object, a copy of it, and after a run that failed."""
    logger = CSVLogger(path, append=True)
    play(logger, EPOCHS)
    play(copy.deepcopy(logger), EPOCHS)

    def fail(epoch: int, logs: Any) -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        play([logger, LambdaCallback(on_epoch_end=fail)], EPOCHS)
    play(logger, EPOCHS)

    assert path.read_bytes().count(b"\r\n") == 1 + 2 + 2 + 2
    assert names(path.parent) == ["log.csv"]


def test_another_callback_refuses_the_run(path: Path) -> None:
    """The file is free again then."""

    class Refusing(Callback):
        phase = "save"

        def _check_plan(self, plan: Any) -> None:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        play([CSVLogger(path), Refusing()], EPOCHS)

    assert names(path.parent) == []
    play(CSVLogger(path), EPOCHS)


def test_a_run_in_another_process(path: Path) -> None:
    """Refused while it lives; the system frees the file when it is killed."""
    with subprocess.Popen([sys.executable, "-c", TRAIN, path], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(FileInUseError, match=rf"\(process {first.pid} on "):
            play(CSVLogger(path), EPOCHS)
        assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n"
        first.send_signal(signal.SIGKILL)
        first.wait()
    play(CSVLogger(path, append=True), EPOCHS)

    assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n0,1.0\r\n1,0.5\r\n"
    assert names(path.parent) == ["log.csv"]


def test_a_directory_that_is_made_for_the_first_row(tmp_path: Path) -> None:
    """It is not made earlier; from then on the file is this run's."""
    path = tmp_path / "new" / "log.csv"
    seen: list[bool] = []
    begin = LambdaCallback(on_train_begin=lambda logs: seen.append(path.parent.exists()))
    during = During(lambda: play(CSVLogger(path), EPOCHS))
    play([CSVLogger(path), begin, during], EPOCHS)

    assert seen == [False]
    assert isinstance(during.error, FileInUseError)
    assert names(path.parent) == ["log.csv"]


def test_no_lock_to_be_had(path: Path) -> None:
    """Training goes on without one, and that is said."""
    path.with_name(".log.csv.lock").mkdir()
    with pytest.warns(BackbeatWarning, match="CSVLogger will write without a lock, and so may oth"):
        play(CSVLogger(path), EPOCHS)

    assert path.read_bytes() == b"epoch,loss\r\n0,1.0\r\n1,0.5\r\n"
