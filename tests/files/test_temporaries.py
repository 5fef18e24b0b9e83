"""Temporary files: those of dead processes are removed, those of living ones are not."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointError
from tests.files.disks import FailingDisk, RecordingDisk, names

WRITE_FOR_EVER = """
import sys, time
from backbeat import files
with files.whole(sys.argv[1]) as file:
    file.write(b"half")
    print("writing", flush=True)
    time.sleep(60)
"""


def write(path: Path) -> None:
    with files.whole(path) as file:
        file.write(b"whole")


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    """A living writer's file is left alone; after kill -9 the next write to the path clears up."""
    target = tmp_path / "a.bin"
    command = [sys.executable, "-c", WRITE_FOR_EVER, target]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
        assert writer.stdout is not None
        writer.stdout.readline()
        write(target)
        beside = [name for name in names(tmp_path) if name != "a.bin"]
        writer.send_signal(signal.SIGKILL)
        writer.wait()
    assert len(beside) == 1
    write(tmp_path / "b.bin")
    assert names(tmp_path) == sorted([*beside, "a.bin", "b.bin"])
    write(target)

    assert names(tmp_path) == ["a.bin", "b.bin"]


def test_only_our_own_names_are_removed(tmp_path: Path) -> None:
    """Files of other names stay, and so does what is no file."""
    kept = [".a.bin.tmp", ".a.bin.0123.tmp", ".ab.bin.0123456789abcdef.tmp", "a.bin.tmp"]
    for name in kept:
        (tmp_path / name).write_text("")
    (tmp_path / ".a.bin.0123456789abcdef.tmp").symlink_to(tmp_path / "a.bin.tmp")
    os.mkfifo(tmp_path / ".a.bin.1123456789abcdef.tmp")
    (tmp_path / ".a.bin.2123456789abcdef.tmp").write_text("")
    write(tmp_path / "a.bin")

    assert (tmp_path / "a.bin.tmp").exists()
    assert set(kept) < set(names(tmp_path))
    assert ".a.bin.2123456789abcdef.tmp" not in names(tmp_path)


def test_clearing_up_never_fails_a_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever goes wrong with an old file, the new one is written."""
    for number, only in ((1, "open"), (1, "unlink"), (1, "close")):
        (tmp_path / ".a.bin.0123456789abcdef.tmp").write_text("")
        monkeypatch.setattr(files.disk, "current", FailingDisk(number, only=only))
        write(tmp_path / "a.bin")

        assert (tmp_path / "a.bin").read_bytes() == b"whole"


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nobody can tell whether the owner lives, its file stays; writing works."""

    class NoLocks(RecordingDisk):
        def lock(self, descriptor: int) -> bool:
            raise OSError(95, "Operation not supported")

    left = tmp_path / ".a.bin.0123456789abcdef.tmp"
    left.write_text("")
    monkeypatch.setattr(files.disk, "current", NoLocks())
    write(tmp_path / "a.bin")

    assert names(tmp_path) == [left.name, "a.bin"]


def test_a_file_taken_for_a_left_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is removed between its creation and its lock is made anew."""

    class Unlucky(RecordingDisk):
        tries = 0

        def lock(self, descriptor: int) -> bool:
            self.tries += 1
            if self.tries < 3:
                for path in tmp_path.iterdir():
                    path.unlink()
            return self.tries != 1 and super().lock(descriptor)

    disk = Unlucky()
    monkeypatch.setattr(files.disk, "current", disk)
    write(tmp_path / "a.bin")

    assert disk.tries == 3
    assert names(tmp_path) == ["a.bin"]


def test_a_file_that_cannot_be_created(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error is that of the system; nothing is left open."""
    monkeypatch.setattr(files.disk, "current", FailingDisk(1))

    with pytest.raises(CheckpointError, match="a.bin cannot be written: No space left"):
        write(tmp_path / "a.bin")
    assert names(tmp_path) == []
