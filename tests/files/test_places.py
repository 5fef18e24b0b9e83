"""probe and make_parents: will it be writable, and is there a place for it?"""

import errno
import os
from pathlib import Path

import pytest

from backbeat import files
from backbeat.errors import CheckpointError
from tests.files.disks import FailingDisk, RecordingDisk, names


def test_probe_really_writes_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe creates a file and removes it, for a file, a directory, or what is not there yet."""
    disk = RecordingDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    (tmp_path / "there.csv").write_text("kept")
    for path in (tmp_path, tmp_path / "there.csv", tmp_path / "new.csv", tmp_path / "a/b/new.csv"):
        disk.operations.clear()
        files.probe(path)

        assert disk.operations == ["open", "close", "unlink"]
    assert names(tmp_path) == ["there.csv"]
    assert (tmp_path / "there.csv").read_text() == "kept"


def test_probe_of_a_read_only_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the path that was asked for, and what to do."""
    monkeypatch.setattr(files.disk, "current", FailingDisk(1, errno.EROFS))

    with pytest.raises(CheckpointError, match=r"new\.csv cannot be written: Read-only.*other disk"):
        files.probe(tmp_path / "a" / "new.csv")


def test_probe_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that may not be written is found out."""
    monkeypatch.setattr(files.disk, "current", FailingDisk(1, errno.EACCES))

    with pytest.raises(CheckpointError, match=r"Permission denied\. You may not write there"):
        files.probe(tmp_path / "new.csv")


def test_probe_cleans_up_when_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A probe that fails half-way leaves nothing either."""
    monkeypatch.setattr(files.disk, "current", FailingDisk(2, errno.EIO))
    with pytest.raises(CheckpointError, match="cannot be written"):
        files.probe(tmp_path / "new.csv")

    assert names(tmp_path) == []


def test_probe_below_a_file(tmp_path: Path) -> None:
    """A path that goes through a file can never be created."""
    (tmp_path / "file").write_text("")

    with pytest.raises(CheckpointError, match="A part of the path is a file"):
        files.probe(tmp_path / "file" / "new.csv")


def test_probe_of_a_pipe(tmp_path: Path) -> None:
    """What would block later is refused now."""
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(CheckpointError, match="is a pipe"):
        files.probe(tmp_path / "pipe")


def test_make_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing directories are created from the top, each made durable in the one above."""
    disk = RecordingDisk()
    monkeypatch.setattr(files.disk, "current", disk)
    created = files.make_parents(tmp_path / "a" / "b" / "weights.h5")

    assert created == [tmp_path / "a", tmp_path / "a" / "b"]
    assert disk.operations == ["make_directory", "fsync_directory"] * 2
    assert names(tmp_path / "a" / "b") == []
    assert files.make_parents(tmp_path / "a" / "b" / "weights.h5") == []


def test_make_parents_with_a_name_that_is_too_long(tmp_path: Path) -> None:
    """The error teaches, though no operation that writes has been tried."""
    with pytest.raises(CheckpointError, match="The name is too long: give a shorter one"):
        files.make_parents(tmp_path / ("n" * 300) / "file")


def test_make_parents_below_a_file(tmp_path: Path) -> None:
    """A file in the way is reported."""
    (tmp_path / "file").write_text("")

    with pytest.raises(CheckpointError, match="cannot be written: Not a directory"):
        files.make_parents(tmp_path / "file" / "a" / "weights.h5")
