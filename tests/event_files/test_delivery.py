"""Delivery: what happens when the disk, the thread or the process fails."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from backbeat import files
from backbeat.event_files import EventFileWriter, backlog, delivery, read_records
from tests.event_files.reading import events_in, scalars, series
from tests.files.disks import Killed, RecordingDisk, names

pytestmark = pytest.mark.faults


class FullDisk(RecordingDisk):
    """Full until somebody makes room."""

    is_full = True

    def before(self, number: int, name: str) -> None:
        if self.is_full and name in ("write", "make_directory"):
            raise OSError(errno.ENOSPC, "No space left on device")


class HungDisk(RecordingDisk):
    """Answers no write until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.hangs = threading.Event()

    def before(self, number: int, name: str) -> None:
        if name == "write":
            self.hangs.set()
            self.go_on.wait()


class DeadlyDisk(RecordingDisk):
    """Kills the thread that writes."""

    def before(self, number: int, name: str) -> None:
        raise Killed(name)


@pytest.fixture
def hung(monkeypatch: pytest.MonkeyPatch) -> Iterator[HungDisk]:
    disk = HungDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    yield disk
    disk.go_on.set()


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is given while the disk is full is written when there is room again."""
    disk = FullDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    writer = EventFileWriter(tmp_path / "run", flush_seconds=0.01)
    for step in range(100):
        writer.scalar("loss", step, step)
        writer.histogram("kernel", [step], step)
    wait_until(lambda: writer.report.failures > 1)
    flushed = writer.flush()
    disk.is_full = False
    wait_until(lambda: writer.report.written == 200)
    report = writer.close()

    assert not flushed
    assert scalars(tmp_path / "run", "loss") == [(step, float(step)) for step in range(100)]
    assert len(series(tmp_path / "run", "kernel")) == 100
    assert report.complaint() == ""


def test_a_disk_that_stays_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the end it is told what was lost, and why; nothing is raised and no file is left."""
    monkeypatch.setattr(files.disk, "current", FullDisk())
    writer = EventFileWriter(tmp_path, flush_seconds=0.01)
    for step in range(100):
        writer.scalar("loss", step, step)
    report = writer.close()

    assert report.unwritten == 100
    assert report.complaint().startswith(
        "Not written to the event files: 100 values that still waited at the end: "
    )
    assert "No space left on device. The disk is full: free some space" in report.complaint()
    assert names(tmp_path) == []


def test_a_disk_that_fills_up_in_between(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that is cut in its middle ends its file; the rest is in the next, once."""

    class Filling(RecordingDisk):
        taken = 0

        def write(self, descriptor: int, data: memoryview) -> int:
            self.taken += 1
            if self.taken == 3:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(descriptor, data[:1000])

    monkeypatch.setattr(files.disk, "current", Filling())
    writer = EventFileWriter(tmp_path, flush_seconds=0.01)
    for step in range(500):
        writer.scalar("loss", step, step)
    report = writer.close()

    assert len(names(tmp_path)) <= 2
    assert report.failures == 1
    assert report.written + report.unwritten == 500


def test_pauses_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that refuses is asked less and less often."""
    monkeypatch.setattr(files.disk, "current", FullDisk())
    writer = EventFileWriter(tmp_path, flush_seconds=0.01)
    writer.scalar("loss", 0, 0)
    wait_until(lambda: writer.report.failures >= 3)
    started = time.monotonic()
    wait_until(lambda: writer.report.failures >= 5)
    writer.close()

    assert time.monotonic() - started > 0.08


def test_a_hung_disk_is_not_waited_for(tmp_path: Path, hung: HungDisk) -> None:
    """Neither the calls nor the end wait for it; the end says what is not written."""
    writer = EventFileWriter(tmp_path, flush_seconds=0.01, close_seconds=0.2)
    writer.scalar("loss", 0, 0)
    hung.hangs.wait(20)
    started = time.monotonic()
    for step in range(1000):
        writer.scalar("loss", step, step)
        writer.histogram("kernel", [step], step)
    flushed = writer.flush(0.1)
    report = writer.close()
    took = time.monotonic() - started
    waiting, complaint = report.unwritten, report.complaint()
    hung.go_on.set()
    late = writer.close(20)

    assert took < 10
    assert not flushed
    assert waiting == 2001
    assert complaint == (
        "Not written to the event files: 2001 values that still waited at the end: the disk did "
        "not answer within 0.2 seconds"
    )
    assert late.written == 2001
    assert late.complaint() == ""


def test_memory_is_bounded(tmp_path: Path, hung: HungDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk hangs, histograms are dropped long before scalars; both are counted."""
    monkeypatch.setattr(backlog, "COARSE_BYTES", 100_000)
    monkeypatch.setattr(delivery, "FINE_VALUES", 20_000)
    writer = EventFileWriter(tmp_path, flush_seconds=0.01, close_seconds=20)
    writer.scalar("loss", 0, 0)
    hung.hangs.wait(20)
    kernel = np.random.default_rng(0).normal(size=5000)
    for step in range(1, 30_001):
        writer.scalar("loss", step, step)
        if step % 100 == 0:
            writer.histogram("kernel", kernel, step)
            writer.images("picture", np.zeros((100, 100)), step)
    dropped = dict(writer.report.dropped)
    waiting = len(writer._delivery.backlog)
    hung.go_on.set()
    report = writer.close()

    assert dropped["scalars"] == 10_000
    assert 200 < dropped["histograms"] < 300
    assert 200 < dropped["images"] < 300
    assert waiting < 20_100
    assert report.written == 1 + 30_000 + 300 + 300 - sum(dropped.values())
    assert scalars(tmp_path, "loss")[:20_001] == [(step, float(step)) for step in range(20_001)]


def test_without_room_for_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A histogram of more than there is room for is counted in line, and not dropped."""
    monkeypatch.setattr(backlog, "COARSE_BYTES", 10_000)
    writer = EventFileWriter(tmp_path)
    writer.histogram("kernel", np.ones(100_000), 0)
    report = writer.close()

    assert series(tmp_path, "kernel")[0][1].tolist() == [[1.0, 1.125, 100_000.0]]
    assert report.complaint() == ""


def test_a_dead_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thread that dies is noticed: what it had is counted, and what comes later too."""
    monkeypatch.setattr(files.disk, "current", DeadlyDisk())
    writer = EventFileWriter(tmp_path, flush_seconds=0.01)
    writer.scalar("loss", 0, 0)
    flushed = writer.flush()
    wait_until(lambda: writer.report.unwritten)
    writer.scalar("loss", 1, 1)
    writer.histogram("kernel", [1.0], 1)
    report = writer.close()

    assert not flushed
    assert report.unwritten == 1
    assert report.dropped == {"scalars": 1, "histograms": 1}
    assert "the writing thread ended: Killed(" in report.complaint()


def test_no_thread_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system gives no thread, values are dropped and counted."""

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    writer = EventFileWriter(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        writer.scalar("loss", 0, 0)
        writer.scalar("loss", 1, 1)

    assert writer.close().dropped == {"scalars": 2}


def test_forked_children(tmp_path: Path) -> None:
    """A child forked at any moment writes nothing and waits for nothing; its parent does."""
    writer = EventFileWriter(tmp_path, flush_seconds=0.001)
    for step in range(300):
        writer.scalar("loss", step, step)
        if step % 30 == 0:
            wait_for_child(fork(writer))
    report = writer.close()

    assert scalars(tmp_path, "loss") == [(step, float(step)) for step in range(300)]
    assert report.complaint() == ""
    assert len(names(tmp_path)) == 1


def fork(writer: EventFileWriter) -> int:
    child = os.fork()
    if child == 0:
        writer.scalar("loss", 99, 99)
        writer.histogram("kernel", [1.0], 1)
        flushed = writer.flush(5)
        dropped = writer.close(5).dropped
        os._exit(0 if flushed and dropped["scalars"] == dropped["histograms"] == 1 else 1)
    return child


def wait_for_child(child: int) -> None:
    """A child that hangs would never end by itself."""
    deadline = time.monotonic() + 20
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.001)
    assert os.waitstatus_to_exitcode(ended[1]) == 0


def test_killed_at_any_moment(tmp_path: Path) -> None:
    """After kill -9 the files are readable up to the last moments, and hold nothing twice."""
    code = (
        "import sys; from backbeat.event_files import EventFileWriter\n"
        "writer = EventFileWriter(sys.argv[1], flush_seconds=0.001)\n"
        "for step in range(10_000_000):\n"
        "    writer.scalar('loss', step, step)\n"
        "    if step == 3000: writer.flush(); print('ready', flush=True)\n"
    )
    for turn in range(5):
        directory = tmp_path / str(turn)
        command = [sys.executable, "-c", code, str(directory)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            assert child.stdout is not None
            child.stdout.readline()
            time.sleep(0.01 * turn)
            child.kill()
        [path] = directory.iterdir()
        steps = [event.step for event in events_in(directory)[2:]]

        assert len(steps) > 3000
        assert steps == list(range(len(steps)))
        assert len(list(read_records(path))) == len(steps) + 2
