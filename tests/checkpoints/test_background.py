from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from backbeat import files
from backbeat.checkpoints import read_tensors, write_tensors
from backbeat.checkpoints.background import Job, submit, wait_for
from backbeat.files import disk


class Gate:
    """A write that does not go on before it is let through."""

    def __init__(self, *, error: BaseException | None = None) -> None:
        self.began, self._opened = threading.Event(), threading.Event()
        self._error = error

    def __call__(self) -> None:
        self.began.set()
        self._opened.wait(10)
        if self._error is not None:
            raise self._error

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.open()


def writers() -> list[threading.Thread]:
    return [each for each in threading.enumerate() if each.name == "backbeat checkpoints"]


def test_written_by_another_thread(tmp_path: Path) -> None:
    """The caller goes on at once; afterwards the thread is gone."""
    who: list[threading.Thread] = []
    job = submit(lambda: who.append(threading.current_thread()), [tmp_path / "a"])
    job.wait()

    assert job.done
    assert job.error is None
    assert who[0] is not threading.current_thread()
    assert writers() == []


def test_one_after_the_other(tmp_path: Path, gate: Gate) -> None:
    """Never two at a time, in the order in which they were given."""
    order: list[int] = []
    first = submit(gate, [tmp_path / "a"])
    others = [submit(lambda n=n: order.append(n), [tmp_path / "b"]) for n in range(5)]
    gate.began.wait(2)

    assert len(writers()) == 1
    assert not any(job.done for job in (first, *others))

    gate.open()
    for job in others:
        job.wait()

    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("error", [OSError("full"), MemoryError(), SystemExit(3)])
def test_an_error_stays_with_its_job(tmp_path: Path, error: BaseException) -> None:
    """Whatever is raised: the job holds it, and the next one is written."""

    def fail() -> None:
        raise error

    failed, fine = submit(fail, [tmp_path / "a"]), submit(lambda: None, [tmp_path / "a"])
    fine.wait()

    assert failed.error is error
    assert fine.error is None


def test_no_more_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the system gives no thread, the job is done in line."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    who: list[threading.Thread] = []

    def write() -> None:
        wait_for(tmp_path / "a")  # as all who write do; it must not wait for itself
        who.append(threading.current_thread())

    job = submit(write, [tmp_path / "a"])

    assert job.done
    assert who == [threading.current_thread()]


def test_a_thread_that_died_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits for a job does not wait for ever."""
    monkeypatch.setattr("backbeat.checkpoints.background._LOOK_SECONDS", 0.01)
    start = threading.Thread.start

    def die(thread: threading.Thread) -> None:
        thread.run = lambda: None  # type: ignore[method-assign]
        monkeypatch.setattr(threading.Thread, "start", start)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", die)
    job = submit(lambda: None, [tmp_path / "a"])
    job.wait()

    assert job.done


# Those who read, and those who write


def later(act: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=act)
    thread.start()
    time.sleep(0.05)
    return thread


def test_readers_of_the_path_wait(tmp_path: Path, gate: Gate) -> None:
    """They see what is being written, through a link as well; others are not held up."""
    path, other, link = tmp_path / "a.safetensors", tmp_path / "b.safetensors", tmp_path / "l"
    link.symlink_to(path)
    for each in (path, other):
        write_tensors(each, {"x": np.zeros(1)})

    def write() -> None:
        gate()
        write_tensors(path, {"x": np.ones(1)})

    job = submit(write, [path])
    found: list[float] = []
    reader = later(lambda: found.append(read_tensors(link).tensors["x"].array()[0]))

    assert read_tensors(other).tensors["x"].array()[0] == 0
    assert reader.is_alive()

    gate.open()
    reader.join(5)
    job.wait()

    assert found == [1]


def test_writers_of_the_path_wait(tmp_path: Path, gate: Gate) -> None:
    """What was decided on later is there in the end."""
    path = tmp_path / "a.safetensors"

    def write() -> None:
        gate()
        write_tensors(path, {"x": np.zeros(1)})

    submit(write, [path])
    writer = later(lambda: write_tensors(path, {"x": np.ones(1)}))
    gate.open()
    writer.join(5)

    assert read_tensors(path).tensors["x"].array()[0] == 1


# Child processes


def in_child(act: Callable[[], bool]) -> bool:
    """Whether `act` is true in a forked child, which has 10 s for it."""
    child = os.fork()
    if child == 0:
        try:
            os._exit(0 if act() else 1)
        finally:
            os._exit(2)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return False


def test_a_child_leaves_it_to_the_parent(tmp_path: Path, gate: Gate) -> None:
    """Forked in the middle of a write, with another one queued: nobody waits, nobody writes."""
    written: list[int] = []
    running = submit(gate, [tmp_path / "a"])
    queued = submit(lambda: written.append(os.getpid()), [tmp_path / "a"])
    gate.began.wait(2)

    def child() -> bool:
        for job in (running, queued):
            job.wait()
        wait_for(tmp_path / "a")
        return running.abandoned and queued.abandoned and not written and not writers()

    assert in_child(child)

    gate.open()
    queued.wait()

    assert not running.abandoned
    assert written == [os.getpid()]


def test_a_child_may_write_by_itself(tmp_path: Path, gate: Gate) -> None:
    """It has a thread of its own when it needs one."""
    submit(gate, [tmp_path / "a"])
    gate.began.wait(2)

    def child() -> bool:
        job: Job = submit(lambda: (tmp_path / "b").touch(), [tmp_path / "b"])
        job.wait()
        return job.error is None and (tmp_path / "b").exists()

    assert in_child(child)


def test_a_child_leaves_the_file_that_is_being_written(tmp_path: Path) -> None:
    """Forked when the new file has no name yet, it removes nothing when it ends."""
    path = tmp_path / "a.safetensors"
    half, go_on = threading.Event(), threading.Event()

    class SlowDisk(files.Disk):
        def fsync(self, descriptor: int) -> None:
            half.set()
            go_on.wait(10)
            super().fsync(descriptor)

    before, disk.current = disk.current, SlowDisk()
    try:
        job = submit(lambda: write_tensors(path, {"x": np.ones(9)}), [path])
        half.wait(5)

        def child() -> bool:
            gc.collect()
            return len(list(tmp_path.iterdir())) == 1

        assert in_child(child)

        go_on.set()
        job.wait()
    finally:
        disk.current = before

    assert job.error is None
    assert [each.name for each in tmp_path.iterdir()] == ["a.safetensors"]
