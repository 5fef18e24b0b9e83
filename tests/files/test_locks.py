"""lock_directory: one run at a time, freed however the run ends."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointError, DirectoryInUseError
from tests.files.disks import FailingDisk, names

HOLD = """
import sys, time
from backbeat import files
lock = files.lock_directory(sys.argv[1], "first")
print("held", flush=True)
time.sleep(60)
"""


class NoLocks(files.Disk):
    """A file system, such as some network ones, that cannot lock."""

    def lock(self, descriptor: int) -> bool:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


def write_holder(path: Path, **changes: object) -> None:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    holder = {"host": socket.gethostname(), "pid": os.getpid(), "boot": boot, "run": "x"}
    (path / ".lock").write_text(json.dumps({**holder, "since": "then", **changes}))


def test_the_second_run_is_told(tmp_path: Path) -> None:
    """A held directory is refused, naming the run that holds it; released, it is free again."""
    with files.lock_directory(tmp_path, "mnist-7") as lock:
        with pytest.raises(DirectoryInUseError) as raised:
            files.lock_directory(tmp_path, "mnist-8")
        assert lock.left_by is None

    assert str(raised.value).startswith(f"{tmp_path} is in use by run 'mnist-7' (process ")
    assert f"{os.getpid()} on {socket.gethostname()!r}, since '2" in str(raised.value)
    assert str(raised.value).endswith(f"if it ended long ago, remove {tmp_path / '.lock'}.")
    assert names(tmp_path) == []
    files.lock_directory(tmp_path).release()


def test_a_killed_run_frees_its_directory(tmp_path: Path) -> None:
    """After kill -9 of the holder the directory is free, and who left it is known."""
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdout=subprocess.PIPE) as first:
        assert first.stdout is not None
        first.stdout.readline()
        with pytest.raises(DirectoryInUseError, match=f"run 'first' .process {first.pid} on"):
            files.lock_directory(tmp_path)
        first.send_signal(signal.SIGKILL)
        first.wait()
    with files.lock_directory(tmp_path, "second") as lock:
        assert lock.left_by is not None

        assert (lock.left_by.run, lock.left_by.pid) == ("first", first.pid)
        assert lock.left_by.is_gone()


def test_a_forked_child_does_not_keep_it(tmp_path: Path) -> None:
    """A worker that was forked meanwhile neither holds the lock nor frees it when it ends."""
    lock = files.lock_directory(tmp_path)
    ready, done = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.write(ready[1], b"x")
        os.read(done[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with pytest.raises(DirectoryInUseError):
        files.lock_directory(tmp_path)
    lock.become_inert()  # as the system does for a killed process

    files.lock_directory(tmp_path).release()
    os.write(done[1], b"x")
    os.waitpid(child, 0)
    for end in (*ready, *done):
        os.close(end)


def test_only_one_of_many_gets_it(tmp_path: Path) -> None:
    """However many try, over and over, at most one holds the directory at any time."""
    inside, most, taken = [0], [0], [0]

    def compete() -> None:
        for _ in range(200):
            try:
                with files.lock_directory(tmp_path):
                    inside[0] += 1
                    most[0] = max(most[0], inside[0])
                    taken[0] += 1
                    inside[0] -= 1
            except DirectoryInUseError:
                continue

    threads = [threading.Thread(target=compete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1]
    assert taken[0] > 0
    assert names(tmp_path) == []


def test_without_locks_the_file_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be locked, a file of a process that ended here is free, others are not."""
    monkeypatch.setattr(files.disk, "current", NoLocks())
    held = files.lock_directory(tmp_path, "held")
    with pytest.raises(DirectoryInUseError, match="run 'held'"):
        files.lock_directory(tmp_path)
    held.release()
    write_holder(tmp_path, host="elsewhere", pid=1)
    with pytest.raises(DirectoryInUseError, match="on 'elsewhere', since 'then'"):
        files.lock_directory(tmp_path)
    for gone in ({"pid": 2**22 + 1}, {"boot": "before"}, {"pid": -1}, {"pid": 2**80}):
        write_holder(tmp_path, **gone)

        with files.lock_directory(tmp_path) as lock:
            assert lock.left_by is not None


def test_a_lock_whose_file_is_another_ones(tmp_path: Path) -> None:
    """Somebody removed it, and another run was first: that one's file stays where it is."""
    first = files.lock_directory(tmp_path)
    assert first.is_held()
    first.path.unlink()
    assert not first.is_held()
    with files.lock_directory(tmp_path) as second:
        assert not first.is_held()
        first.release()

        assert second.is_held()
    assert not second.is_held()


@pytest.mark.parametrize("text", ["", "garbage", "[]", '{"pid": "x"}', "[" * 4000, "\0" * 9000])
def test_any_text_may_be_in_the_file(tmp_path: Path, text: str) -> None:
    """What others wrote into the lock file is never an error."""
    (tmp_path / ".lock").write_text(text)
    with files.lock_directory(tmp_path) as lock:
        assert lock.left_by is None

        with pytest.raises(DirectoryInUseError, match="in use by another run .process"):
            files.lock_directory(tmp_path)


def test_a_link_in_its_place(tmp_path: Path) -> None:
    """A link called .lock is not followed: nothing is written elsewhere."""
    (tmp_path / "precious").write_text("kept")
    (tmp_path / ".lock").symlink_to(tmp_path / "precious")

    with pytest.raises(CheckpointError, match=r"\.lock cannot be written: Too many levels"):
        files.lock_directory(tmp_path)
    assert (tmp_path / "precious").read_text() == "kept"


def test_every_operation_may_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fails while locking gives an error that teaches, and holds nothing."""
    for number in (1, 2, 3):
        with monkeypatch.context() as patch:
            patch.setattr(files.disk, "current", FailingDisk(number, errno.EROFS))
            with pytest.raises(CheckpointError, match=r"\.lock cannot be written: Read-only"):
                files.lock_directory(tmp_path)

        files.lock_directory(tmp_path).release()
