"""What backbeat prints in a run: no stream that hangs holds it up, none that breaks ends it.

A disk that hangs is one whose file takes a write and never returns from it.
"""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backbeat import outlets
from backbeat.callbacks import (
    EarlyStopping,
    LambdaCallback,
    LearningRateScheduler,
    ModelCheckpoint,
    ReduceLROnPlateau,
    TerminateOnNaN,
)
from backbeat.layers import Dense
from backbeat.models import Sequential
from backbeat.warning import warn

pytestmark = pytest.mark.faults

X = np.ones((4, 2), "float32")


class Hanging(io.FileIO):
    """A file of which every write waits until `gate` is open."""

    def __init__(self, path: Path, gate: threading.Event) -> None:
        super().__init__(path, "w")
        self.gate = gate

    def write(self, data: Any) -> int:
        self.gate.wait()
        return super().write(data)


@contextmanager
def hanging(path: Path) -> Iterator[Any]:
    """A stream to a disk that hangs until the end."""
    gate = threading.Event()
    stream = io.TextIOWrapper(io.BufferedWriter(Hanging(path, gate)), encoding="utf-8")
    try:
        yield stream
    finally:
        gate.set()
        stream.close()


@contextmanager
def printed_warnings() -> Iterator[None]:
    """Within it warnings are printed to stderr, as they are outside of pytest."""

    def show(message: Any, category: Any, filename: str, lineno: int, *rest: Any) -> None:
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = show
        yield


def trained(*callbacks: Any, verbose: int = 0, rate: float = 0.1) -> Any:
    """A training in which everybody who can has something to say."""
    model = Sequential([Dense(1, input_dim=2)])
    model.compile("sgd", "mse")
    model.optimizer.lr = rate
    return model.fit(X, X[:, :1], epochs=4, verbose=verbose, callbacks=list(callbacks))


def talkers(folder: Path) -> list[Any]:
    return [
        ReduceLROnPlateau("loss", patience=1, min_delta=100, verbose=1),
        EarlyStopping("loss", patience=3, min_delta=100, restore_best_weights=True, verbose=1),
        ModelCheckpoint(folder / "w.h5", "loss", save_weights_only=True, verbose=1),
    ]


def test_a_stdout_on_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All who print wait for it once between them; what was not shown is counted."""
    with hanging(tmp_path / "out.txt") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        began = time.monotonic()
        history = trained(*talkers(tmp_path), verbose=1)
        seconds = time.monotonic() - began

    assert 1 <= seconds < 4
    assert len(history.history["loss"]) == 4
    (trouble,) = history.troubles
    assert trouble.endswith(" lines or drawings were not shown, for nobody read them")
    assert int(trouble.split()[0]) >= 9


def test_a_stderr_on_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warning waits a second, the next one not at all; the run ends."""
    monkeypatch.setattr(outlets, "_PATIENCE_SECONDS", 0.2)
    with hanging(tmp_path / "err.txt") as stream, printed_warnings():
        monkeypatch.setattr(sys, "stderr", stream)
        began = time.monotonic()
        history = trained(LambdaCallback(on_epoch_end=lambda epoch, logs: warn("careful")))
        seconds = time.monotonic() - began

    assert seconds < 2
    assert history.troubles == ["4 lines or drawings were not shown, for nobody read them"]
    assert sys.stderr is stream


ENDING = """
import io, sys, threading
from backbeat import outlets

class Hanging(io.FileIO):
    def write(self, data):
        threading.Event().wait()

sys.stdout = io.TextIOWrapper(io.BufferedWriter(Hanging(sys.argv[1], "w")), encoding="utf-8")
outlets._PATIENCE_SECONDS = 0.1
outlets.tell("not to be waited for")
"""


def test_a_program_ends_whose_stdout_hangs(tmp_path: Path) -> None:
    """The thread that hangs in it holds no lock that the interpreter asks for at its end."""
    command = [sys.executable, "-c", ENDING, str(tmp_path / "out.txt")]

    assert subprocess.run(command, timeout=60, check=False).returncode == 0


def test_what_others_print_to_a_file_comes_first(tmp_path: Path) -> None:
    """In the order in which it was printed, though theirs is buffered and ours is not."""
    with (tmp_path / "out.txt").open("w", encoding="utf-8") as stream:
        outlet = outlets.Outlet(stream)
        for number in range(3):
            stream.write(f"theirs {number}\n")
            outlet.write(f"ours 한 {number}\n")
            outlet.flush()

    assert (tmp_path / "out.txt").read_text("utf-8").splitlines() == [
        line for number in range(3) for line in (f"theirs {number}", f"ours 한 {number}")
    ]


def test_a_full_pipe_as_stderr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Warnings to it are given up as well."""
    monkeypatch.setattr(outlets, "_PATIENCE_SECONDS", 0.2)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"x" * 1000)
    os.set_blocking(writing, True)
    with os.fdopen(writing, "w") as stream, printed_warnings():
        monkeypatch.setattr(sys, "stderr", stream)
        history = trained(LambdaCallback(on_epoch_end=lambda epoch, logs: warn("careful")))
        assert history.troubles == ["4 lines or drawings were not shown, for nobody read them"]
    os.close(reading)


@pytest.mark.parametrize("kind", ["full", "closed", "gone", "broken"])
def test_a_stdout_that_takes_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Callbacks that steer and print go on steering."""
    reading, writing = os.pipe()
    os.close(reading)
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115
    closed = io.StringIO()
    closed.close()
    broken = os.fdopen(writing, "w")
    streams: dict[str, Any] = {"full": full, "closed": closed, "gone": None, "broken": broken}
    monkeypatch.setattr(sys, "stdout", streams[kind])
    double = LearningRateScheduler(lambda epoch, rate: rate * 2, verbose=1)
    history = trained(double, TerminateOnNaN(), rate=0.01)
    monkeypatch.undo()
    for each in (full, broken):
        with contextlib.suppress(OSError):
            each.close()

    assert history.history["lr"] == pytest.approx([0.02, 0.04, 0.08, 0.16])


def talk(tmp_path: Path) -> None:
    say = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: print(f"mine, before {epoch}"),
        on_epoch_end=lambda epoch, logs: print(f"mine, after {epoch}"),
    )
    trained(say, *talkers(tmp_path), verbose=2)


EXPECTED = [
    "mine, before 0",
    "mine, after 0",
    "Epoch 00001: saving model to",
    "Epoch 1/4 - ",
    "mine, before 1",
    "mine, after 1",
    "Epoch 00002: ReduceLROnPlateau reducing learning rate to",
    "Epoch 00002: saving model to",
    "Epoch 2/4 - ",
]


def check_order(text: str) -> None:
    lines = [line for line in text.splitlines() if line]
    for line, expected in zip(lines, EXPECTED, strict=False):
        assert line.startswith(expected)
    assert "Restoring model weights from the end of the best epoch" in lines
    assert lines[-1] == "Epoch 00004: early stopping"


def test_the_order_where_it_is_captured(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everybody's lines come as they were printed, the user's own among them."""
    talk(tmp_path)

    check_order(capsys.readouterr().out)


def test_the_order_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where a thread writes ours, and the user's own lie in a buffer."""
    with (tmp_path / "out.txt").open("w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        talk(tmp_path)
        monkeypatch.undo()

    check_order((tmp_path / "out.txt").read_text())
