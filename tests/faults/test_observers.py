"""Whatever happens to those who only watch, training goes on, and its weights are the same."""

import contextlib
import csv
import errno
import io
import math
import os
import pty
import re
import shutil
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backbeat import files, outlets
from backbeat.callbacks import CSVLogger, History, LambdaCallback, ProgbarLogger, RemoteMonitor
from backbeat.callbacks import csv_logger as csv_logger_module
from backbeat.callbacks import remote_monitor as remote_monitor_module
from backbeat.callbacks._progress import BarMeter, LineMeter
from backbeat.callbacks.history import History as HistoryClass
from backbeat.errors import BackbeatWarning
from backbeat.layers import Dense, Dropout
from backbeat.models import Sequential
from backbeat.training import notices
from tests.files.disks import FailingDisk, HangingDisk, RecordingDisk, SlowDisk

pytestmark = pytest.mark.faults

EPOCHS = 4
X = np.random.RandomState(0).rand(12, 4).astype("float32")
Y = X[:, :2]


def trained(*observers: Any, verbose: int = 0, epochs: int = EPOCHS) -> tuple[bytes, History]:
    """The weights after a training in which everything random takes part; and its history."""
    torch.manual_seed(0)
    model = Sequential([Dense(8, input_dim=4), Dropout(0.5), Dense(2)])
    model.compile("adam", "mse", metrics=["mae"])
    history = model.fit(
        X,
        Y,
        batch_size=4,
        epochs=epochs,
        verbose=verbose,
        validation_split=0.25,
        callbacks=list(observers),
    )
    return b"".join(weight.tobytes() for weight in model.get_weights()), history


def watched(*observers: Any, **settings: Any) -> tuple[History, list[str]]:
    """The history of a training beside these, whose weights are checked, and what it warned of."""
    unwatched, _ = trained(epochs=settings.get("epochs", EPOCHS))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        weights, history = trained(*observers, **settings)

    assert weights == unwatched
    assert history.epoch == list(range(settings.get("epochs", EPOCHS)))
    assert {each.category for each in caught} <= {BackbeatWarning}
    return history, [str(each.message) for each in caught]


def epochs_in(path: Path) -> list[str]:
    """The first column, after a check that every row is whole."""
    header, *rows = csv.reader(io.StringIO(path.read_bytes().decode(), newline=""))

    assert all(len(row) == len(header) for row in rows)
    return [row[0] for row in rows]


# CSVLogger and the disk

CODES = [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EACCES, errno.EDQUOT, errno.ENAMETOOLONG]


@pytest.mark.parametrize("code", CODES, ids=errno.errorcode.get)
def test_a_disk_that_fails_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], code: int
) -> None:
    """One warning; the summary counts the rows, and says so once at the end."""
    monkeypatch.setattr(files.disk, "current", FailingDisk(10, code, for_ever=True))
    history, told = watched(CSVLogger(tmp_path / "log.csv"))

    assert len(told) == 1
    assert told[0].endswith("Training goes on; the rows wait for the next epoch.")
    lost = history.troubles[0]
    assert lost.startswith("CSVLogger: ")
    assert lost.endswith(f"rows were not written to {tmp_path / 'log.csv'}")
    assert capfd.readouterr().err == "\n  ".join(
        ["Not everything went well in this run (history.troubles):", *history.troubles, ""]
    ).removesuffix("  ")


def test_a_disk_that_fails_from_the_beginning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is known before training already."""
    monkeypatch.setattr(files.disk, "current", FailingDisk(1, errno.EROFS, for_ever=True))
    history, told = watched(CSVLogger(tmp_path / "log.csv"))

    assert told[0].startswith("CSVLogger will write nothing: ")
    assert len(told) <= 2
    assert history.troubles[0] == f"CSVLogger: 4 rows were not written to {tmp_path / 'log.csv'}"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """At each of its operations: every row is there in the end, and the failure is counted."""
    counting = RecordingDisk()
    monkeypatch.setattr(files.disk, "current", counting)
    watched(CSVLogger(tmp_path / "log.csv"))
    for at in range(1, len(counting.operations) + 1):
        path = tmp_path / str(at) / "log.csv"
        path.parent.mkdir()
        monkeypatch.setattr(files.disk, "current", FailingDisk(at, code))
        history, told = watched(CSVLogger(path))

        assert epochs_in(path) == ["0", "1", "2", "3"]
        if at > len(counting.operations) - 2:  # only the lock is left behind
            assert (told, history.troubles) == ([], [])
            continue
        assert len(told) == 1
        assert len(history.troubles) == (0 if told[0].startswith("CSVLogger will") else 1)


def test_a_directory_that_vanishes(tmp_path: Path) -> None:
    """It is made again, with the rows from then on; what is gone is said."""
    path = tmp_path / "logs" / "log.csv"
    path.parent.mkdir()
    remove = LambdaCallback(
        on_epoch_begin=lambda epoch, logs: shutil.rmtree(path.parent) if epoch == 2 else None
    )
    history, told = watched(remove, CSVLogger(path))

    assert epochs_in(path) == ["2", "3"]
    assert told == [f"CSVLogger: {path} was removed; a new one begins with the next row."]
    assert history.troubles == [told[0].removesuffix(".")]


def test_a_real_disk_that_cannot_be_written() -> None:
    """/dev/full refuses every byte; a device is no file, so it is refused before training."""
    history, told = watched(CSVLogger("/dev/full"))

    assert len(told) == 2
    assert history.troubles[0] == "CSVLogger: 4 rows were not written to /dev/full"


@pytest.mark.parametrize("at", [1, 4, 8, 9, 10, 11])
def test_a_disk_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    """One epoch waits a moment, no other one does; the end comes, and says what is not written."""
    monkeypatch.setattr(csv_logger_module, "_PATIENCE_SECONDS", 0.2)
    disk = HangingDisk(at)
    monkeypatch.setattr(files.disk, "current", disk)
    began = time.monotonic()
    try:
        history, told = watched(CSVLogger(tmp_path / "log.csv", close_timeout=0.3))
        seconds = time.monotonic() - began
        was_hung = disk.reached.is_set()
    finally:
        disk.release.set()

    assert was_hung
    assert seconds < 20
    assert "has not answered for 0.3 s" in told[-1]
    assert "rows were not written" in history.troubles[0]


def test_a_disk_that_is_slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slower than an epoch waits: all rows are there in the end all the same."""
    monkeypatch.setattr(csv_logger_module, "_PATIENCE_SECONDS", 0.01)
    monkeypatch.setattr(files.disk, "current", SlowDisk(0.1, only="write"))
    history, told = watched(CSVLogger(tmp_path / "log.csv"))

    assert epochs_in(tmp_path / "log.csv") == ["0", "1", "2", "3"]
    assert (history.troubles, told) == ([], [])


def test_more_rows_than_can_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; the oldest rows are given up, and counted."""
    monkeypatch.setattr(csv_logger_module, "_MOST_WAITING", 2)
    disk = FailingDisk(3, for_ever=True)
    monkeypatch.setattr(files.disk, "current", disk)
    heal = LambdaCallback(on_train_end=lambda logs: setattr(disk, "for_ever", False))
    history, _ = watched(heal, CSVLogger(tmp_path / "log.csv"))

    assert epochs_in(tmp_path / "log.csv") == ["2", "3"]
    assert history.troubles[0] == f"CSVLogger: 2 rows were not written to {tmp_path / 'log.csv'}"


# The bar and its terminal


class Broken(io.StringIO):
    """A stdout that cannot be written to."""

    def __init__(self, code: int, is_terminal: bool) -> None:
        super().__init__()
        self.code, self.is_terminal = code, is_terminal

    def isatty(self) -> bool:
        return self.is_terminal

    def write(self, text: str) -> int:
        raise OSError(self.code, os.strerror(self.code))


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EPIPE])
@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_stdout_that_fails(monkeypatch: pytest.MonkeyPatch, code: int, is_terminal: bool) -> None:
    """The bar is not seen; a warning for each of its moments that needed it, no more."""
    monkeypatch.setattr(sys, "stdout", Broken(code, is_terminal))
    history, told = watched(verbose=1)

    assert all(text.startswith("ProgbarLogger.on_epoch_") for text in told)
    if (code, is_terminal) != (errno.EIO, True):  # which tqdm itself passes over
        assert 1 <= len(told) <= 2
        assert "failed 4 times" in history.troubles[0]


def test_a_stdout_that_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a daemon."""
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stdout", stream)
    _, told = watched(ProgbarLogger(), verbose=1)

    assert told


@contextlib.contextmanager
def unread(kind: str) -> Iterator[tuple[Any, int]]:
    """A real stream that is full, and the descriptor from which nobody reads it."""
    reading, writing = os.pipe() if kind == "pipe" else pty.openpty()
    os.set_blocking(writing, False)
    for _ in range(5):  # a terminal moves on what it has, and has room again
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"x" * 1000)
        time.sleep(0.05)
    os.set_blocking(writing, True)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        yield stream, reading
    os.close(reading)


@pytest.mark.parametrize("kind", ["pipe", "terminal"])
def test_a_stdout_that_nobody_reads(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """It is waited for once, a second; training ends, and what was not shown is counted."""
    monkeypatch.setenv("TERM", "xterm")
    with unread(kind) as (stream, _):
        monkeypatch.setattr(sys, "stdout", stream)
        began = time.monotonic()
        history, told = watched(verbose=1)
        seconds = time.monotonic() - began

    assert 1 <= seconds < 10
    assert told == []
    assert len(history.troubles) == 1
    assert re.match("[0-9]+ lines", history.troubles[0])
    assert history.troubles[0].endswith(" lines or drawings were not shown, for nobody read them")


def test_a_stdout_that_is_read_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost: what waited is written first."""
    monkeypatch.setattr(outlets, "_PATIENCE_SECONDS", 0.1)
    with unread("pipe") as (stream, reading):
        monkeypatch.setattr(sys, "stdout", stream)
        read: list[bytes] = []

        def drain(epoch: int, logs: Any) -> None:
            if epoch == EPOCHS - 1:
                read.append(os.read(reading, 1 << 20))

        history, told = watched(LambdaCallback(on_epoch_begin=drain), verbose=2)
        lines = os.read(reading, 1 << 20).decode().splitlines()

    assert (history.troubles, told) == ([], [])
    assert [line.partition(" - ")[0] for line in lines] == [f"Epoch {n}/4" for n in range(1, 5)]


def test_a_stderr_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The summary of the troubles is not said then, and the run ends."""
    monkeypatch.setattr(outlets, "_PATIENCE_SECONDS", 0.1)
    with unread("pipe") as (stream, _):
        monkeypatch.setattr(sys, "stderr", stream)
        notices.say_troubles(["something"])


@pytest.mark.parametrize("meter", [BarMeter, LineMeter])
def test_names_that_would_rule_the_terminal(meter: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """An escape sequence in the name of a metric is shown, not obeyed."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(stream, "isatty", lambda: meter is BarMeter)
    monkeypatch.setenv("TERM", "xterm")
    name = "\x1b[2Jloss\r\n\x07한글"
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update({name: 0.5}))
    watched(add, verbose=1)

    assert r"\x1b[2Jloss\r\n\x07한글: 0.5000" in stream.getvalue()
    assert not {"\x07", "\x1b[2J"} & set(stream.getvalue())
    assert "\x1b[2J" not in stream.getvalue()


# RemoteMonitor and its server


@contextlib.contextmanager
def serving(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that does with each connection whatever it likes, until the test is over."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        is_over = threading.Event()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while not is_over.is_set():
                    connection, _ = listener.accept()
                    open_connections.append(connection)
                    with contextlib.suppress(OSError):
                        connection.recv(65536)
                        answer(connection)

        open_connections: list[socket.socket] = []
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            is_over.set()
            with contextlib.suppress(OSError), socket.create_connection(listener.getsockname()):
                pass
            thread.join()
            for connection in open_connections:
                connection.close()


def say_nothing(connection: socket.socket) -> None:
    """Mute: it takes the request and never answers."""


def drip(connection: socket.socket) -> None:
    """A byte now and then, so that no pause is ever long."""
    for letter in b"HTTP/1.1 200 OK\r\nX-Drip: " + b"x" * 60:
        connection.send(bytes([letter]))
        time.sleep(0.05)


def answer_with(data: bytes) -> Callable[[socket.socket], None]:
    def answer(connection: socket.socket) -> None:
        connection.sendall(data)
        connection.close()

    return answer


def reset(connection: socket.socket) -> None:
    linger = b"\1\0\0\0\0\0\0\0"
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    connection.close()


SERVERS: dict[str, Callable[[socket.socket], None]] = {
    "mute": say_nothing,
    "dripping": drip,
    "garbage": answer_with(b"\xff\x00 nonsense \r\n\r\n"),
    "lying about its length": answer_with(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
    "no number": answer_with(b"HTTP/1.1 abc OK\r\n\r\n"),
    "error": answer_with(b"HTTP/1.1 500 Oh no\r\nContent-Length: 0\r\n\r\n"),
    "redirect": answer_with(b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n"),
    "endless headers": answer_with(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 10_000),
    "closing": reset,
}


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_that_misbehaves(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At most one warning; no epoch waits longer than a connection and an answer may take."""
    monkeypatch.setattr(remote_monitor_module, "_ANSWER_SECONDS", 0.2)
    monkeypatch.setattr(remote_monitor_module, "_TOTAL_SECONDS", 0.3)
    with serving(SERVERS[kind]) as root:
        began = time.monotonic()
        history, told = watched(RemoteMonitor(root))

        assert time.monotonic() - began < 20
    assert len(told) == (0 if kind == "lying about its length" else 1)
    unsent = [f"RemoteMonitor: 4 epochs were not sent to {root}"]
    answered = kind in ("error", "redirect", "lying about its length")
    assert history.troubles == ([] if answered else unsent)


def test_no_server_at_all() -> None:
    """Refused, and a name that nobody has."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        root = f"http://127.0.0.1:{probe.getsockname()[1]}"
    for where in (root, "http://nobody.invalid"):
        history, told = watched(RemoteMonitor(where))

        assert len(told) == 1
        assert history.troubles == [f"RemoteMonitor: 4 epochs were not sent to {where}"]


# Their own mistakes


def test_an_observer_that_fails_is_left_alone_in_the_end(tmp_path: Path) -> None:
    """Ten times in a row, then its hook is not called again; its other hooks are."""

    class Failing(CSVLogger):
        calls = 0

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.calls += 1
            raise ValueError("mine")

    observer = Failing(tmp_path / "log.csv")
    history, told = watched(observer, epochs=6)

    assert observer.calls == 10
    assert told == [
        "Failing.on_train_batch_end failed: ValueError: mine. Training goes on without it; further "
        "failures of it are only counted."
    ]
    assert history.troubles == [
        "Failing.on_train_batch_end failed 10 times, and was not called again"
    ]
    assert epochs_in(tmp_path / "log.csv") == ["0", "1", "2", "3", "4", "5"]


def test_an_observer_that_fails_now_and_then_goes_on(tmp_path: Path) -> None:
    """Only failures in a row count for that."""

    class Failing(CSVLogger):
        calls = 0

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            self.calls += 1
            if self.calls % 5:
                raise ValueError("mine")

    observer = Failing(tmp_path / "log.csv")
    history, _ = watched(observer, epochs=10)

    assert observer.calls == 30
    assert history.troubles == ["Failing.on_train_batch_end failed 24 times"]


@pytest.mark.parametrize(
    "hook",
    ["on_train_begin", "on_epoch_begin", "on_batch_begin", "on_epoch_end", "on_train_end", "close"],
)
@pytest.mark.parametrize("kind", [CSVLogger, HistoryClass, ProgbarLogger, RemoteMonitor])
def test_a_bug_in_any_hook_of_an_observer(kind: Any, hook: str, tmp_path: Path) -> None:
    """It is a warning, once for each hook that it ends, and counted."""

    def fail(self: Any, *arguments: Any) -> None:
        raise ZeroDivisionError("mine")

    failing = type("Failing", (kind,), {hook: fail, "on_epoch_end": lambda *arguments: None})
    setattr(failing, hook, fail)
    arguments = {CSVLogger: [tmp_path / "log.csv"]}.get(kind, [])
    history, told = watched(failing(*arguments))

    assert all("ZeroDivisionError: mine. Training goes on without it" in text for text in told)
    assert 1 <= len(told) == len(history.troubles) <= 2
    assert history.troubles[-1].startswith("Failing.")


def test_whatever_somebody_puts_into_the_logs(tmp_path: Path) -> None:
    """Values of every kind: nobody who records them minds."""

    class Hostile:
        def __float__(self) -> float:
            raise ValueError("no number")

        def __str__(self) -> str:
            raise ValueError("no text")

    odd = {"nan": math.nan, "none": None, "text": "a\nb", "array": np.ones((2, 2)), "deep": [[1]]}
    odd |= {"tensor": torch.tensor([1.0, 2.0]), "bytes": b"\xff", "complex": 1j, "": 0}
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(odd))
    bad = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(hostile=Hostile()))
    history, told = watched(add, CSVLogger(tmp_path / "log.csv"), verbose=2)
    assert (told, history.troubles) == ([], [])

    history, told = watched(bad, CSVLogger(tmp_path / "bad.csv"), verbose=2)
    assert len(told) == 1
    assert history.troubles == ["CSVLogger.on_epoch_end failed 4 times"]


def test_ten_thousand_metrics(tmp_path: Path) -> None:
    """They cost what they must, and are all there."""
    many = {f"metric {number}": float(number) for number in range(10_000)}
    add = LambdaCallback(on_epoch_end=lambda epoch, logs: logs.update(many))
    history, told = watched(add, CSVLogger(tmp_path / "log.csv"), epochs=2)

    header, *rows = csv.reader((tmp_path / "log.csv").read_text().splitlines())
    assert len(header) == len(rows[0]) == len(many) + 5
    assert len(history.history) == len(many) + 4
    assert told == []
